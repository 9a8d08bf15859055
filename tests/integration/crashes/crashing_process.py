"""Processes that die at a named point while they do one thing to a real database."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx

from lutong_chassis import Service, database, failpoints
from lutong_chassis.auth import Principal
from lutong_chassis.consumer import Consumer
from lutong_chassis.database import Pool
from lutong_chassis.parking import StoredRecord
from lutong_chassis.processing import Processor
from lutong_chassis.testing import a_member, http_client, settings_for
from lutong_local.forkserver import fork


@dataclass(frozen=True, slots=True)
class Command:
    """What a client asks of a service, under an Idempotency-Key of its own."""

    method: str
    path: str
    body: Mapping[str, Any] | Sequence[Any] | None = None
    key: str = ""
    who: str = "ada"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record as Kafka hands it over; headers are latin-1 so that they survive JSON."""

    topic: str
    offset: int
    timestamp: int
    key: str
    value: str
    headers: list[tuple[str, str]]


class NoPartitions:
    """What is left of a Kafka client whose partitions went to another consumer: nothing to commit."""

    def assignment(self) -> set[Any]:
        return set()

    def pause(self, *partitions: Any) -> None:
        """Nothing is fetched anyway."""

    def resume(self, *partitions: Any) -> None:
        """Nothing is fetched anyway."""


def service_named(name: str) -> Service:
    service: Service = import_module(f"lutong_{name}.app").service
    return service


def principal(name: str) -> Principal:
    """Who asks, by name: members are called m-1, m-2, …; all others are administrators."""
    return a_member(name) if name.startswith("m-") else Principal(name, "admin")


async def act(service: Service, url: str, what: Command | Delivery) -> httpx.Response | None:
    """Do one thing as the service would; gives the answer of a command."""
    pool = await database.connect(settings_for(url, database_connections_max=3))
    try:
        return await act_on(service, pool, what)
    finally:
        await pool.close()


async def act_on(service: Service, pool: Pool, what: Command | Delivery) -> httpx.Response | None:
    """The same, on connections that have done other things before."""
    if isinstance(what, Delivery):
        consumer = Consumer(Processor(pool, service.handlers, after_commit=lambda: None), 0.1)
        await consumer.on_poll([record_of(what)], NoPartitions())
        return None
    async with http_client(service, pool, principal(what.who)) as client:
        while True:  # the backend of a process that died lets its locks go a moment later
            answer = await client.request(what.method, what.path, json=what.body, headers={"idempotency-key": what.key})
            if answer.status_code != 409 or "in_progress" not in answer.text:
                return answer


async def act_together(service: Service, url: str, commands: Sequence[Command]) -> list[httpx.Response]:
    """Ask for commands at once, as several clients do: they go into one batch."""
    pool = await database.connect(settings_for(url, database_connections_max=3))
    try:
        async with http_client(service, pool) as client:
            asked = [
                client.request(c.method, c.path, json=c.body, headers={"idempotency-key": c.key}) for c in commands
            ]
            return await asyncio.gather(*asked)
    finally:
        await pool.close()


def die_together(service: str, url: str, point: str, commands: Sequence[Command]) -> int:
    """Ask for commands at once in a process that dies at a point; gives its exit code, -9 when it died there."""
    process = fork(_ask_together_until_it_crashes, service, url, point, commands, environment=dict(os.environ))
    process.join()
    return process.exitcode or 0


def _ask_together_until_it_crashes(service: str, url: str, point: str, commands: Sequence[Command]) -> None:
    failpoints.arm(point)
    asyncio.run(act_together(service_named(service), url, commands))
    sys.exit(1)  # it should not have come here


def record_of(what: Delivery) -> StoredRecord:
    headers = [(name, value.encode("latin-1")) for name, value in what.headers]
    return StoredRecord(what.topic, 0, what.offset, what.timestamp, what.key.encode(), what.value.encode(), headers)


def die(service: str, url: str, point: str, what: Command | Delivery) -> int:
    """Do something in a process that dies at a point; gives its exit code, -9 when it died there."""
    process = fork(_serve_until_it_crashes, service, url, point, what, environment=dict(os.environ))
    process.join()
    return process.exitcode or 0


def _serve_until_it_crashes(service: str, url: str, point: str, what: Command | Delivery) -> None:
    failpoints.arm(point)
    asyncio.run(act(service_named(service), url, what))
    sys.exit(1)  # it should not have come here
