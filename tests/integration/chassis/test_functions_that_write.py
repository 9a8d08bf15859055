"""A query that calls a function which writes is a change: each volatile function of PostgreSQL that we call is judged."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from lutong_chassis.database import may_change
from tests.conftest import Infrastructure

ROOT: Final = Path(__file__).parents[3]
RUNNING: Final = ("libs/chassis", *(f"services/{name}" for name in ("feed", "registry", "membership", "inventory")))
CHANGE_NOTHING: Final = frozenset(
    {
        *("clock_timestamp", "pg_database_size", "pg_control_system"),
        *("pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_all"),
        *("pg_advisory_xact_lock", "pg_try_advisory_lock", "pg_try_advisory_xact_lock"),
    }
)
"""Volatile, and yet no row is another afterwards: clocks, sizes, and locks of a session or a transaction."""

_CALL: Final = re.compile(r"\b([a-z_0-9]+)\s*\(")
_STATEMENT: Final = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\b")


def called(sources: Iterable[str]) -> Iterator[str]:
    """Names of functions in the statements of Python code."""
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if texts and _STATEMENT.match(texts[0]):
                yield from _CALL.findall(" ".join(texts))


async def volatile(admin_url: str, names: Iterable[str]) -> set[str]:
    """Those that PostgreSQL has, and that may do something else than calculate."""
    connection = await asyncpg.connect(admin_url)
    try:
        rows = await connection.fetch(
            """
            SELECT DISTINCT proname FROM pg_proc
             WHERE provolatile = 'v' AND prokind = 'f' AND pronamespace = 'pg_catalog'::regnamespace
               AND proname = ANY ($1)
            """,
            sorted(set(names)),
        )
        return {row["proname"] for row in rows}
    finally:
        await connection.close()


async def test_each_volatile_function_is_a_change_or_is_known_to_be_none(infrastructure: Infrastructure) -> None:
    texts = [file.read_text("utf-8") for part in RUNNING for file in (ROOT / part).rglob("*.py")]
    found = await volatile(infrastructure.admin_url, called(texts))
    assert found & CHANGE_NOTHING, "the search finds what is called"
    assert {name for name in found - CHANGE_NOTHING if not may_change(f"SELECT {name}($1)")} == set()


@pytest.mark.parametrize("name", ["nextval", "setval", "lo_import"])
async def test_functions_that_write_are_volatile(name: str, infrastructure: Infrastructure) -> None:
    assert await volatile(infrastructure.admin_url, called([f'x = "SELECT {name}($1)"'])) == {name}
    assert may_change(f"SELECT {name}($1)")
