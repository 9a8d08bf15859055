"""Setting aside what cannot be handled, without losing it and without letting its key overtake it.

A parked record blocks its key: later records of that key wait behind it, others flow. Redrive
applies it again and then, in order, all that waited; discard gives it up. Both are audited.

The consumer share-locks the last open row of each key it is about to handle; redrive locks rows for
update, one after the other, that one in the end. So a successor either waits before redrive looks for
successors, or finds its key free; and redrive goes on beside the consumer while others still wait.
"""

import json
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Final

import asyncpg

from lutong_chassis import audit, envelope, inbox, outbox
from lutong_chassis.attributes import recorded
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.batches import UndecodableBatch
from lutong_chassis.database import Pool, Tx, columns, transaction
from lutong_chassis.envelope import MalformedError, Received, Record
from lutong_chassis.errors import ErrorClass, blames, classify
from lutong_contracts import Event

Apply = Callable[[Tx, Sequence[Received[Event]]], Awaitable[None]]
"""Takes events in and handles them, in the given transaction."""

OPEN = ("parked", "waiting")
REDRIVE_S = 5.0
"""How long one redrive goes on; whoever asked for it asks again for the rest."""

_STATEMENT_BYTES_MAX: Final = 16 << 20
_ERROR_CHARACTERS_MAX: Final = 2_000
_NO_DATE: Final = datetime(1, 1, 1, tzinfo=UTC)


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
class ParkCandidate:
    """A record that cannot go on now, and why."""

    record: Record
    state: str
    reason: str
    error: str
    received: Received[Event] | None = None


async def blocked_keys(tx: Tx, records: Sequence[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
    """Which of these (topic, key) have an open parked record. They stay blocked until commit.

    Keys are found by their hash: an index entry has 2,704 bytes at most, and a key may be a megabyte.
    """
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM parked WHERE state IN ('parked', 'waiting'))"):
        return set()  # nearly always: not worth sending a thousand keys
    keys = {(topic, sha256(key).digest()): (topic, key) for topic, key in records}
    rows = await tx.fetch(
        """
        SELECT topic, sha256(key) AS hash
          FROM parked
         WHERE id IN (SELECT max(id)
                        FROM parked
                       WHERE state IN ('parked', 'waiting')
                         AND (topic, sha256(key)) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))
                       GROUP BY topic, sha256(key))
           AND state IN ('parked', 'waiting')
         ORDER BY id
           FOR SHARE
        """,  # the state once more: it is looked at again when somebody else had the row
        *columns(sorted(keys), 2),
    )
    return {keys[row["topic"], row["hash"]] for row in rows}


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


async def park(tx: Tx, stopped: Sequence[ParkCandidate]) -> None:
    """Keep records with their reason. A copy of the same record (same offset) is kept once.

    Whatever is in a record can be kept: its bytes are not looked at, and what was read of it is made storable.
    """
    for part in _parts(stopped):
        await _insert(tx, [_row(item) for item in part])


async def _insert(tx: Tx, rows: Sequence[tuple[object, ...]]) -> None:
    await tx.execute(
        """
        INSERT INTO parked (state, topic, partition, "offset", recorded_at, timestamp_ms, key, value, headers, event_id,
                            type, correlation_id, reason, error)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::bytea[],
                      $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
            ON CONFLICT (topic, partition, "offset", recorded_at) DO NOTHING
        """,
        *columns(rows, 14),
    )


def _row(item: ParkCandidate) -> tuple[object, ...]:
    record, received = item.record, item.received
    return (
        item.state,
        *envelope.place(record),
        _recorded_at(record),
        record.timestamp,
        record.key,
        record.value,
        pack(record.headers),
        received.id if received else None,
        received.event.type if received else None,
        received.cause.correlation_id if received else None,
        item.reason,
        storable(item.error),
    )


def _parts(stopped: Sequence[ParkCandidate]) -> Iterator[Sequence[ParkCandidate]]:
    """A poll in parts that one statement takes: an array has less than a gigabyte, and memory less than that."""
    part: list[ParkCandidate] = []
    size = 0
    for item in stopped:
        part.append(item)
        size += len(item.record.value or b"") + len(item.record.key or b"")
        if size > _STATEMENT_BYTES_MAX:
            yield part
            part, size = [], 0
    if part:
        yield part


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
            successor = await _redrive_head(pool, head, apply, who, reason)
        except NotParkedError:
            raise
        except Exception as error:
            if blames(error):
                await _note_failure(pool, head, error, who, reason)
            raise
        applied += 1
    return applied, successor


async def _redrive_head(pool: Pool, head: int, apply: Apply, who: Principal, reason: str) -> int | None:
    """Apply a head in a transaction; once more on a new connection, when the first was cut or out of date."""
    try:
        return await _try_head(pool, head, apply, who, reason)
    except Exception as error:
        if classify(error) is not ErrorClass.RECONNECTS:
            raise
    return await _try_head(pool, head, apply, who, reason)


async def _try_head(pool: Pool, head: int, apply: Apply, who: Principal, reason: str) -> int | None:
    async with transaction(pool) as tx:
        row = await _lock_head(tx, head)
        await apply(tx, [_read(row)])
        return await _resolve(tx, row, "redriven", who, reason)


async def discard(pool: Pool, parked_id: int, who: Principal, reason: str) -> int | None:
    """Give a parked record up; gives the id of the one that waited next, which is now parked in its place."""
    async with transaction(pool) as tx:
        row = await _lock_head(tx, parked_id)
        with suppress(MalformedError):  # a copy that comes later must count as seen
            await inbox.receive(tx, [_read(row)])
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
    """Close a head, let the first that waited take its place, and write down who did it."""
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
    """Record a change, and publish it: this transaction is nobody else's to finish."""
    said = len(tx.outgoing)
    await audit.record(tx, who, change)
    await outbox.write(tx, tx.outgoing[said:])


def summarise_error(error: BaseException) -> str:
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


def storable(text: str) -> str:
    """A text that PostgreSQL takes, and no longer than anybody reads: without NUL and half surrogate pairs."""
    return text[:_ERROR_CHARACTERS_MAX].replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def _recorded_at(record: Record) -> datetime:
    """When a record came to its topic. Without a date: a moment in the first 32 years, another for each timestamp.

    It is one part of what tells a record from its copies, so it stands for the timestamp, which is kept as it is.
    """
    return recorded(record.timestamp) or _NO_DATE + timedelta(microseconds=record.timestamp % 10**15)


def pack(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Headers as JSON, in which no byte is lost: latin-1 has one character for each byte of a value, and aiokafka's
    names have half a surrogate pair for each byte that is not UTF-8, which JSON escapes.
    """
    return json.dumps([(name, None if value is None else value.decode("latin-1")) for name, value in headers]).encode()


def unpack(packed: bytes) -> list[tuple[str, bytes | None]]:
    """Headers as they were before `pack`."""
    return [(name, None if value is None else value.encode("latin-1")) for name, value in json.loads(packed)]


def _read(row: asyncpg.Record) -> Received[Event]:
    """Understand a parked record, or raise `MalformedError`."""
    if row["reason"] == UndecodableBatch.reason:
        raise MalformedError(row["reason"], row["error"])
    timestamp_ms = row["timestamp_ms"]
    if timestamp_ms is None:  # it was kept before there was this column
        timestamp_ms = round(row["recorded_at"].timestamp() * 1000)
    return envelope.read(
        StoredRecord(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            timestamp=timestamp_ms,
            key=row["key"],
            value=row["value"],
            headers=unpack(row["headers"]),
        )
    )
