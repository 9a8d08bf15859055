"""`lutong doctor` names the session that everything else waits for, also to a role that may see no other session."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_chassis.testing import create_database, drop_database
from lutong_console import lock_checks
from lutong_console.lock_checks import Wait
from tests.conftest import Infrastructure
from tests.support.harness import until

_ROLE = "looks_only"


@pytest_asyncio.fixture
async def url(infrastructure: Infrastructure) -> AsyncIterator[str]:
    """A database with one table and one row."""
    name = f"locked_{uuid7().hex[-8:]}"
    made = await create_database(infrastructure.admin_url, name)
    connection = await asyncpg.connect(made)
    await connection.execute(f"CREATE TABLE shelf AS SELECT 1 AS units; CREATE ROLE {_ROLE} LOGIN PASSWORD 'looks'")
    await connection.close()
    try:
        yield made
    finally:
        await drop_database(infrastructure.admin_url, name)
        admin = await asyncpg.connect(infrastructure.admin_url)
        await admin.execute(f"DROP ROLE {_ROLE}")
        await admin.close()


async def _seen(url: str) -> list[Wait]:
    """What a role sees that has no rights at all."""
    parts = urlsplit(url)
    connection = await asyncpg.connect(
        urlunsplit(parts._replace(netloc=f"{_ROLE}:looks@{parts.hostname}:{parts.port}"))
    )
    try:
        return await lock_checks.waits(connection)
    finally:
        await connection.close()


async def test_the_session_that_others_wait_for_is_named(url: str) -> None:
    holder, first, second, looking = [await asyncpg.connect(url) for _ in range(4)]
    change = "UPDATE shelf SET units = units + 1"
    async with holder.transaction():
        await holder.execute(change)
        waiting = [asyncio.create_task(each.execute(change)) for each in (first, second)]

        async def held_up() -> bool:
            return sum(wait.waiting for wait in await _seen(url)) > 0

        await until(held_up, "the others wait")
        (wait,) = await _seen(url)
        (own,) = await lock_checks.waits(looking)
        assert own.age_s >= own.longest_s > 0 == wait.age_s  # of another role it is not shown
        assert (wait.pid, wait.role) == (holder.get_server_pid(), urlsplit(url).username)
        assert list(lock_checks.judge("feed", [wait])) == []  # waiting for a moment is nothing
        (finding,) = lock_checks.judge("feed", [wait._replace(longest_s=75.0, waiting=2)])
        # Who waits gives up and tries again: then the age of the transaction shows it.
        assert len(list(lock_checks.judge("feed", [wait._replace(age_s=75.0)]))) == 1
        assert f"for what session {wait.pid} of role {wait.role} has locked" in finding.what
        assert f"pg_terminate_backend({wait.pid})" in finding.then
    await asyncio.gather(*waiting)
    assert await _seen(url) == []
    for connection in (holder, first, second, looking):
        await connection.close()


async def test_a_lock_is_named_also_while_nobody_waits_for_it(url: str) -> None:
    holder, looking = [await asyncpg.connect(url) for _ in range(2)]
    for locks in ("UPDATE shelf SET units = 2", "LOCK TABLE shelf IN EXCLUSIVE MODE"):
        async with holder.transaction():
            await holder.execute(locks)
            (wait,) = await lock_checks.holders(looking)
            assert (wait.pid, wait.waiting) == (holder.get_server_pid(), 0)
            assert list(lock_checks.judge("feed", [wait])) == []  # a moment is nothing
            (finding,) = lock_checks.judge("feed", [wait._replace(age_s=75.0)])
            assert f"session {wait.pid} of role {wait.role} has locked rows or a table for 75 s" in finding.what
    async with holder.transaction():
        await holder.fetch("SELECT FROM shelf")
        assert await lock_checks.holders(looking) == []  # the control: who reads is in nobody's way
    for connection in (holder, looking):
        await connection.close()
