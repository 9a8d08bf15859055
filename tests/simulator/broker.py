"""A simulated Kafka: logs, one consumer group with generations, and what a broker does when it is away.

Sources: Kafka's protocol for groups (join, sync, heartbeat, generations) and aiokafka's conduct as a client of it.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError

from tests.simulator.virtual import EPOCH_S, VirtualLoop, wake

SESSION_S: Final = 2.0
_REBALANCE_S: Final = 4.0

Headers = Sequence[tuple[str, bytes | None]]


class Wire(NamedTuple):
    """A record as a producer sends it."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class Assigned(NamedTuple):
    """What a member is given when it has joined."""

    generation: int
    partitions: frozenset[TopicPartition]


@dataclass(slots=True)
class _Member:
    seen_at_s: float
    joins: "asyncio.Future[Assigned] | None" = None


@dataclass(eq=False)
class Group:
    """A consumer group: who is in it, which generation it is in, and its committed offsets."""

    loop: VirtualLoop
    rng: random.Random
    partitions: Sequence[TopicPartition]
    members: dict[str, _Member] = field(default_factory=dict)
    generation: int = 0
    rebalances: int = 0
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    notes: dict[TopicPartition, str] = field(default_factory=dict)
    """What was committed beside each offset."""
    on_commit: Callable[[TopicPartition, int], None] = lambda _partition, _offset: None
    _preparing: bool = False
    _ids: Any = field(default_factory=count)

    def join(self, member_id: str) -> "asyncio.Future[Assigned]":
        """A member wants partitions. All others have to join again."""
        member = self.members.setdefault(member_id, _Member(self.loop.now_s))
        member.seen_at_s = self.loop.now_s
        member.joins = joins = self.loop.create_future()
        self.prepare()
        self._complete_if_all_joined()
        return joins

    def prepare(self) -> None:
        """Begin a rebalance. Who does not join in time is out."""
        if self._preparing:
            return
        self._preparing = True
        self.rebalances += 1
        self.loop.call_later(_REBALANCE_S, self._complete, self.generation)

    def heartbeat(self, member_id: str, generation: int) -> None:
        """A sign of life. Raises what tells the member to join again."""
        self._require(member_id, generation)
        self.members[member_id].seen_at_s = self.loop.now_s
        if self._preparing:
            raise RebalanceInProgressError

    def leave(self, member_id: str) -> None:
        """A member goes, of its own will or because it was silent."""
        if self.members.pop(member_id, None):
            self.prepare()
            self._complete_if_all_joined()

    def expire(self) -> None:
        """Remove who was silent for too long."""
        for member_id, member in list(self.members.items()):
            if self.loop.now_s - member.seen_at_s > SESSION_S and not (member.joins and not member.joins.done()):
                self.leave(member_id)

    def commit(self, member_id: str, generation: int, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Commit positions, of the current generation only."""
        self._require(member_id, generation)
        for partition, (offset, note) in offsets.items():
            self.on_commit(partition, offset)
            self.offsets[partition], self.notes[partition] = offset, note

    def _require(self, member_id: str, generation: int) -> None:
        if member_id not in self.members:
            raise UnknownMemberIdError
        if generation != self.generation:
            raise IllegalGenerationError

    def _complete_if_all_joined(self) -> None:
        if self._preparing and all(member.joins for member in self.members.values()):
            self._complete(self.generation)

    def _complete(self, generation: int) -> None:
        if not self._preparing or generation != self.generation:
            return
        self._preparing = False
        self.generation += 1
        for member_id in [name for name, member in self.members.items() if not member.joins]:
            del self.members[member_id]
        names = sorted(self.members)
        self.rng.shuffle(names)
        for n, name in enumerate(names):
            mine = frozenset(self.partitions[n :: len(names)])
            member = self.members[name]
            member.seen_at_s = self.loop.now_s
            joins, member.joins = member.joins, None
            if joins and not joins.done():
                joins.set_result(Assigned(self.generation, mine))


@dataclass(eq=False)
class Broker:
    """Topics and one group. `down_until_s` is until when it answers nobody."""

    loop: VirtualLoop
    rng: random.Random
    topics: Mapping[str, int]
    consumed: str
    down_until_s: float = 0.0
    logs: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = field(default_factory=dict)
    on_append: Callable[[ConsumerRecord[bytes, bytes]], None] = lambda _record: None
    _waiting: "dict[asyncio.Future[None], None]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logs = {TopicPartition(topic, n): [] for topic, size in self.topics.items() for n in range(size)}
        self.group = Group(
            self.loop, self.rng, [partition for partition in self.logs if partition.topic == self.consumed]
        )

    @property
    def is_down(self) -> bool:
        return self.loop.now_s < self.down_until_s

    def append(self, partition: TopicPartition, records: Sequence[Wire]) -> None:
        """Add records to a log."""
        log = self.logs[partition]
        for key, value, headers in records:
            at_ms = int((EPOCH_S + self.loop.now_s) * 1000)
            record = ConsumerRecord(
                partition.topic, partition.partition, len(log), at_ms, 0, key, value, None,
                len(key or b""), len(value or b""), tuple(headers),
            )  # fmt: skip
            log.append(record)
            self.on_append(record)

        for waiting in self._waiting:
            wake(waiting)

    async def news(self, longest_s: float) -> None:
        """Wait for records, of whatever topic, and no longer."""
        waiting = self.loop.sleep(longest_s)
        self._waiting[waiting] = None
        try:
            await waiting
        finally:
            del self._waiting[waiting]

    def watch(self) -> None:
        """Look for silent members, for ever."""
        if not self.is_down:
            self.group.expire()
        self.loop.call_later(0.5, self.watch)
