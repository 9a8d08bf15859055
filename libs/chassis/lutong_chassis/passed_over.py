"""Types of events that a version of a service does not handle: passed over, remembered, and read again by a later version.

Old and new run side by side, so a type that is new on a topic comes to replicas that do not know it. It is passed over; where
that happened first is remembered, one row per partition and type. A version that handles the type reads the partition from there
once it has the partition, looking at nothing but that type, up to where the group was. Then the row goes.

A release that remembers commits a word beside each offset. Where the group's offset lacks that, a release without this
memory was there last, and nobody knows what it passed over: the partition is read again, as far as its topic keeps it. The inbox
knows what was taken in, and what is parked or was discarded stays so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import structlog
from aiokafka import TopicPartition

from lutong_chassis.database import Pool, Tx, columns, transaction
from lutong_chassis.envelope import Incoming, Received, Record, UnknownTypeError, place
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts import event_types

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer
    from aiokafka.structs import OffsetAndMetadata

REMEMBERED: Final = "passed-over"
"""Committed beside an offset: what was passed over before it is written down."""

log = structlog.get_logger(__name__)


class PassedOver(NamedTuple):
    """A type that nobody here handles, and where it was passed over first in a partition."""

    topic: str
    partition: Annotated[int, Sql("integer")]
    type: str
    first: int
    known: bool


_ROW: Final = columns_of(PassedOver)


class Unknown(NamedTuple):
    """A type that the contracts of this version lack, on one topic: in how many partitions, and since when."""

    topic: str
    type: str
    partitions: int
    since: datetime


class Behind(NamedTuple):
    """What is read again of a partition: these types, before this offset. Everything else there was handled.

    Without types it is everything: a release that remembers nothing was there.
    """

    types: frozenset[str] | None
    until: int


@dataclass(slots=True)
class Memory:
    """What one process passed over, and what it reads again, of the partitions that it has."""

    handled: frozenset[str]
    noted: set[tuple[str, int, str]] = field(default_factory=set)
    behind: dict[TopicPartition, Behind] = field(default_factory=dict)
    unmarked: set[TopicPartition] = field(default_factory=set)
    """Partitions whose committed offset lacks the word: a release that remembers nothing was there last."""
    assignments: int = 0
    """How often partitions came."""
    looked_back: int = 0
    """How many of those times were looked back after."""

    @property
    def reassigned(self) -> bool:
        """Whether partitions came whose rows are still to be looked for. Until then nobody knows what can be committed there."""
        return self.looked_back < self.assignments

    def forget(self) -> None:
        """Partitions come, which others had meanwhile."""
        self.noted.clear()
        self.behind.clear()
        self.unmarked.clear()
        self.assignments += 1

    def is_settled(self, record: Record) -> bool:
        """Whether a record was settled before: it is only met again on the way to another type."""
        behind = self.behind.get(TopicPartition(record.topic, record.partition))
        if behind is None or behind.types is None or record.offset >= behind.until:
            return False
        event_type = next((value for name, value in record.headers if name == "ce_type"), None)
        return event_type is not None and event_type.decode(errors="replace") not in behind.types

    def note(self, passed: Sequence[PassedOver]) -> None:
        """These are written down."""
        self.noted.update((item.topic, item.partition, item.type) for item in passed)

    def news(self, passed: Iterable[PassedOver]) -> list[PassedOver]:
        """Of what is passed over, the first of each partition and type that was not noted yet."""
        found: dict[tuple[str, int, str], PassedOver] = {}
        for item in passed:
            where = (item.topic, item.partition, item.type)
            if item.type not in self.handled and where not in self.noted:
                found.setdefault(where, item)
        return list(found.values())

    async def look_back(self, pool: Pool, consumer: "AIOKafkaConsumer", handled: Mapping[TopicPartition, int]) -> None:
        """Go back in partitions that came to where a type of ours was passed over first.

        `handled` is not committed yet; it is behind what is committed where a partition was read again as it came once more. When
        partitions come meanwhile, what this found is of no use, and `reassigned` stays true.
        """
        assignments = self.assignments
        self.behind.clear()
        mine = consumer.assignment()
        rows = await _first_of(pool, self.handled, mine)
        committed = await _committed(consumer, mine)
        self.unmarked = {partition for partition, at in committed.items() if at.metadata != REMEMBERED}
        begins = await consumer.beginning_offsets(sorted(rows.keys() | self.unmarked))
        done: list[TopicPartition] = []
        for partition, begin in begins.items():
            until = max(handled.get(partition, 0), committed[partition].offset if partition in committed else 0)
            first, types = (begin, None) if partition in self.unmarked else rows[partition]
            if first >= until:
                done.append(partition)  # it is still ahead of the group
                continue
            consumer.seek(partition, min(max(first, begin), until))
            self.behind[partition] = Behind(types, until)
            log.info("reads_again", topic=partition.topic, partition=partition.partition, first=first, until=until,
                     types=sorted(types) if types else "all")  # fmt: skip
        await _drop(pool, self.handled, [partition for partition in done if partition in rows])
        self.looked_back = assignments

    async def settle(self, pool: Pool, handled: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Write down how far partitions are read again; gives the positions that are ahead of that and can be committed."""
        again = {partition: handled[partition] for partition in self.behind.keys() & handled.keys()}
        done = [partition for partition, offset in again.items() if offset >= self.behind[partition].until]
        await _drop(pool, self.handled, done)
        await _move(pool, self.handled, {partition: again[partition] for partition in again.keys() - set(done)})
        for partition in done:
            del self.behind[partition]
        return {partition: offset for partition, offset in handled.items() if partition not in self.behind}


def passed_over(item: Incoming) -> PassedOver | None:
    """A record of a type that nobody here handles: understood, or unknown to the contracts. None for any other. Pure."""
    topic, partition, offset = place(item.record)
    if isinstance(item.outcome, Received):
        return PassedOver(topic, partition, item.outcome.event.type, offset, known=True)
    if isinstance(item.outcome, UnknownTypeError):
        return PassedOver(topic, partition, item.outcome.type, offset, known=False)
    return None


async def remember(tx: Tx, passed: Sequence[PassedOver]) -> None:
    """Write down where types were passed over first."""
    if not passed:
        return
    await tx.execute(
        f"""
        INSERT INTO passed_over ({_ROW.names})
        SELECT {_ROW.names} FROM {_ROW.unnest()}
            ON CONFLICT (topic, partition, type) DO UPDATE SET first = least(passed_over.first, excluded.first)
        """,
        *_ROW.arrays(sorted(passed)),
    )


async def unknown(tx: Tx) -> list[Unknown]:
    """Types that were passed over because no contract knew them, and that this version does not know either."""
    rows = await tx.fetch(
        """
        SELECT topic, type, count(*) AS partitions, min(noticed_at) AS since
          FROM passed_over
         WHERE NOT known AND type <> ALL ($1)
         GROUP BY topic, type
         ORDER BY topic, type
        """,
        list(event_types()),
    )
    return [Unknown(*row) for row in rows]


async def _committed(
    consumer: "AIOKafkaConsumer", partitions: set[TopicPartition]
) -> "Mapping[TopicPartition, OffsetAndMetadata]":
    """How far the group is in partitions, with what was committed beside the offset: aiokafka's `committed` leaves that out."""
    found = await consumer._coordinator.fetch_committed_offsets(sorted(partitions))  # noqa: SLF001  # see above
    return {partition: at for partition, at in found.items() if at.offset >= 0}


async def _first_of(
    pool: Pool, types: frozenset[str], partitions: set[TopicPartition]
) -> dict[TopicPartition, tuple[int, frozenset[str]]]:
    """By partition, the first offset at which one of these types was passed over, and which of them were."""
    async with transaction(pool, readonly=True) as tx:
        rows = await tx.fetch(
            """
            SELECT topic, partition, min(first) AS first, array_agg(type) AS types
              FROM passed_over
             WHERE type = ANY ($1)
               AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::integer[]))
             GROUP BY topic, partition
            """,
            sorted(types),
            *columns(sorted(partitions), 2),
        )
    return {TopicPartition(row["topic"], row["partition"]): (row["first"], frozenset(row["types"])) for row in rows}


async def _drop(pool: Pool, types: frozenset[str], partitions: Sequence[TopicPartition]) -> None:
    """Forget that these types were passed over in partitions: they have been handled there."""
    if not partitions:
        return
    async with transaction(pool) as tx:
        await tx.execute(
            """
            DELETE FROM passed_over
             WHERE type = ANY ($1)
               AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::integer[]))
            """,
            sorted(types),
            *columns(sorted(partitions), 2),
        )


async def _move(pool: Pool, types: frozenset[str], positions: Mapping[TopicPartition, int]) -> None:
    """Write down how far these types are handled in partitions that are read again."""
    if not positions:
        return
    async with transaction(pool) as tx:
        await tx.execute(
            """
            UPDATE passed_over
               SET first = greatest(passed_over.first, reached.position)
              FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS reached (topic, partition, position)
             WHERE passed_over.topic = reached.topic AND passed_over.partition = reached.partition
               AND passed_over.type = ANY ($1)
            """,
            sorted(types),
            *columns(sorted((*partition, offset) for partition, offset in positions.items()), 3),
        )
