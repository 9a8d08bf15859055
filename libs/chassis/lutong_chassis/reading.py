"""Reads without ceremony: one statement, one round trip; no BEGIN, no time, no COMMIT.

At READ COMMITTED each statement sees what is committed when it begins, in a transaction or not: a query that reads one
thing gains nothing by one.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from lutong_chassis.database import Pool, acquire, may_change
from lutong_chassis.errors import QueryWroteError


class Reads(Protocol):
    """What a statement that only reads needs: a transaction (`Tx`), or a `Reader`."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of a statement."""

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of a statement, or None."""

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401  # a column can be anything
        """The first column of the first row, or None."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Statements of their own, each on a connection of the pool. One that may change something is a bug."""

    pool: Pool

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of a statement."""
        _refuse_changes(sql)
        async with acquire(self.pool) as connection:
            return await connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of a statement, or None."""
        _refuse_changes(sql)
        async with acquire(self.pool) as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401  # a column can be anything
        """The first column of the first row, or None."""
        _refuse_changes(sql)
        async with acquire(self.pool) as connection:
            return await connection.fetchval(sql, *args)


def _refuse_changes(sql: str) -> None:
    if may_change(sql):
        raise QueryWroteError("a query may only read: take a transaction (`tx: TxDependency`) in a command")
