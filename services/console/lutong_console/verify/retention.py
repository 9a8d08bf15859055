"""What may be gone because time passed, and what may not: topics, outboxes and inboxes forget, each in its own way.

Kafka drops the beginning of a partition, and of a compacted topic what a later event of its key replaced. An outbox drops whole
days (UTC). So what is missing is excused only where it can have been dropped: everything else is lost.
"""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from lutong_chassis.noticing import partition_of
from lutong_console.verify.collect import Record, Row, World
from lutong_contracts import TOPICS

COMPACTED: Final = frozenset(topic.name for topic in TOPICS if topic.compacted)
_PARTITIONS: Final = {topic.name: topic.partitions for topic in TOPICS}
_RETENTION: Final = {topic.name: topic.retention for topic in TOPICS if not topic.compacted}
_SKEW_MAX: Final = timedelta(seconds=5)
"""How far the clocks of a database and a relay may differ."""


class Retention:
    """What one look at the suite may not find any more."""

    def __init__(self, world: World) -> None:
        self.world = world

    def has_aged(self, topic: str) -> bool:
        """Whether anything of a topic was dropped."""
        return topic in COMPACTED or any(begin for (name, _), begin in self.world.begins.items() if name == topic)

    def was_dropped(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a record that was at this place may be gone."""
        return topic in COMPACTED or offset < self.world.begins.get((topic, partition), 0)

    def may_be_gone(self, service: str, row: Row) -> bool:
        """Whether an event that was taken in may be on no topic: it was dropped, or went with the Kafka of before a restore.

        A restore puts what outboxes have on the new topics. What was taken in before it, and is in no outbox any more, is gone.
        """
        if self.was_dropped(row["topic"], row["partition"], row["offset"]):
            return True
        restored_at = max(
            (each["since"] for each in self.world.rows(service, "quiet") if each["made_at"]), default=None
        )
        return bool(restored_at and row["received_at"] < restored_at and row["id"] not in self._in_outboxes)

    def may_have_left_its_topic(self, row: Row) -> bool:
        """Whether an event of an outbox may be gone from its topic: it is older than that keeps, and than all that is left.

        What was written after the first record that is left came to the topic cannot have been before it. An event that is
        younger than its topic's retention and gone was lost, by whatever: `lutong republish` brings it back.
        """
        place = row["topic"], partition_of(row["key"].encode(), _PARTITIONS.get(row["topic"], 1))
        kept_since = self.world.now - _RETENTION.get(row["topic"], timedelta(days=100_000))
        if not self.world.begins.get(place) or row["written_at"] > kept_since:
            return False
        left = self._first_left.get(place)
        return left is None or left.at is None or row["written_at"] <= left.at + _SKEW_MAX

    def may_have_left_its_outbox(self, service: str, record: Record) -> bool:
        """Whether the outbox may have dropped the day on which an event was written."""
        return record.occurred_at is not None and record.occurred_at < self._outbox_begins[service]

    @cached_property
    def _in_outboxes(self) -> frozenset[str]:
        return frozenset(row["event_id"] for service in self.world.tables for row in self.world.rows(service, "outbox"))

    @cached_property
    def _first_left(self) -> dict[tuple[str, int], Record]:
        found: dict[tuple[str, int], Record] = {}
        for record in self.world.records:
            place = record.topic, record.partition
            if place not in found or record.offset < found[place].offset:
                found[place] = record
        return found

    @cached_property
    def _outbox_begins(self) -> dict[str, datetime]:
        """By service, the beginning of the oldest day that its outbox keeps; of today, when it keeps nothing."""
        firsts = {
            service: min((row["written_at"] for row in self.world.rows(service, "outbox")), default=self.world.now)
            for service in self.world.tables
        }
        return {
            service: first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            for service, first in firsts.items()
        }
