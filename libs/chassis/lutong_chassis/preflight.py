"""What redriving parked records would do now: it is done in a transaction that is rolled back.

Handlers run for real, one record after the other, each on top of what those before it did: as a redrive does it. What
they publish is made and thrown away, so no event leaves and no id of the outbox or the inbox is used up.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final, Literal, NamedTuple

import asyncpg

from lutong_chassis import inbox, outbox
from lutong_chassis.database import Pool, Tx, acquire, new_cause
from lutong_chassis.envelope import Incoming, MalformedError
from lutong_chassis.errors import ErrorClass, blames, classify
from lutong_chassis.grouping import group
from lutong_chassis.handlers import Handlers
from lutong_chassis.parking import summarise_error
from lutong_chassis.redrive import read_parked

Outcome = Literal["applies", "applied_before", "passed_over", "fails", "busy", "not_parked"]
"""`busy`: rows that it needs are locked, so nobody knows. `not_parked`: it was settled meanwhile. All but the last three go through."""

PREFLIGHT_S: Final = 3.0
"""How long one preflight runs; a further call goes on with the rest, without what the first one tried."""

_PART: Final = 20
"""How many records are in memory at once, beside what waits behind one of them."""
_BEHIND_MAX: Final = 100
_LOCK_TIMEOUT_MS: Final = 200
"""Less than after which PostgreSQL looks for deadlocks: it is the preflight that gives way, and no consumer."""
_GOES_THROUGH: Final = frozenset({"applies", "applied_before", "passed_over"})


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a redrive of one parked record would do; `behind` is how many of those that wait behind it would follow, of the
    first hundred. `stops_at` is the record behind it that would fail, and then `error` has the reason.
    """

    id: int
    outcome: Outcome
    error: str | None = None
    behind: int = 0
    stops_at: int | None = None


@dataclass(frozen=True, slots=True)
class Preflight:
    """Records that were tried, in the order of their ids, and those for which there was no time."""

    foreseen: list[Foreseen]
    rest: list[int]


class _Tried(NamedTuple):
    outcome: Outcome
    error: str | None = None


async def preflight(pool: Pool, parked_ids: Sequence[int], handlers: Handlers) -> Preflight:
    """Try to redrive parked records for `PREFLIGHT_S` seconds at most, and undo all of it.

    Raises what is not the fault of a record, such as a database that is away.
    """
    rest = sorted(set(parked_ids))
    foreseen: list[Foreseen] = []
    ends_at = monotonic() + PREFLIGHT_S
    async with _undone(pool) as tx:
        while rest and (not foreseen or monotonic() < ends_at):
            part, rest = rest[:_PART], rest[_PART:]
            heads = {row["id"]: row for row in await _heads(tx, part)}
            foreseen += [await _foresee(tx, parked_id, heads.get(parked_id), handlers) for parked_id in part]
    return Preflight(foreseen, rest)


@asynccontextmanager
async def _undone(pool: Pool) -> AsyncIterator[Tx]:
    """A transaction that never commits."""
    async with acquire(pool) as connection:
        undone = connection.transaction()
        await undone.start()
        try:
            await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
            yield Tx(connection, await connection.fetchval("SELECT now()"), new_cause())
        finally:
            await undone.rollback()


async def _heads(tx: Tx, parked_ids: Sequence[int]) -> list[asyncpg.Record]:
    return await tx.fetch(
        """
        SELECT id, topic, partition, "offset", recorded_at, timestamp_ms, key, value, headers, reason, error
          FROM parked
         WHERE state = 'parked' AND id = ANY ($1)
        """,
        parked_ids,
    )


async def _behind(tx: Tx, head: asyncpg.Record) -> list[asyncpg.Record]:
    return await tx.fetch(
        """
        SELECT id, topic, partition, "offset", recorded_at, timestamp_ms, key, value, headers, reason, error
          FROM parked
         WHERE state = 'waiting' AND topic = $1 AND sha256(key) = sha256($2)
         ORDER BY id
         LIMIT $3
        """,
        head["topic"],
        head["key"],
        _BEHIND_MAX,
    )


async def _foresee(tx: Tx, parked_id: int, head: asyncpg.Record | None, handlers: Handlers) -> Foreseen:
    """Try a record, and then those that wait behind it until one fails."""
    if head is None:
        return Foreseen(parked_id, "not_parked")
    outcome, error = await _try(tx, read_parked(head), handlers)
    if outcome not in _GOES_THROUGH:
        return Foreseen(parked_id, outcome, error)
    went = 0
    for row in await _behind(tx, head):
        next_outcome, next_error = await _try(tx, read_parked(row), handlers)
        if next_outcome not in _GOES_THROUGH:
            return Foreseen(parked_id, outcome, next_error, went, row["id"])
        went += 1
    return Foreseen(parked_id, outcome, None, went)


async def _try(tx: Tx, item: Incoming, handlers: Handlers) -> _Tried:
    """Handle one record in a part of the transaction, which stays when it goes well: the next may need it."""
    try:
        async with tx.savepoint():
            return _Tried(await _handle(tx, item, handlers))
    except Exception as error:
        if blames(error):
            return _Tried("fails", summarise_error(error))
        if classify(error) is ErrorClass.WAITS and isinstance(error, asyncpg.PostgresError):
            return _Tried("busy", summarise_error(error))
        raise


async def _handle(tx: Tx, item: Incoming, handlers: Handlers) -> Outcome:
    """What `Service.apply` does, without writing what follows, and unseen by metrics and traces."""
    outcome = item.outcome
    if not handlers.concern(outcome):
        return "passed_over"
    if isinstance(outcome, MalformedError):
        raise outcome
    fresh = await inbox.receive(tx, [outcome])
    if not fresh:
        return "applied_before"
    for batch in group(fresh):
        tx.outgoing.extend(await handlers.by_type[type(batch[0].event)](batch, tx))
    for outgoing in tx.outgoing:
        outbox.serialise(outgoing.event)  # one that is too large is refused here, as it would be in earnest
    tx.outgoing.clear()
    return "applies"
