"""Parking records that cannot be handled, without losing them and without changing the order of their key.

A parked record blocks its key: later records of that key wait behind it, others flow. Redrive
handles it again and then, in order, all that waited; discard gives it up. Both are audited.

The consumer share-locks the last open row of each key it is about to handle; redrive locks rows for
update, one after the other, that one last. So a successor either waits before redrive looks for
successors, or finds its key free; and redrive runs beside the consumer while others still wait.
"""

import json
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import asyncpg

from lutong_chassis import envelope
from lutong_chassis.attributes import Header, Headers
from lutong_chassis.database import Tx
from lutong_chassis.envelope import MalformedError, Place, Received, Record
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts import Event
from lutong_contracts.moments import EARLIEST, moment_of_ms

_STATEMENT_BYTES_MAX: Final = 16 << 20
_ERROR_CHARACTERS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A Kafka record as it was stored, byte for byte."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class ParkCandidate:
    """A record that cannot be handled now, and why."""

    record: Record
    state: str
    reason: str
    error: str
    received: Received[Event] | None = None


class RecordKey(NamedTuple):
    """The key of a record, in its topic: order is kept per key."""

    topic: str
    key: bytes


class _KeyHash(NamedTuple):
    """SHA-256 of a key, in its topic."""

    topic: str
    hash: bytes


class _RecordId(NamedTuple):
    """What identifies a record: a topic that was created anew has other records at the same offsets."""

    topic: str
    partition: Annotated[int, Sql("integer")]
    offset: int
    recorded_at: datetime


class _ParkedRow(NamedTuple):
    """A record as it is stored, with its reason."""

    state: str
    topic: str
    partition: Annotated[int, Sql("integer")]
    offset: int
    recorded_at: datetime
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: bytes
    event_id: str | None
    type: str | None
    correlation_id: str | None
    reason: str
    error: str


_HASH: Final = columns_of(_KeyHash)
_RECORD: Final = columns_of(_RecordId)
_ROW: Final = columns_of(_ParkedRow)


async def blocked_keys(tx: Tx, records: Sequence[RecordKey]) -> set[RecordKey]:
    """Which of these keys have an open parked record. They stay blocked until commit.

    Keys are found by their hash: an index entry has 2,704 bytes at most, and a key may be a megabyte.
    """
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM parked WHERE state IN ('parked', 'waiting'))"):
        return set()  # nearly always: not worth sending a thousand keys
    keys = {_KeyHash(record.topic, sha256(record.key).digest()): record for record in records}
    rows = await tx.fetch(
        f"""
        SELECT topic, sha256(key) AS hash
          FROM parked
         WHERE id IN (SELECT max(id)
                        FROM parked
                       WHERE state IN ('parked', 'waiting')
                         AND (topic, sha256(key)) IN (SELECT {_HASH.names} FROM {_HASH.unnest()})
                       GROUP BY topic, sha256(key))
           AND state IN ('parked', 'waiting')
         ORDER BY id
           FOR SHARE
        """,  # the state once more: it is read again when another transaction had locked the row
        *_HASH.arrays(sorted(keys)),
    )
    return {keys[_KeyHash(row["topic"], row["hash"])] for row in rows}


async def already_parked(tx: Tx, records: Sequence[Record]) -> set[Place]:
    """Which of these records were parked before, in whatever state: copies must not block again."""
    rows = await tx.fetch(
        f"""
        SELECT topic, partition, "offset"
          FROM parked
         WHERE ({_RECORD.names}) IN (SELECT {_RECORD.names} FROM {_RECORD.unnest()})
        """,
        *_RECORD.arrays(_RecordId(*envelope.place(record), _recorded_at(record)) for record in records),
    )
    return {Place(*row) for row in rows}


async def park(tx: Tx, stopped: Sequence[ParkCandidate]) -> None:
    """Keep records with their reason. A copy of the same record (same offset) is kept once.

    Whatever is in a record can be kept: its bytes are not looked at, and what was read of it is made storable.
    """
    for part in _parts(stopped):
        await _insert(tx, [_row(item) for item in part])


async def _insert(tx: Tx, rows: Sequence[_ParkedRow]) -> None:
    await tx.execute(
        f"""
        INSERT INTO parked ({_ROW.names})
        SELECT {_ROW.names} FROM {_ROW.unnest()}
            ON CONFLICT ({_RECORD.names}) DO NOTHING
        """,
        *_ROW.arrays(rows),
    )


def _row(item: ParkCandidate) -> _ParkedRow:
    record, received = item.record, item.received
    return _ParkedRow(
        item.state,
        *envelope.place(record),
        recorded_at=_recorded_at(record),
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=pack(record.headers),
        event_id=received.id if received else None,
        type=received.event.type if received else None,
        correlation_id=received.cause.correlation_id if received else None,
        reason=item.reason,
        error=storable(item.error),
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


def summarise_error(error: BaseException) -> str:
    """The class of an error and where in the code it was raised, without its message: that may quote personal data."""
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
    """A text that PostgreSQL takes, and no longer than is useful: without NUL and half surrogate pairs."""
    return text[:_ERROR_CHARACTERS_MAX].replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def _recorded_at(record: Record) -> datetime:
    """When a record came to its topic. Without a date: a moment in the first 32 years, another for each timestamp.

    It is one part of what distinguishes a record from its copies, so it stands for the timestamp, which is kept as it is.
    """
    return moment_of_ms(record.timestamp) or EARLIEST + timedelta(microseconds=record.timestamp % 10**15)


def pack(headers: Headers) -> bytes:
    """Headers as JSON, in which no byte is lost: latin-1 has one character for each byte of a value, and aiokafka's
    names have half a surrogate pair for each byte that is not UTF-8, which JSON escapes.
    """
    return json.dumps([(name, None if value is None else value.decode("latin-1")) for name, value in headers]).encode()


def unpack(packed: bytes) -> list[Header]:
    """Headers as they were before `pack`."""
    return [(name, None if value is None else value.encode("latin-1")) for name, value in json.loads(packed)]
