"""In place of aiokafka's producer, and what goes wrong with a process's Kafka."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, cast

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError

from tests.simulator.broker import Broker, Headers, Wire
from tests.simulator.virtual import Process, VirtualLoop

_LATENCY_S: Final = 0.02
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
class SimBatch:
    """In place of aiokafka's builder of batches."""

    records: list[Wire] = field(default_factory=list)

    def append(self, *, key: bytes, value: bytes, headers: Headers, **_others: object) -> object | None:
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
