"""In place of aiokafka's consumer and producer: the methods that the chassis and FastStream use, over the simulated broker."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, cast

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    CorruptRecordException,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    RequestTimedOutError,
)

from tests.simulator.broker import Assigned, Broker, Headers, Wire
from tests.simulator.virtual import Process, VirtualLoop

_LATENCY_S: Final = 0.02
_HEARTBEAT_S: Final = 0.5
_BATCH_MAX: Final = 2
"""Records of one batch: few, so that a round of the relay has several for one partition."""


@dataclass(slots=True)
class Faults:
    """What goes wrong with a process's Kafka, by the number of the send or the fetch. `lost_acks` were appended all the same."""

    refused: frozenset[int] = frozenset()
    lost_acks: frozenset[int] = frozenset()
    unreadable: frozenset[int] = frozenset()
    sends: int = 0
    fetches: int = 0


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

    def __init__(self, process: Process, broker: Broker, faults: Faults, listener: Any = None, **_options: object) -> None:  # noqa: ANN401  # a listener of aiokafka
        self.process, self.broker, self.faults = process, broker, faults
        self.listener = listener
        self.member_id = process.name
        self.generation = -1
        self.states: dict[TopicPartition, _State] = {}
        self.joining = True
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # what FastStream calls

    def subscribe(self, topics: Sequence[str], pattern: object = None, listener: Any = None) -> None:  # noqa: ANN401  # as above
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

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
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
            while self.joining:
                await self._assigned()
            await self.process.step(_LATENCY_S)
            if self.joining:
                continue
            ends_at_s = loop.now_s + timeout_ms / 1000
            if found := self._fetched(partitions, max_records):
                return found
            if loop.now_s >= ends_at_s:
                return {}
            await self._more(ends_at_s)
            timeout_ms = max(0, int((ends_at_s - loop.now_s) * 1000))
            if timeout_ms == 0:
                return {}

    def _fetched(
        self, partitions: Sequence[TopicPartition], max_records: int | None
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        """Records from the positions, which move. What was fetched before a pause is given all the same, as by aiokafka."""
        if self.broker.is_down:
            return {}
        found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {}
        left = max_records or 1_000
        order = sorted(self.states)
        self.process.rng.shuffle(order)
        for partition in order:
            state = self.states[partition]
            if state.position is None or (partitions and partition not in partitions):
                continue
            if state.paused and self.process.rng.random() < 0.5:
                continue
            take = self.broker.logs[partition][state.position : state.position + self.process.rng.randint(1, max(1, left))]
            if take:
                found[partition] = take
                state.position = take[-1].offset + 1
                left -= len(take)
            if left <= 0:
                break
        if found:
            self.faults.fetches += 1
            if self.faults.fetches in self.faults.unreadable:
                raise CorruptRecordException if self.process.rng.random() < 0.5 else ValueError("bytes that nobody foresaw")
        return found

    async def _more(self, ends_at_s: float) -> None:
        """Wait until there may be something to fetch."""
        loop = self.process.loop
        while loop.now_s < ends_at_s and not self.joining:
            await asyncio.sleep(min(0.05, max(ends_at_s - loop.now_s, 0.001)))
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
            await asyncio.sleep(_HEARTBEAT_S)
            await self.process.step(_LATENCY_S)
            if self.broker.is_down:
                continue
            try:
                self.broker.group.heartbeat(self.member_id, self.generation)
            except RebalanceInProgressError:
                return


@dataclass(slots=True)
class SimBatch:
    """In place of aiokafka's builder of batches."""

    records: list[Wire] = field(default_factory=list)

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: Headers) -> object | None:
        if len(self.records) >= _BATCH_MAX:
            return None
        self.records.append(Wire(key, value, tuple(headers)))
        return object()

    def close(self) -> None:
        """Nothing more is added."""


class SimProducer:
    """An idempotent producer: each partition in the order of its sends. What is on the wire arrives, whatever becomes of it."""

    def __init__(self, process: Process, broker: Broker, faults: Faults) -> None:
        self.process, self.broker, self.faults = process, broker, faults
        self._lands_at_s: dict[TopicPartition, float] = {}

    async def start(self) -> None:
        await self._ask()

    async def stop(self) -> None:
        """What is on the wire arrives all the same."""

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self.broker.topics[topic]))

    def create_batch(self) -> SimBatch:
        return SimBatch()

    async def send_batch(self, batch: SimBatch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        await self.process.step(_LATENCY_S)
        loop, where = self.process.loop, TopicPartition(topic, partition)
        self.faults.sends += 1
        refused, lost = self.faults.sends in self.faults.refused, self.faults.sends in self.faults.lost_acks
        delivery: asyncio.Future[None] = loop.create_future()
        lands_at_s = max(loop.now_s + _LATENCY_S * self.process.rng.random(), self._lands_at_s.get(where, 0.0))
        self._lands_at_s[where] = lands_at_s + 1e-6
        loop.call_at(lands_at_s, self._land, where, batch.records, delivery, (refused, lost))
        return delivery

    def _land(
        self, where: TopicPartition, records: list[Wire], delivery: "asyncio.Future[None]", fate: tuple[bool, bool]
    ) -> None:
        refused, lost = fate
        if self.broker.is_down:
            refused = True
        if not refused:
            self.broker.append(where, records)
        latency_s = _LATENCY_S * self.process.rng.random()
        if refused or lost:
            latency_s *= 20
        error = RequestTimedOutError() if refused else KafkaTimeoutError() if lost else None
        self.process.loop.call_later(latency_s, _settle, self.process, delivery, error)

    async def _ask(self) -> None:
        await self.process.step(_LATENCY_S)
        if self.broker.is_down:
            await asyncio.sleep(0.3)
            raise KafkaConnectionError("the broker is away")


def _settle(process: Process, delivery: "asyncio.Future[None]", error: Exception | None) -> None:
    """Tell the producer, once it is not paused any more."""
    if not process.alive or delivery.done():
        return
    if process.loop.now_s < process.resumes_at_s:
        process.loop.call_at(process.resumes_at_s, _settle, process, delivery, error)
    elif error:
        delivery.set_exception(error)
    else:
        delivery.set_result(None)


class SimAdmin:
    """In place of the administration that FastStream opens and never uses."""

    def __init__(self, **_options: object) -> None:
        pass

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


def process_of(loop: asyncio.AbstractEventLoop) -> Process:
    """The process that makes a client."""
    process = cast("VirtualLoop", loop).process()
    if process is None:
        raise RuntimeError("a client is made outside of all processes")
    return process
