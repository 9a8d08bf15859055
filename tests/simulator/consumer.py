"""In place of aiokafka's consumer: the methods that the chassis and FastStream use, over the simulated broker."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    CorruptRecordException,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    RebalanceInProgressError,
)
from aiokafka.structs import OffsetAndMetadata

from tests.simulator.broker import Assigned, Broker
from tests.simulator.producer import Faults
from tests.simulator.virtual import Process

_LATENCY_S: Final = 0.02
_HEARTBEAT_S: Final = 0.5


@dataclass(slots=True)
class _State:
    """A partition of an assignment."""

    position: int | None = None
    paused: bool = False

    @property
    def has_valid_position(self) -> bool:
        return self.position is not None


class SimConsumer:
    """A consumer of the group, with the conduct of aiokafka's: it joins in the background while a batch is handled."""

    def __init__(self, process: Process, broker: Broker, faults: Faults, **_options: object) -> None:
        self.process, self.broker, self.faults = process, broker, faults
        self.listener: Any = None
        self.member_id = process.name
        self.generation = -1
        self.states: dict[TopicPartition, _State] = {}
        self.joining = True
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # what FastStream calls

    def subscribe(self, *, listener: Any, **_what: object) -> None:  # noqa: ANN401  # a listener of aiokafka
        self.listener = listener

    async def start(self) -> None:
        await self._ask()
        self._task = self.process.spawn(self._coordinate())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
        if self.process.alive:
            self.broker.group.leave(self.member_id)

    # what the chassis calls

    def assignment(self) -> set[TopicPartition]:
        return set(self.states)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self.broker.topics[topic]))

    @property
    def _subscription(self) -> Any:  # noqa: ANN401  # the part of aiokafka's that is looked at
        assignment = SimpleNamespace(state_value=self.states.get)
        return SimpleNamespace(
            subscription=SimpleNamespace(assignment=assignment), reassignment_in_progress=self.joining
        )

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._state(partition).position = offset

    def pause(self, *partitions: TopicPartition) -> None:
        for partition in partitions:
            self._state(partition).paused = True

    def resume(self, *partitions: TopicPartition) -> None:
        for partition in partitions:
            self._state(partition).paused = False

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await self._ask()
        return dict.fromkeys(partitions, 0)

    async def committed(self, partition: TopicPartition) -> int | None:
        await self._ask()
        return self.broker.group.offsets.get(partition)

    @property
    def _coordinator(self) -> Any:  # noqa: ANN401  # the part of aiokafka's that is asked
        return SimpleNamespace(fetch_committed_offsets=self._committed)

    async def _committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        await self._ask()
        group = self.broker.group
        return {p: OffsetAndMetadata(group.offsets.get(p, -1), group.notes.get(p, "")) for p in partitions}

    async def commit(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        for partition in offsets:
            self._state(partition)
        generation = self.generation
        await self._ask()
        try:
            self.broker.group.commit(self.member_id, generation, offsets)
        except KafkaError as error:
            raise CommitFailedError(str(error)) from error

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        loop = self.process.loop
        while True:
            await self._ready()
            ends_at_s = loop.now_s + timeout_ms / 1000
            if found := self._fetched(partitions, max_records or 1_000):
                return found
            await self._more(ends_at_s)
            timeout_ms = max(0, int((ends_at_s - loop.now_s) * 1000))
            if timeout_ms == 0:
                return {}

    async def _ready(self) -> None:
        """Wait for an assignment, however long that takes, and for an answer."""
        while True:
            while self.joining:
                await self._assigned()
            await self.process.step(_LATENCY_S)
            if not self.joining:
                return

    def _fetched(
        self, partitions: Sequence[TopicPartition], left: int
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        """Records from the positions, which move. What was fetched before a pause is given all the same, as by aiokafka."""
        found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {}
        order = [] if self.broker.is_down else sorted(self.states)
        self.process.rng.shuffle(order)
        for partition in order:
            state = self.states[partition]
            if left > 0 and (not partitions or partition in partitions) and self._is_read(state):
                begin = state.position or 0
                take = self.broker.logs[partition][begin : begin + self.process.rng.randint(1, left)]
                if take:
                    found[partition] = take
                    state.position = take[-1].offset + 1
                    left -= len(take)
        if found:
            self._fail_perhaps()
        return found

    def _is_read(self, state: _State) -> bool:
        return state.has_valid_position and not (state.paused and self.process.rng.random() < 0.5)

    def _fail_perhaps(self) -> None:
        """The positions have moved, and yet there is an error: what was read of other partitions is gone."""
        self.faults.fetches += 1
        if self.faults.fetches in self.faults.unreadable:
            raise CorruptRecordException if self.process.rng.random() < 0.5 else ValueError("bytes that nobody foresaw")

    async def _more(self, ends_at_s: float) -> None:
        """Wait until there may be something to fetch."""
        loop = self.process.loop
        while loop.now_s < ends_at_s and not self.joining:
            await self.broker.news(max(ends_at_s - loop.now_s, 0.001))
            self.process.check()
            if any(s.position is not None and len(self.broker.logs[p]) > s.position for p, s in self.states.items()):
                return

    async def _assigned(self) -> None:
        self._changed.clear()
        await self._changed.wait()
        self.process.check()

    async def _ask(self) -> None:
        """A request to the broker and its answer."""
        await self.process.step(_LATENCY_S)
        if self.broker.is_down:
            await asyncio.sleep(0.3)
            raise KafkaConnectionError("the broker is away")

    def _state(self, partition: TopicPartition) -> _State:
        if partition not in self.states:
            raise IllegalStateError(f"No current assignment for partition {partition}")
        return self.states[partition]

    async def _coordinate(self) -> None:
        """aiokafka's coordinator: joins, tells the listener, finds its positions, and gives signs of life."""
        while True:
            self.joining = True
            try:
                await self._join()
                await self._beat()
            except KafkaError:
                await asyncio.sleep(0.1)

    async def _join(self) -> None:
        self.listener.on_partitions_revoked(set(self.states))
        await self._ask()
        given: Assigned = await self.broker.group.join(self.member_id)
        await self.process.step(_LATENCY_S)
        self.generation = given.generation
        self.states = {partition: _State() for partition in given.partitions}
        self.joining = False
        self._changed.set()
        self.listener.on_partitions_assigned(set(self.states))
        states = self.states
        await self._ask()
        for partition, state in states.items():
            if state.position is None:
                state.position = self.broker.group.offsets.get(partition, 0)

    async def _beat(self) -> None:
        while True:
            await self.process.loop.sleep(_HEARTBEAT_S)
            await self.process.step(_LATENCY_S)
            if self.broker.is_down:
                continue
            try:
                self.broker.group.heartbeat(self.member_id, self.generation)
            except RebalanceInProgressError:
                return
