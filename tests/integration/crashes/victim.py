"""Processes that die at a named point while they do one thing to a real database.

`python -m tests.integration.crashes.victim` reads a case per line and forks for it: a fresh process
each, without the second that importing a service takes. It says how each of them ended.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import IO, Any

import httpx

from lutong_chassis import Service, database, failpoints
from lutong_chassis.auth import Principal
from lutong_chassis.consumer import Consumer
from lutong_chassis.parking import StoredRecord
from lutong_chassis.testing import app_of, http_client, settings_for


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asks of a service, under an Idempotency-Key of its own."""

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
    """What is left of a Kafka client whose partitions went to somebody else: nothing to commit."""

    def assignment(self) -> set[Any]:
        return set()


def service_named(name: str) -> Service:
    service: Service = import_module(f"lutong_{name}.app").service
    return service


async def act(service: Service, url: str, what: Command | Delivery) -> httpx.Response | None:
    """Do one thing as the service would; gives the answer of a command."""
    pool = await database.connect(settings_for(url, database_connections_max=3))
    try:
        if isinstance(what, Delivery):
            consumer = Consumer(pool, service.handlers, 0.1, after_commit=lambda: None)
            await consumer.on_poll([record_of(what)], NoPartitions())
            return None
        async with http_client(service, pool, Principal(what.who, "admin")) as client:
            while True:  # the backend of a process that died lets its locks go a moment later
                answer = await client.request(
                    what.method, what.path, json=what.body, headers={"idempotency-key": what.key}
                )
                if answer.status_code != 409 or "in_progress" not in answer.text:
                    return answer
    finally:
        await pool.close()


def record_of(what: Delivery) -> StoredRecord:
    headers = [(name, value.encode("latin-1")) for name, value in what.headers]
    return StoredRecord(what.topic, 0, what.offset, what.timestamp, what.key.encode(), what.value.encode(), headers)


@contextmanager
def victims() -> Iterator["Victims"]:
    """A process that forks victims."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.crashes.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield Victims(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Victims:
    """Where cases go in and ends come out."""

    cases: IO[str]
    ends: IO[str]

    def die(self, service: str, url: str, point: str, what: Command | Delivery) -> int:
        """Do something in a process that dies at a point; gives its exit code, -9 when it died there."""
        case = {"service": service, "url": url, "point": point, type(what).__name__: asdict(what)}
        self.cases.write(json.dumps(case) + "\n")
        self.cases.flush()
        return int(self.ends.readline())


def main() -> None:
    """Fork for each case, and say how the child ended."""
    for name in ("feed", "registry", "membership", "inventory"):
        app_of(service_named(name))
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _be_victim(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _be_victim(case: dict[str, Any]) -> None:
    failpoints.arm(case["point"])
    what = Command(**case["Command"]) if "Command" in case else Delivery(**case["Delivery"])
    try:
        asyncio.run(act(service_named(case["service"]), case["url"], what))
    finally:
        os._exit(1)  # it should not have come here


if __name__ == "__main__":
    main()
