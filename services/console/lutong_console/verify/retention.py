"""What may be gone because time passed, and what may not: topics, outboxes and inboxes forget, each in its own way.

Kafka drops the beginning of a partition, and of a compacted topic what a later event of its key replaced. An outbox drops whole
days (UTC). So what is missing is excused only where it can have been dropped: everything else is lost.
"""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from lutong_chassis.noticing import partition_of
from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Row
from lutong_console.verify.tables import COMPACTED, SERVICES
from lutong_console.verify.world import World
from lutong_contracts import TOPICS

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
        restored_at = self._restored_at.get(service)
        return bool(restored_at and moment(row, "received_at") < restored_at and not self._in_an_outbox(row))

    def _in_an_outbox(self, row: Row) -> bool:
        owner = row["source"].removeprefix("/lutong/")
        if owner not in SERVICES:
            return False
        self.world.select(f"CREATE INDEX IF NOT EXISTS {owner}.outbox_by_event ON outbox (event_id)")
        found = self.world.select(f"SELECT 1 FROM {owner}.outbox WHERE event_id = ?", row["event_id"])
        return next(iter(found), None) is not None

    def may_have_left_its_topic(self, row: Row) -> bool:
        """Whether an event of an outbox may be gone from its topic: it is older than that keeps, and than all that is left.

        What was written after the first record that is left came to the topic cannot have been before it. An event that is
        younger than its topic's retention and gone was lost, by whatever: `lutong republish` brings it back.
        """
        place = row["topic"], partition_of(row["key"].encode(), _PARTITIONS.get(row["topic"], 1))
        kept_since = self.world.now - _RETENTION.get(row["topic"], timedelta(days=100_000))
        if not self.world.begins.get(place) or row["written_at"] > kept_since:
            return False
        left_since = self._left_since.get(place)
        return left_since is None or row["written_at"] <= left_since + _SKEW_MAX

    def may_have_left_its_outbox(self, service: str, record: Row) -> bool:
        """Whether the outbox may have dropped the day on which an event was written."""
        return record["occurred_at"] is not None and moment(record, "occurred_at") < self._outbox_begins[service]

    @cached_property
    def _restored_at(self) -> dict[str, datetime]:
        """By service, when it was restored last; none where it never was."""
        found: dict[str, datetime] = {}
        for service in SERVICES:
            for row in self.world.select(f"SELECT began_at FROM {service}.quiet WHERE made_at IS NOT NULL"):
                found[service] = max(moment(row, "began_at"), found.get(service, moment(row, "began_at")))
        return found

    @cached_property
    def _left_since(self) -> dict[tuple[str, int], datetime | None]:
        """By partition, when the first record that is left came to it."""
        firsts = self.world.select('SELECT topic, partition, min("offset"), at FROM record GROUP BY topic, partition')
        return {(row["topic"], row["partition"]): row["at"] for row in firsts}

    @cached_property
    def _outbox_begins(self) -> dict[str, datetime]:
        """By service, the beginning of the oldest day that its outbox keeps; of today, when it keeps nothing."""
        firsts = {service: outbox_begins(self.world, service) or self.world.now for service in SERVICES}
        return {
            service: first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            for service, first in firsts.items()
        }


def outbox_begins(world: World, service: str) -> datetime | None:
    """When the first event that is left in an outbox was written."""
    first = next(
        iter(world.select(f"SELECT written_at FROM {service}.outbox ORDER BY outbox.written_at LIMIT 1")), None
    )
    return None if first is None else moment(first, "written_at")
