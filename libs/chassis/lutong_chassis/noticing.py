"""Noticing what went wrong outside of this service: events that retention took, keys in foreign partitions.

Nothing waits for it and nothing is refused because of it; it is counted, and written down for `lutong doctor`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import structlog
from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2

from lutong_chassis import observe
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.envelope import Received
from lutong_chassis.errors import blames
from lutong_chassis.parking import summarise_error
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts import Event

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

log = structlog.get_logger(__name__)

_NOTE_TIMEOUT_S: Final = 5.0
OURS: Final = "/lutong/"
"""Sources of our own services: their relay chooses the partition, so they need not be looked at."""
_SOURCES_MAX: Final = 200
"""Publishers that are written down: who writes anything as its source fills no table."""


class Missed(NamedTuple):
    """Offsets of a partition that were deleted before they were read: from `first` up to, not including, `begin`."""

    topic: str
    partition: Annotated[int, Sql("integer")]
    first: int
    begin: int


class Noticed(NamedTuple):
    """`Missed`, and when it was noticed."""

    topic: str
    partition: int
    first: int
    begin: int
    noticed_at: datetime


class Misplaced(NamedTuple):
    """Records of one publisher in other partitions than those of their keys, and where the last of them is."""

    topic: str
    source: str
    records: int
    partition: Annotated[int, Sql("integer")]
    offset: int


_MISSED: Final = columns_of(Missed)
_MISPLACED: Final = columns_of(Misplaced)


async def quietly(note: Coroutine[Any, Any, None]) -> None:
    """Write a note that nothing depends on: when the database cannot take it now, it is made again or not at all."""
    try:
        async with asyncio.timeout(_NOTE_TIMEOUT_S):
            await note
    except Exception as error:
        if blames(error):
            raise
        log.warning("note_not_written", error=summarise_error(error))


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's own clients choose it: murmur2.

    >>> partition_of(b"k", 12) == partition_of(b"k", 12)
    True
    """
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


def misplaced(received: Sequence[Received[Event]], partitions_of: Callable[[str], int]) -> list[Misplaced]:
    """Which foreign publishers put records into other partitions than those of their keys. Pure."""
    found: dict[tuple[str, str], Received[Event]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for item in received:
        if item.source.startswith(OURS):
            continue
        partitions = partitions_of(item.topic)
        if partitions and partition_of(item.key.encode(), partitions) != item.partition:
            found[item.topic, item.source] = item
            counts[item.topic, item.source] += 1
    return [Misplaced(*who, counts[who], last.partition, last.offset) for who, last in sorted(found.items())]


async def write_misplaced(pool: Pool, seen: Sequence[Misplaced]) -> None:
    """Count records in foreign partitions, by publisher."""
    observe.MISPLACED.inc(sum(item.records for item in seen))
    async with transaction(pool) as tx:
        await tx.execute(
            f"""
            INSERT INTO misplaced ({_MISPLACED.names})
            SELECT {_MISPLACED.names}
              FROM {_MISPLACED.unnest("seen", first=2)}
             WHERE (SELECT count(*) FROM misplaced) < $1
                OR EXISTS (SELECT FROM misplaced AS known WHERE known.topic = seen.topic AND known.source = seen.source)
                ON CONFLICT (topic, source) DO UPDATE
               SET records = misplaced.records + excluded.records, partition = excluded.partition,
                   "offset" = excluded."offset", seen_at = now()
            """,
            _SOURCES_MAX,
            *_MISPLACED.arrays(seen),
        )


async def read_committed_offsets(
    consumer: "AIOKafkaConsumer", partitions: Sequence[TopicPartition]
) -> tuple[dict[TopicPartition, int], list[Missed]]:
    """How far the group was in partitions that came, and what retention took before it was read.

    To be asked before the first commit: that moves the group's offset to where the log begins now, and the trace is gone.
    """
    begun: Mapping[TopicPartition, int] = await consumer.beginning_offsets(list(partitions))
    offsets = await asyncio.gather(*(consumer.committed(partition) for partition in partitions))
    known = {partition: offset for partition, offset in zip(partitions, offsets, strict=True) if offset is not None}
    missed = [
        Missed(partition.topic, partition.partition, offset, begun[partition])
        for partition, offset in known.items()
        if offset < begun[partition]
    ]
    return known, missed


async def write_missed(pool: Pool, missed: Sequence[Missed]) -> None:
    """Record which events were deleted before they were read, once."""
    if not missed:
        return
    for item in missed:
        log.error("events_missed", **item._asdict())
    async with transaction(pool) as tx:
        await tx.execute(
            f"INSERT INTO missed ({_MISSED.names}) SELECT {_MISSED.names} FROM {_MISSED.unnest()} ON CONFLICT DO NOTHING",
            *_MISSED.arrays(missed),
        )


async def lately_missed(tx: Tx) -> list[Noticed]:
    """What was noticed within a day; a publisher that has published it again needs no longer notice."""
    rows = await tx.fetch(
        """
        SELECT topic, partition, first, begin, noticed_at
          FROM missed
         WHERE noticed_at > now() - interval '1 day'
         ORDER BY noticed_at
        """
    )
    return [Noticed(*row) for row in rows]


async def lately_misplaced(tx: Tx) -> list[Misplaced]:
    """Publishers whose keys came in foreign partitions within a day, most first."""
    rows = await tx.fetch(
        """
        SELECT topic, source, records, partition, "offset"
          FROM misplaced
         WHERE seen_at > now() - interval '1 day'
         ORDER BY records DESC, source
        """
    )
    return [Misplaced(*row) for row in rows]
