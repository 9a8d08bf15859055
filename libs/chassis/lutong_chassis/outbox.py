"""Publishing an event: a row in the transaction that made it true. The relay carries it to Kafka.

Taking the next version of a stream (topic, key) locks that stream until commit. Ids are drawn
after the lock, so for one key the order of ids is the order of commits: what the relay relies on.
The outbox itself is a log, only ever appended to; what the relay has yet to carry is queued in `pending`.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Annotated, Final, NamedTuple

from uuid_utils import uuid7

from lutong_chassis.database import Connection, Tx
from lutong_chassis.envelope import Outgoing
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts import Event, Topic

SHARDS: Final = 16
"""Parts of the queue that relays own. A constant of the schema: pending rows carry their shard."""

_HEADERS_ALLOWANCE_BYTES: Final = 2_000


class EventTooLargeError(ValueError):
    """Kafka would refuse this event for its size, so it is refused before it becomes a fact."""

    def __init__(self, event_type: str, size_bytes: int, topic: Topic) -> None:
        super().__init__(
            f"{event_type} is {size_bytes} bytes, but {topic.name} takes {topic.max_message_bytes} with headers: "
            "make the event smaller (carry an id instead of the content)"
        )


def shard_of(key: str) -> int:
    """Which shard carries a key; stable across processes and versions."""
    return zlib.crc32(key.encode()) % SHARDS


class OutboxRow(NamedTuple):
    """An event as the outbox keeps it."""

    event_id: Annotated[str, Sql("uuid")]
    topic: str
    key: str
    type: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    payload: str


_ROW: Final = columns_of(OutboxRow)
_SHARDED: Final = _ROW.plus("shard", "smallint")
_DEADLINE: Final = _ROW.plus("due_at", "timestamptz")


async def write(tx: Tx, outgoing: Sequence[Outgoing]) -> None:
    """Write events to the outbox, and deadlines to their own table. At most two statements."""
    due = [item for item in outgoing if item.due_at is None]
    later = [item for item in outgoing if item.due_at is not None]
    if due:
        await append(tx, [_row(item) for item in due])
    if later:
        await tx.execute(
            f"INSERT INTO deadline ({_DEADLINE.names}) SELECT {_DEADLINE.names} FROM {_DEADLINE.unnest()}",
            *_ROW.arrays(_row(item) for item in later),
            [item.due_at for item in later],
        )


def _row(item: Outgoing) -> OutboxRow:
    event, cause = item.event, item.cause
    return OutboxRow(
        event_id=str(uuid7()),
        topic=event.topic.name,
        key=event.key,
        type=event.type,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        traceparent=cause.traceparent,
        payload=serialise(event),
    )


def serialise(event: Event) -> str:
    """The event as it travels: JSON. Refuses what the topic would refuse for its size."""
    payload = event.model_dump_json()
    size = len(payload.encode()) + _HEADERS_ALLOWANCE_BYTES
    if size > event.topic.max_message_bytes:
        raise EventTooLargeError(event.type, size, event.topic)
    return payload


async def append(tx: Tx, rows: Sequence[OutboxRow]) -> None:
    """Append rows, in order."""
    await tx.execute(
        f"""
        WITH given AS (
            SELECT {_SHARDED.names}, place FROM {_SHARDED.unnest("sent", place="place")}
        ), head AS (
            INSERT INTO stream AS known (topic, key, version)
            SELECT topic, key, count(*) FROM given GROUP BY topic, key ORDER BY topic, key
                ON CONFLICT (topic, key) DO UPDATE SET version = known.version + excluded.version
            RETURNING topic, key, version
        ), logged AS (
            INSERT INTO outbox ({_SHARDED.names}, sequence)
            SELECT {_SHARDED.names}, version + 1 - row_number() OVER (PARTITION BY topic, key ORDER BY place DESC)
              FROM given JOIN head USING (topic, key)
             ORDER BY place
            RETURNING shard, id, written_at
        )
        INSERT INTO pending (shard, id, written_at)
        SELECT shard, id, written_at FROM logged
        """,
        *_ROW.arrays(rows),
        [shard_of(row.key) for row in rows],
    )


async def next_due_in_s(connection: Connection, types: Collection[str]) -> float:
    """When the next deadline of these types is due, in seconds from now: at or below zero where one is, infinite without any."""
    in_s: float | None = await connection.fetchval(
        """
        SELECT extract(epoch FROM due_at - clock_timestamp())::float
          FROM deadline
         WHERE type = ANY ($1)
         ORDER BY due_at
         LIMIT 1
        """,
        list(types),
    )
    return inf if in_s is None else in_s


async def release_due(tx: Tx, types: Mapping[str, str], rows_max: int = 500) -> int:
    """Move deadlines of these types that are due to the outbox; gives how many. Several processes may do so at once.

    `types` has the topic of each: it may have moved since the deadline was set. Types that are not known here are left
    to a process that knows them: released now, they would come to one that does not.
    """
    rows = await tx.fetch(
        f"""
        DELETE FROM deadline
         WHERE event_id IN (SELECT event_id FROM deadline WHERE due_at <= clock_timestamp() AND type = ANY ($2)
                             ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING {_DEADLINE.names}
        """,
        rows_max,
        list(types),
    )
    if rows:
        ordered = sorted(rows, key=lambda row: row["due_at"])
        due = [OutboxRow(*(row[name] for name in _ROW.fields)) for row in ordered]
        await append(tx, [row._replace(topic=types[row.type]) for row in due])
    return len(rows)


async def republish(tx: Tx, since: datetime) -> int:
    """Let the relay publish again all events since a moment; returns how many.

    For when a broker lost what it had acknowledged (a power cut on a single broker does that).
    A consumer that has handled an event recognises its id, so what was not lost has no second effect.
    """
    tag = await tx.execute(
        """
        INSERT INTO pending (shard, id, written_at)
        SELECT shard, id, written_at
          FROM outbox
         WHERE written_at >= $1
            ON CONFLICT DO NOTHING
        """,
        since,
    )
    return int(tag.rpartition(" ")[2])


async def keep_partitions(tx: Tx, retention: timedelta) -> None:
    """Have a partition for each coming day, and none for days whose events are past retention. Runs as the owner."""
    await tx.execute("SELECT keep_outbox_days($1)", retention)
