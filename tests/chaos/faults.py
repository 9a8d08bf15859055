"""What goes wrong, by the seed: kills, pauses, restarts, second replicas, duplicates and poison."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from lutong_contracts import TOPICS
from lutong_local.processes import Child, Command, free_port, start, stop
from lutong_local.stack import SERVICES, Stack, start_piece, start_service, stop_service, wait_for_piece

INVENTORY_ENVIRONMENT = {"LUTONG_ACCEPTANCE_WINDOW_S": "6"}
_WEIGHTS = {"kill": 12, "pause": 4, "replica": 4, "duplicates": 4, "poison": 4, "kafka": 1, "postgres": 1}


@dataclass(slots=True)
class Faults:
    """Does what the dice say, and counts what it did."""

    stack: Stack
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)

    async def run(self, kills: int, pause_s: float) -> None:
        """Faults one after the other until `kills` processes were killed."""
        while self.done["kills"] < kills:
            kind = self.dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            await self.one(kind)
            await asyncio.sleep(self.dice.uniform(0.1, pause_s * 0.6))  # the rhythm of the faults

    async def one(self, kind: str) -> None:
        """Let one fault happen."""
        if kind == "kafka":
            await self.restart(kind, signal.SIGKILL)
        elif kind == "postgres":
            await self.restart(kind, signal.SIGQUIT)
        else:
            happen: Callable[[], Awaitable[None]] = getattr(self, kind)
            await happen()

    async def kill(self) -> None:
        """SIGKILL a service, start it again."""
        service = self.dice.choice(SERVICES)
        await asyncio.to_thread(stop_service, self.stack, service, signal.SIGKILL)
        self.start(service)
        self.done["kills"] += 1
        self.done["rebalances"] += 1

    def start(self, service: str) -> None:
        """Start a service as chaos wants it."""
        start_service(self.stack, service, INVENTORY_ENVIRONMENT, dies_with_parent=True)

    async def pause(self) -> None:
        """SIGSTOP a service for longer than its session, sometimes, then SIGCONT."""
        child = self.stack.children[self.dice.choice(SERVICES)]
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGSTOP)
            await asyncio.sleep(self.dice.uniform(0.5, 5))  # how long it is paused
            os.kill(child.pid, signal.SIGCONT)
        self.done["pauses"] += 1

    async def replica(self) -> None:
        """A second replica of a service joins and leaves: the group is rebalanced both times."""
        service = self.dice.choice(SERVICES)
        port = self.stack.ports[service]
        self.stack.ports[service] = free_port()
        first = self.stack.children[service]
        self.start(service)
        second, self.stack.children[service] = self.stack.children[service], first
        self.stack.ports[service] = port
        await asyncio.sleep(self.dice.uniform(3, 6))  # how long there are two
        await asyncio.to_thread(stop, second, self.dice.choice([signal.SIGTERM, signal.SIGKILL]))
        self.done["rebalances"] += 2

    async def restart(self, piece: str, how: signal.Signals) -> None:
        """The broker or the database dies and comes back on its data."""
        await asyncio.to_thread(stop, self.stack.children[piece], how)
        start_piece(self.stack, piece, dies_with_parent=True)
        await asyncio.to_thread(wait_for_piece, self.stack, piece)
        self.done["kills"] += 1
        self.done[piece] += 1

    async def duplicates(self) -> None:
        """Records that were delivered before are delivered again, byte for byte."""
        topic = self.dice.choice(TOPICS).name
        with suppress(KafkaError):
            records = await _last_records(self.stack.kafka_bootstrap, topic, 60)
            await _send(
                self.stack.kafka_bootstrap, [(r.topic, r.partition, r.key, r.value, r.headers) for r in records]
            )
            self.done["duplicates"] += len(records)

    async def poison(self) -> None:
        """Garbage under a key that is in use: what follows on that key must wait behind it."""
        topic = self.dice.choice(["lutong.feed.engagements", "lutong.membership.holds", "lutong.inventory.orders"])
        with suppress(KafkaError):
            records = await _last_records(self.stack.kafka_bootstrap, topic, 1)
            await _send(
                self.stack.kafka_bootstrap,
                [(r.topic, r.partition, r.key, b"\xff\xfe", [("ce_id", b"\xff")]) for r in records],
            )
            self.done["poison"] += len(records)


async def _last_records(bootstrap: str, topic: str, count: int) -> list[Any]:  # aiokafka's ConsumerRecord
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", request_timeout_ms=5_000
    )
    await consumer.start()
    try:
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
        await consumer.stop()


async def _send(bootstrap: str, records: list[tuple[Any, ...]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    await producer.start()
    try:
        for topic, partition, key, value, headers in records:
            await producer.send_and_wait(topic, value, key=key, partition=partition, headers=list(headers))
    finally:
        await producer.stop()


def background(arguments: list[str], stack: Stack) -> Child:
    """Start the load as a process of its own."""
    return start(Command(arguments, os.environ, stack.directory / "load.log", dies_with_parent=True))
