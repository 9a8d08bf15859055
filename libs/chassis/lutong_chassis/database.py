"""The service's own PostgreSQL: pool and transactions. Plain SQL, no mapper."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

import asyncpg
import structlog
from uuid_utils import uuid7

from lutong_chassis import _patches, connecting
from lutong_chassis.envelope import Cause, Outgoing
from lutong_chassis.errors import (
    ROOTS,
    ErrorClass,
    NoConnectionError,
    QueryWroteError,
    blames,
    classify,
)
from lutong_chassis.printing import log_to_stderr
from lutong_chassis.request import Requested, current
from lutong_contracts import Event

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

log_to_stderr()
log = structlog.get_logger(__name__)

connect: Final = connecting.connect

_patches.install("asyncpg", _patches.ask_arrays_quickly)

_RELEASE_S: Final = 5.0
"""So long a connection may take to be given back; then it is closed without the server's consent."""

_LOCKS: Final = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b")
_WRITERS: Final = (
    "keep_outbox_days", "keep_fact_days", "keep_movement_days", "forget_facts", "fold_engagement_fact", "fold_interaction_fact",
    "fold_usage_fact", "rebuild_account_reads", "rebuild_counters", "rebuild_interactions", "rebuild_program_use", "rebuild_usage",
    "nextval", "setval", "lo_import", "lo_unlink",
)  # fmt: skip
"""Functions that write: those of our migrations, and those of PostgreSQL that a service could call."""
_CHANGES: Final = re.compile(
    rf"\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY|CALL|{'|'.join(_WRITERS)})\b", re.IGNORECASE
)


@dataclass(slots=True)
class Tx:
    """One transaction, its one point in time, and the events that are published when it commits.

    `now` is the transaction's time by PostgreSQL's clock, in UTC: the only clock that decides anything. `cause` is the
    journey of what it publishes. `outgoing` are the events, `job_queues` the names of queues that have new jobs, when it
    commits. `request` is the HTTP request that it belongs to, if there is one; `audited` counts the audit rows that it
    wrote. `changes` is whether a statement was sent that may change something. Services never commit: handlers and routes
    are given one, and it commits when they return. Statements raise asyncpg's errors, whose class decides (errors.py).

        rows = await tx.fetch("SELECT post_id FROM post WHERE author_id = ANY($1)", author_ids)
        tx.publish(PostPublished(post_id="p-1", author_id="ann", text="路通"))
    """

    connection: Connection
    now: datetime
    cause: Cause
    outgoing: list[Outgoing] = field(default_factory=list)
    job_queues: set[str] = field(default_factory=set)
    request: Requested | None = None
    audited: int = 0
    changes: bool = False

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of a statement."""
        self.changes |= may_change(sql)
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of a statement, or None."""
        self.changes |= may_change(sql)
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401  # a column can be anything
        """The first column of the first row, or None."""
        self.changes |= may_change(sql)
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement for its effect; gives PostgreSQL's command tag."""
        self.changes |= may_change(sql)
        return await self.connection.execute(sql, *args)

    async def lock(self, kind: str, keys: Iterable[str]) -> None:
        """Serialise on things that may have no row yet, in a fixed order, until commit.

        For what can be cancelled before it exists: both sides lock the name, then look.
        """
        await self.connection.execute(
            """
            SELECT pg_advisory_xact_lock(name)
              FROM (SELECT DISTINCT hashtextextended($1 || key, 0) AS name FROM unnest($2::text[]) AS key ORDER BY name)
                   AS ordered
            """,
            f"{kind}:",
            list(keys),
        )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that is rolled back when it raises: its rows, its events and its count of audit rows."""
        published, audited = len(self.outgoing), self.audited
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            del self.outgoing[published:]
            self.audited = audited
            raise

    def new_id(self) -> str:
        """A fresh identifier (UUIDv7: unique, and in rough order of time)."""
        return str(uuid7())

    def publish(self, *events: Event, cause: Cause | None = None, due_at: datetime | None = None) -> None:
        """Publish events if, and only if, the transaction commits; with `due_at`, as deadlines.

        `cause` defaults to the transaction's, in whose trace they are.
        """
        whose = (cause or self.cause).in_trace_of(self.cause)
        self.outgoing.extend(Outgoing(event, whose, due_at) for event in events)


@lru_cache(maxsize=1024)
def may_change(sql: str) -> bool:
    """Whether a statement changes rows, if it finds any. One that only locks them does not.

    It reads keywords. A function that writes is not seen through its call, so each one that migrations make is named in
    `_WRITERS`; a test compares the list with the migrations.

    >>> may_change("SELECT state FROM hold FOR NO KEY UPDATE"), may_change("WITH a AS (DELETE FROM hold) SELECT 1")
    (False, True)
    """
    return _CHANGES.search(_LOCKS.sub("", sql)) is not None


def columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """Rows to columns, as `unnest` wants them; `width` empty columns when there are no rows.

    >>> columns([("a", 1), ("b", 2)], 2)
    [['a', 'b'], [1, 2]]
    """
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def new_cause() -> Cause:
    """A journey that starts here."""
    return Cause(correlation_id=str(uuid7()))


@asynccontextmanager
async def transaction(pool: Pool, cause: Cause | None = None, *, readonly: bool = False) -> AsyncIterator[Tx]:
    """A transaction that commits when the block ends well and leaves no trace when it does not.

    `UnauditedError` when it belongs to a request that must be on record, changed something and wrote no audit row.
    """
    try:
        async with acquire(pool) as connection, connection.transaction(readonly=readonly):
            now = await connection.fetchval("SELECT now()")
            tx = Tx(connection, now, cause or new_cause(), request=current())
            yield tx
            await _require_audit(tx)
    except asyncpg.ReadOnlySQLTransactionError as error:
        if readonly:
            raise QueryWroteError from error
        raise


@asynccontextmanager
async def acquire(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of a pool. After an error that another connection would not have, all of the pool are replaced.

    Where the server or the network gives none, that is no fault of the caller: NoConnectionError.
    """
    try:
        connection = await pool.acquire()
    except Exception as error:
        if blames(error) and isinstance(error, ROOTS):
            raise NoConnectionError(type(error).__name__) from error
        raise
    try:
        try:
            yield connection
        except Exception as error:
            if classify(error) is ErrorClass.RECONNECTS or isinstance(error, TimeoutError):
                await pool.expire_connections()  # where no answer came, none may come on the others either
            raise
    finally:
        with suppress(TimeoutError):  # it is closed: nobody answers at its other end
            await pool.release(connection, timeout=_RELEASE_S)


async def takes_writes(pool: Pool) -> bool:
    """Whether a database answers and takes writes. A connection that takes none is replaced before the next look."""
    async with acquire(pool) as connection:
        writes = await connection.fetchval("SELECT current_setting('transaction_read_only') = 'off'")
        if not writes:
            await pool.expire_connections()
        return bool(writes)


class UnauditedError(RuntimeError):
    """A command that must be on record changed something and left no audit row: a bug of its route."""


async def _require_audit(tx: Tx) -> None:
    """Refuse to commit what must be on record and is not.

    Whether a statement that may change rows found any, PostgreSQL knows: a transaction that wrote has a number. One
    that only locked rows has a number too, so that alone proves nothing: a command that is repeated locks, and changes nothing.
    """
    if tx.audited or tx.request is None or not tx.request.must_audit:
        return
    wrote = tx.changes and await tx.fetchval("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
    if tx.outgoing or tx.job_queues or wrote:
        declared = ", ".join(sorted(tx.request.actions))
        raise UnauditedError(f"nothing is on record for a change by this route: call audit.record with {declared}")


async def pause_before_retry(attempt: int, delay_max_s: float) -> None:
    """Wait before try number `attempt` (from 0): doubling from 50 ms, bounded."""
    await asyncio.sleep(min(delay_max_s, 0.05 * 2 ** min(attempt, 20)))
