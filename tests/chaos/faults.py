"""What goes wrong, by the seed: kills, pauses, restarts, replicas, cut connections, read-only databases, duplicates, poison."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from lutong_contracts import TOPICS
from lutong_contracts.topics import SERVICES
from lutong_local.ports import free_port
from lutong_local.processes import Child, stop, tail
from lutong_local.stack import Stack, start_piece, start_replica, start_service, stop_service, wait_for_piece
from tests.chaos.healing import until_it_holds
from tests.chaos.world import through_proxy
from tests.integration.chassis import outages

_WEIGHTS = {
    "kill": 12,
    "pause": 4,
    "replicas": 3,
    "cut": 3,
    "terminate": 4,
    "read_only": 2,
    "duplicates": 4,
    "poison": 4,
    "kafka": 1,
    "postgres": 1,
}
_KILLS = ("kill", "kafka", "postgres")
_AT_ONCE_MAX = 4


def in_step(done: int, wanted: int, progress: float) -> bool:
    """Whether no more was killed than orders were placed for. Faults overlap: the last may be one more than is wanted."""
    return min(done, wanted) <= wanted * progress


class ServiceEndedError(RuntimeError):
    """A service that nothing was done to has ended: nobody starts it again, and the next kill would hide it."""


@dataclass(slots=True)
class Faults:
    """Injects faults drawn at random, and counts them. Faults overlap, but two never meet on one process."""

    stack: Stack
    proxy: Child
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    hit: set[str] = field(default_factory=set)

    async def run(self, kills: int, duration_s: float, progress: Callable[[], float]) -> None:
        """Faults at a steady pace until `kills` processes were killed, in about the given time.

        They wait where the load is behind, whose `progress` is from 0 to 1: no part of it is without faults.
        """
        share = sum(_WEIGHTS[kind] for kind in _KILLS) / sum(_WEIGHTS.values())
        gap_s = duration_s * share / kills
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:  # what breaks one fault ends the run
            while self.done["kills"] < kills:
                kind = self.rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
                running.add(group.create_task(self.one(kind)))
                await asyncio.sleep(self.rng.uniform(0.2, 1.8) * gap_s)  # the rhythm of the faults
                while len(running) >= _AT_ONCE_MAX:
                    _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                await until_it_holds(lambda: self._in_step(kills, progress), "orders are placed")

    async def _in_step(self, kills: int, progress: Callable[[], float]) -> bool:
        return in_step(self.done["kills"], kills, progress())

    async def one(self, kind: str) -> None:
        """Let one fault happen."""
        if kind == "kafka":
            await self.restart(kind, signal.SIGKILL)
        elif kind == "postgres":
            await self.restart(kind, signal.SIGQUIT)
        else:
            happen: Callable[[], Awaitable[None]] = getattr(self, kind)
            await happen()

    @contextmanager
    def target(self, *candidates: str) -> Iterator[str | None]:
        """One of the candidates that nothing else is happening to, if there is one."""
        free = [name for name in candidates if name not in self.hit]
        settings_of = self.rng.choice(free) if free else None
        self.hit |= {settings_of} if settings_of else set()
        try:
            yield settings_of
        finally:
            self.hit -= {settings_of} if settings_of else set()

    async def kill(self) -> None:
        """SIGKILL a service, start it again."""
        with self.target(*SERVICES) as service:
            if service:
                self.running(service)
                await asyncio.to_thread(stop_service, self.stack, service, signal.SIGKILL)
                self.start(service)
                self.done["kills"] += 1
                self.done["rebalances"] += 1

    def running(self, service: str) -> Child:
        """The process of a service; raises `ServiceEndedError` when it has ended by itself."""
        child = self.stack.children[service]
        if not child.alive:
            message = f"{service} has ended by itself; the end of {child.log}:\n{tail(Path(child.log), 40)}"
            raise ServiceEndedError(message)
        return child

    def start(self, service: str) -> None:
        """Start a service as chaos wants it."""
        start_service(self.stack, service, through_proxy(self.stack, service), dies_with_parent=True)

    async def pause(self) -> None:
        """SIGSTOP a service for longer than its session, sometimes, then SIGCONT."""
        with self.target(*SERVICES) as service:
            if service:
                pid = self.running(service).pid
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(self.rng.uniform(0.5, 5))  # how long it is paused
                os.kill(pid, signal.SIGCONT)
                self.done["pauses"] += 1

    async def replicas(self) -> None:
        """Two more replicas of a service join and leave: its group is rebalanced each time."""
        with self.target(*SERVICES) as service:
            if service:
                more = [self._one_more(service) for _ in range(2)]
                await asyncio.sleep(self.rng.uniform(3, 6))  # how long there are three
                for replica in more:
                    await asyncio.to_thread(stop, replica, self.rng.choice([signal.SIGTERM, signal.SIGKILL]))
                self.done["rebalances"] += 4

    def _one_more(self, service: str) -> Child:
        """A process beside the one that the stack names: its file, which the load reads, stays as it is."""
        variables = through_proxy(self.stack, service) | {"LUTONG_HTTP_PORT": str(free_port())}
        return start_replica(self.stack, service, variables, dies_with_parent=True)

    async def cut(self) -> None:
        """Every connection between the services and Kafka and PostgreSQL is reset."""
        os.kill(self.proxy.pid, signal.SIGUSR1)
        self.done["cuts"] += 1

    async def terminate(self) -> None:
        """PostgreSQL ends every connection of a service, in the middle of whatever it does."""
        with self.target("postgres") as free:
            if free:
                self.done["terminated"] += await outages.cut(self.stack.database_urls[self.rng.choice(SERVICES)])

    async def read_only(self) -> None:
        """A service's database takes no writes for a while, as after a failover to a replica."""
        with self.target("postgres") as free:
            if free:
                url = self.stack.database_urls[self.rng.choice(SERVICES)]
                await outages.read_only(url, on=True)
                try:
                    await outages.cut(url)  # who was connected before could go on writing
                    await asyncio.sleep(self.rng.uniform(0.5, 4))  # how long it takes no writes
                finally:
                    await outages.read_only(url, on=False)
                self.done["read-only"] += 1

    async def restart(self, piece: str, how: signal.Signals) -> None:
        """The broker or the database dies and comes back on its data."""
        with self.target(piece) as free:
            if free:
                await asyncio.to_thread(stop, self.stack.children[piece], how)
                start_piece(self.stack, piece, dies_with_parent=True)
                await asyncio.to_thread(wait_for_piece, self.stack, piece)
                self.done["kills"] += 1
                self.done[piece] += 1

    async def duplicates(self) -> None:
        """Records that were delivered before are delivered again, byte for byte."""
        topic = self.rng.choice(TOPICS).name
        with suppress(KafkaError):
            records = await _last_records(self.stack.kafka_bootstrap, topic, 60)
            await _send(
                self.stack.kafka_bootstrap, [(r.topic, r.partition, r.key, r.value, r.headers) for r in records]
            )
            self.done["duplicates"] += len(records)

    async def poison(self) -> None:
        """Garbage under a key that is in use: what follows on that key must wait behind it."""
        topic = self.rng.choice(["lutong.feed.engagements", "lutong.membership.holds", "lutong.inventory.orders"])
        with suppress(KafkaError):
            records = await _last_records(self.stack.kafka_bootstrap, topic, 1)
            await _send(
                self.stack.kafka_bootstrap,
                [(r.topic, r.partition, r.key, b"\xff\xfe", [("ce_id", b"\xff")]) for r in records],
            )
            self.done["poison"] += len(records)


async def _last_records(bootstrap: str, topic: str, count: int) -> list[Any]:  # aiokafka's ConsumerRecord
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        request_timeout_ms=5_000,
    )
    try:
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
        for partition, end in ends.items():
            consumer.seek(partition, max(0, end - count))
        found = [
            record
            for _ in range(3)
            for records in (await consumer.getmany(timeout_ms=300)).values()
            for record in records
        ]
        return found[-count:]
    finally:
        with suppress(asyncio.CancelledError):  # aiokafka lets the end of its own tasks out when Kafka is away
            await consumer.stop()


async def _send(bootstrap: str, records: list[tuple[Any, ...]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await producer.start()
        for topic, partition, key, value, headers in records:
            await producer.send_and_wait(topic, value, key=key, partition=partition, headers=list(headers))
    finally:
        await producer.stop()
