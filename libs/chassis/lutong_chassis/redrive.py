"""Redrive a parked record with the records that wait behind it, or discard it. Both are audited."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import monotonic
from typing import NamedTuple

import asyncpg

from lutong_chassis import audit, inbox, outbox
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.batches import UndecodableBatch
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.envelope import Incoming, MalformedError
from lutong_chassis.errors import ErrorClass, blames, classify
from lutong_chassis.parking import StoredRecord, summarise_error, unpack

Apply = Callable[[Tx, Incoming], Awaitable[None]]
"""Receives and handles a record in the given transaction; raises what is wrong with it."""

REDRIVE_S = 5.0
"""How long one redrive runs; a further call continues with the rest."""


class Redriven(NamedTuple):
    """How many records were handled, and the id of the head that still waits, if there is one."""

    applied: int
    successor: int | None


class NotParkedError(LookupError):
    """There is no open parked record with this id."""


async def redrive(pool: Pool, parked_id: int, apply: Apply, who: Principal, reason: str) -> Redriven:
    """Handle a parked record again and then the records that wait behind it, for `REDRIVE_S` seconds at most.

    A hot key may have thousands of waiting records. Each has a transaction of its own: a crash in between leaves the
    rest parked, in order. Raises what the handler raises; the record then stays parked with the new error.
    """
    applied = 0
    successor: int | None = parked_id
    ends_at = monotonic() + REDRIVE_S
    while successor is not None and (applied == 0 or monotonic() < ends_at):
        head = successor
        try:
            successor = await _redrive_head(pool, head, apply, who, reason)
        except NotParkedError:
            raise
        except Exception as error:
            if blames(error):
                await _note_failure(pool, head, error, who, reason)
            raise
        applied += 1
    return Redriven(applied, successor)


async def _redrive_head(pool: Pool, head: int, apply: Apply, who: Principal, reason: str) -> int | None:
    """Apply a head in a transaction; once more on a new connection, when the first was closed or out of date."""
    try:
        return await _try_head(pool, head, apply, who, reason)
    except Exception as error:
        if classify(error) is not ErrorClass.RECONNECTS:
            raise
    return await _try_head(pool, head, apply, who, reason)


async def _try_head(pool: Pool, head: int, apply: Apply, who: Principal, reason: str) -> int | None:
    async with transaction(pool) as tx:
        row = await _lock_head(tx, head)
        await apply(tx, read_parked(row))
        return await _resolve(tx, row, "redriven", who, reason)


async def discard(pool: Pool, parked_id: int, who: Principal, reason: str) -> int | None:
    """Give a parked record up; returns the id of the record that waited next, which is now parked in its place."""
    async with transaction(pool) as tx:
        row = await _lock_head(tx, parked_id)
        outcome = read_parked(row).outcome
        if not isinstance(outcome, MalformedError):  # a copy that comes later must count as seen
            await inbox.receive(tx, [outcome])
        return await _resolve(tx, row, "discarded", who, reason)


async def _lock_head(tx: Tx, parked_id: int) -> asyncpg.Record:
    row = await tx.fetchrow(
        """
        SELECT id, state, topic, partition, "offset", recorded_at, timestamp_ms, key, value, headers, reason, error
          FROM parked
         WHERE id = $1 AND state = 'parked'
           FOR UPDATE
        """,
        parked_id,
    )
    if row is None:
        message = f"parked record {parked_id} is not open: list them with `lutong parked list`"
        raise NotParkedError(message)
    return row


async def _resolve(tx: Tx, row: asyncpg.Record, state: str, who: Principal, reason: str) -> int | None:
    """Close a head, park the first record that waited in its place, and audit who did it."""
    await tx.execute("UPDATE parked SET state = $2, resolved_at = now() WHERE id = $1", row["id"], state)
    verb = {"redriven": "redrive", "discarded": "discard"}[state]
    change = Change(f"parked.{verb}", f"parked:{row['id']}", reason, {"state": row["state"]}, {"state": state})
    await _audit(tx, who, change)
    successor: int | None = await tx.fetchval(
        """
        UPDATE parked
           SET state = 'parked'
         WHERE id = (SELECT id FROM parked WHERE state = 'waiting' AND topic = $1 AND sha256(key) = $2
                      ORDER BY id LIMIT 1 FOR UPDATE)
        RETURNING id
        """,
        row["topic"],
        None if row["key"] is None else sha256(row["key"]).digest(),
    )
    return successor


async def _note_failure(pool: Pool, parked_id: int, error: Exception, who: Principal, reason: str) -> None:
    async with transaction(pool) as tx:
        attempts: int | None = await tx.fetchval(
            "UPDATE parked SET attempts = attempts + 1, error = $2 WHERE id = $1 RETURNING attempts",
            parked_id,
            summarise_error(error),
        )
        if attempts is not None:
            before, after = {"attempts": attempts - 1}, {"attempts": attempts}
            await _audit(tx, who, Change("parked.redrive_failed", f"parked:{parked_id}", reason, before, after))


async def _audit(tx: Tx, who: Principal, change: Change) -> None:
    """Record a change and publish it: this transaction belongs to no handler and no route, which would do so."""
    before = len(tx.outgoing)
    await audit.record(tx, who, change)
    await outbox.write(tx, tx.outgoing[before:])


def read_parked(row: asyncpg.Record) -> Incoming:
    """A record as it was before it was parked, by its row."""
    undecodable = row["reason"] == UndecodableBatch.reason
    timestamp_ms = row["timestamp_ms"]
    if timestamp_ms is None:  # parked before this column existed
        timestamp_ms = round(row["recorded_at"].timestamp() * 1000)
    return Incoming(
        StoredRecord(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            timestamp=timestamp_ms,
            key=row["key"],
            value=row["value"],
            headers=unpack(row["headers"]),
        ),
        MalformedError(row["reason"], row["error"]) if undecodable else None,
    )
