"""Setting aside what cannot be handled, without losing it and without letting its key overtake it.

A parked record blocks its key: later records of that key wait behind it, others flow. Redrive
applies it again and then, in order, all that waited; discard gives it up. Both are audited.

The consumer share-locks the last open row of each key it is about to handle; redrive locks rows for
update, one after the other, that one in the end. So a successor either waits before redrive looks for
successors, or finds its key free; and redrive goes on beside the consumer while others still wait.
"""

import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import asyncpg
import orjson

from lutong_chassis import audit, envelope, inbox, outbox
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool, Tx, columns, is_transient, transaction
from lutong_chassis.envelope import MalformedError, Received, Record
from lutong_contracts import Event

Apply = Callable[[Tx, Sequence[Received[Event]]], Awaitable[None]]
"""Takes events in and handles them, in the given transaction."""

OPEN = ("parked", "waiting")
REDRIVE_S = 5.0
"""How long one redrive goes on; whoever asked for it asks again for the rest."""


class NotParkedError(LookupError):
    """There is no open parked record with this id."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A Kafka record as it was kept, byte for byte."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A record that cannot go on now, and why."""

    record: Record
    state: str
    reason: str
    error: str
    received: Received[Event] | None = None


async def blocked_keys(tx: Tx, records: Sequence[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
    """Which of these (topic, key) have an open parked record. They stay blocked until commit."""
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM parked WHERE state IN ('parked', 'waiting'))"):
        return set()  # nearly always: not worth sending a thousand keys
    rows = await tx.fetch(
        """
        SELECT topic, key
          FROM parked
         WHERE id IN (SELECT max(id)
                        FROM parked
                       WHERE state IN ('parked', 'waiting')
                         AND (topic, key) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))
                       GROUP BY topic, key)
           AND state IN ('parked', 'waiting')
         ORDER BY id
           FOR SHARE
        """,  # the state once more: it is looked at again when somebody else had the row
        *columns(sorted(set(records)), 2),
    )
    return {(row["topic"], row["key"]) for row in rows}


async def already_parked(tx: Tx, records: Sequence[Record]) -> set[tuple[str, int, int]]:
    """Which of these records were parked before, whatever became of them: copies must not block again."""
    rows = await tx.fetch(
        """
        SELECT topic, partition, "offset"
          FROM parked
         WHERE (topic, partition, "offset", recorded_at)
               IN (SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::timestamptz[]))
        """,
        *columns([(*envelope.place(record), _recorded_at(record)) for record in records], 4),
    )
    return {tuple(row) for row in rows}


async def park(tx: Tx, stopped: Sequence[Stopped]) -> None:
    """Keep records with their reason. A copy of the same record (same offset) is kept once."""
    rows = []
    for item in stopped:
        record, received = item.record, item.received
        rows.append(
            (
                item.state,
                *envelope.place(record),
                _recorded_at(record),
                record.key,
                record.value,
                _pack(record.headers),
                received.id if received else None,
                received.event.type if received else None,
                received.cause.correlation_id if received else None,
                item.reason,
                item.error,
            )
        )
    await tx.execute(
        """
        INSERT INTO parked (state, topic, partition, "offset", recorded_at, key, value, headers, event_id, type,
                            correlation_id, reason, error)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[], $6::bytea[],
                      $7::bytea[], $8::bytea[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
            ON CONFLICT (topic, partition, "offset", recorded_at) DO NOTHING
        """,
        *columns(rows, 13),
    )


async def open_records(tx: Tx, rows_max: int = 100) -> list[asyncpg.Record]:
    """Open parked records with the number that waits behind each, oldest first. Never their content."""
    return await tx.fetch(
        """
        SELECT head.id, head.topic, head.partition, head."offset", head.type, head.event_id, head.correlation_id,
               head.reason, head.error, head.attempts, head.parked_at,
               (SELECT count(*) FROM parked AS behind
                 WHERE behind.state = 'waiting' AND behind.topic = head.topic AND behind.key = head.key) AS waiting
          FROM parked AS head
         WHERE head.state = 'parked'
         ORDER BY head.id
         LIMIT $1
        """,
        rows_max,
    )


async def redrive(pool: Pool, parked_id: int, apply: Apply, who: Principal, reason: str) -> tuple[int, int | None]:
    """Apply a parked record again and then what waited behind it, for as long as somebody waits for an answer.

    Gives how many went through, and the head of those that still wait, if there are any: a hot key may have
    thousands. One transaction each: a crash in between leaves the rest parked, in order. Raises what the
    handler raises; the record then stays parked with the new error.
    """
    applied = 0
    successor: int | None = parked_id
    ends_at = monotonic() + REDRIVE_S
    while successor is not None and (applied == 0 or monotonic() < ends_at):
        head = successor
        try:
            async with transaction(pool) as tx:
                row = await _lock_head(tx, head)
                await apply(tx, [envelope.read(_unpack(row))])
                successor = await _resolve(tx, row, "redriven", who, reason)
        except NotParkedError:
            raise
        except Exception as error:
            if not is_transient(error):
                await _note_failure(pool, head, error, who, reason)
            raise
        applied += 1
    return applied, successor


async def discard(pool: Pool, parked_id: int, who: Principal, reason: str) -> int | None:
    """Give a parked record up; gives the id of the one that waited next, which is now parked in its place."""
    async with transaction(pool) as tx:
        row = await _lock_head(tx, parked_id)
        with suppress(MalformedError):  # a copy that comes later must count as seen
            await inbox.receive(tx, [envelope.read(_unpack(row))])
        return await _resolve(tx, row, "discarded", who, reason)


async def _lock_head(tx: Tx, parked_id: int) -> asyncpg.Record:
    row = await tx.fetchrow("SELECT * FROM parked WHERE id = $1 AND state = 'parked' FOR UPDATE", parked_id)
    if row is None:
        message = f"parked record {parked_id} is not open: list them with `lutong parked list`"
        raise NotParkedError(message)
    return row


async def _resolve(tx: Tx, row: asyncpg.Record, state: str, who: Principal, reason: str) -> int | None:
    """Close a head, let the first that waited take its place, and write down who did it."""
    await tx.execute("UPDATE parked SET state = $2, resolved_at = now() WHERE id = $1", row["id"], state)
    verb = {"redriven": "redrive", "discarded": "discard"}[state]
    change = Change(f"parked.{verb}", f"parked:{row['id']}", reason, {"state": row["state"]}, {"state": state})
    await _audit(tx, who, change)
    successor: int | None = await tx.fetchval(
        """
        UPDATE parked
           SET state = 'parked'
         WHERE id = (SELECT id FROM parked WHERE state = 'waiting' AND topic = $1 AND key = $2
                      ORDER BY id LIMIT 1 FOR UPDATE)
        RETURNING id
        """,
        row["topic"],
        row["key"],
    )
    return successor


async def _note_failure(pool: Pool, parked_id: int, error: Exception, who: Principal, reason: str) -> None:
    async with transaction(pool) as tx:
        attempts: int | None = await tx.fetchval(
            "UPDATE parked SET attempts = attempts + 1, error = $2 WHERE id = $1 RETURNING attempts",
            parked_id,
            explain(error),
        )
        if attempts is not None:
            before, after = {"attempts": attempts - 1}, {"attempts": attempts}
            await _audit(tx, who, Change("parked.redrive_failed", f"parked:{parked_id}", reason, before, after))


async def _audit(tx: Tx, who: Principal, change: Change) -> None:
    """Record a change, and publish it: this transaction is nobody else's to finish."""
    said = len(tx.outgoing)
    await audit.record(tx, who, change)
    await outbox.write(tx, tx.outgoing[said:])


def explain(error: BaseException) -> str:
    """What went wrong and where in the code, without the message: it may quote what must not be kept."""
    if isinstance(error, MalformedError):
        return str(error)
    what = type(error).__name__
    if isinstance(error, asyncpg.PostgresError):
        what = f"{what} {error.sqlstate} {getattr(error, 'constraint_name', None) or ''}".rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not frame.filename.endswith((".pyx", "lutong_chassis/database.py"))]
    ours = [frame for frame in ours if "site-packages" not in frame.filename] or ours
    return f"{what} at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else what


def _recorded_at(record: Record) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


def _pack(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Headers as JSON; latin-1 maps every byte to one character and back."""
    return orjson.dumps([(name, None if value is None else value.decode("latin-1")) for name, value in headers])


def _unpack(row: asyncpg.Record) -> StoredRecord:
    return StoredRecord(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        timestamp=round(row["recorded_at"].timestamp() * 1000),
        key=row["key"],
        value=row["value"],
        headers=[
            (name, None if value is None else value.encode("latin-1")) for name, value in orjson.loads(row["headers"])
        ],
    )
