"""Records of several partitions in order of time, with no more of them in memory than one fetch of each. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition


@dataclass(slots=True)
class Merge:
    """What is between a beginning and an end of each partition, the earliest timestamp first.

    A record is given once no other partition can still have an earlier one: each has a record here, or is at its end.
    Within a partition the order stays as it is, whatever the timestamps are.
    """

    ends: Mapping[TopicPartition, int]
    """The offset after the last record that is wanted of each partition."""
    positions: dict[TopicPartition, int]
    """The offset of the next record that each partition has not given."""
    _queues: dict[TopicPartition, deque[Any]] = field(default_factory=dict)

    @property
    def hungry(self) -> list[TopicPartition]:
        """Partitions of which nothing is here, and which are not at their ends: the next to be read."""
        return [p for p, end in self.ends.items() if not self._queues.get(p) and self.positions[p] < end]

    def take(self, partition: TopicPartition, records: Iterable[Any], position: int) -> None:
        """Take in what was read of a partition, and where it goes on; what is after its end is not wanted."""
        end = self.ends[partition]
        self._queues.setdefault(partition, deque()).extend(record for record in records if record.offset < end)
        self.positions[partition] = position

    def ready(self) -> Iterator[Any]:
        """The records that are next in order of time, until something has to be read."""
        while not self.hungry and (heads := [queue for queue in self._queues.values() if queue]):
            yield min(heads, key=lambda queue: _place(queue[0])).popleft()


def _place(record: Any) -> tuple[int, str, int, int]:  # noqa: ANN401  # an aiokafka ConsumerRecord
    return record.timestamp, record.topic, record.partition, record.offset
