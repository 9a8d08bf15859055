"""`lutong doctor` says who has the connections of a server, also to a role that has no rights."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_console import connection_checks
from lutong_console.connection_checks import Connections, Taken
from tests.conftest import Infrastructure

_PROGRAM = "a-report"


@pytest_asyncio.fixture
async def a_role(infrastructure: Infrastructure) -> AsyncIterator[str]:
    """The address of the server for a role that may do nothing but sign in."""
    role = f"looks_{uuid7().hex[-8:]}"
    admin = await asyncpg.connect(infrastructure.admin_url)
    await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'looks'")
    parts = urlsplit(infrastructure.admin_url)
    try:
        yield urlunsplit(parts._replace(netloc=f"{role}:looks@{parts.hostname}:{parts.port}"))
    finally:
        await admin.execute(f"DROP ROLE {role}")
        await admin.close()


async def test_sessions_are_counted_by_role_and_program(infrastructure: Infrastructure, a_role: str) -> None:
    async with AsyncExitStack() as open_ones:
        for _ in range(3):
            session = await asyncpg.connect(infrastructure.admin_url, server_settings={"application_name": _PROGRAM})
            open_ones.push_async_callback(session.close)
        connection = await asyncpg.connect(a_role)
        open_ones.push_async_callback(connection.close)
        found = await connection_checks.look(connection)
    assert found.most > 3
    assert [each.sessions for each in found.taken if each.program == _PROGRAM] == [3]


def test_a_server_whose_connections_run_out_is_found_with_who_has_them() -> None:
    (finding,) = connection_checks.judge(
        Connections(150, [Taken("postgres", _PROGRAM, 90, 88), Taken("feed", "", 40, 0)])
    )
    assert finding.what == (
        "PostgreSQL: 130 of 150 connections are taken, 90 by role postgres (a-report), 88 of them idle"
    )
    assert "WHERE usename = 'postgres' AND application_name = 'a-report'" in finding.then


def test_a_name_with_a_quote_ends_no_text() -> None:
    (finding,) = connection_checks.judge(Connections(10, [Taken("feed", "x' OR true --", 9, 0)]))
    assert "application_name = 'x'' OR true --'" in finding.then


def test_one_with_room_is_none() -> None:
    assert list(connection_checks.judge(Connections(150, [Taken("feed", "", 120, 0)]))) == []
    assert list(connection_checks.judge(Connections(150, []))) == []
