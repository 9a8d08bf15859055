"""Running the toy service as a process, feeding it records, and reading what it says."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from uuid_utils.compat import uuid7

from lutong_chassis import tokens, topics
from lutong_chassis.envelope import Cause, Envelope, to_headers
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.testing import an_operator, create_database, drop_database
from lutong_contracts import Event, Topic
from lutong_local.forkserver import fork, run_service
from lutong_local.ports import free_port
from tests.conftest import Infrastructure

DEADLINE_S = 30.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak no TLS: each would read all certificates of the machine before it asks anything."""

Headers = Sequence[tuple[str, bytes | None]]
"""Of a record, as Kafka's clients take them."""


class RawRecord(NamedTuple):
    """A record as it is published; without a value it is a tombstone."""

    key: str
    value: bytes | None
    headers: Headers


class ParkedRecord(NamedTuple):
    """A record that a service parked."""

    state: str
    reason: str
    key: str


async def until(condition: Callable[[], Awaitable[Any]], what: str, deadline_s: float = DEADLINE_S) -> Any:  # noqa: ANN401  # gives what the condition gives
    """Wait for a condition; says which one when it does not come true."""
    began, pause_s = monotonic(), 0.02
    while not (value := await condition()):
        assert monotonic() - began < deadline_s, f"did not come true within {deadline_s:.0f} s: {what}"
        await asyncio.sleep(pause_s)  # what takes long is polled less often: each poll takes time from it
        pause_s = min(0.2, 1.2 * pause_s)
    return value


@dataclass(slots=True)
class Toy:
    """The toy service of one test: its own topics, its own database, its own process."""

    bootstrap: str
    database_url: str
    suffix: str
    log: Path
    keys: Path
    pool: "asyncpg.Pool[asyncpg.Record]"
    port: int = field(default_factory=free_port)
    process: BaseProcess | None = None
    printed_to: Path | None = None
    """Where its log goes, if not into the file that tests read."""

    @property
    def consumed(self) -> str:
        return f"lutong.toy.consumed-{self.suffix}"

    @property
    def published(self) -> str:
        return f"lutong.toy.published-{self.suffix}"

    def start(self, module: str = "tests.integration.chassis.toy", **environment: str) -> None:
        own = {
            "LUTONG_DATABASE_URL": self.database_url,
            "LUTONG_KAFKA_BOOTSTRAP": self.bootstrap,
            "LUTONG_HTTP_PORT": str(self.port),
            "LUTONG_PROFILE": "test",
            "LUTONG_AUTH_KEYS_FILE": str(self.keys / "jwks.json"),
            "LUTONG_AUTH_ISSUER": tokens.ISSUER,
            # So long the group waits for one that died, before another gets its partitions.
            "LUTONG_SESSION_TIMEOUT_MS": "1000" if "LUTONG_FAILPOINT" in environment else "2000",
            "LUTONG_RETRY_DELAY_MAX_S": "0.5",
            "TOY_TOPIC": self.suffix,
        }
        settings = os.environ | own | environment
        self.log.touch()
        self.process = fork(run_service, module, environment=settings, log=self.printed_to or self.log)

    async def ready(self) -> None:
        async def answers() -> bool:
            with_ = await self.get("/readyz")
            return with_ is not None and with_.status_code == 200

        await until(answers, f"the toy service is ready; see {self.log.read_text()[-2000:]}")

    def client(self, timeout_s: float = 20) -> httpx.AsyncClient:
        """A client that asks as an operator."""
        token = tokens.read_key(self.keys / "signing-key.pem").token(an_operator())
        headers = {"authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=url, timeout=timeout_s, headers=headers, verify=NO_TLS, trust_env=False)

    async def get(self, path: str) -> httpx.Response | None:
        async with self.client() as client:
            try:
                return await client.get(path)
            except httpx.TransportError:
                return None

    async def post(self, path: str, headers_: dict[str, str] | None = None, **json: object) -> httpx.Response:
        async with self.client() as client:
            return await client.post(path, json=json, headers=headers_)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        if self.process and self.process.pid and self.process.exitcode is None:
            with suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(self.process.pid, how)
        return self.ended()

    def ended(self) -> int | None:
        """Wait for its end; gives its exit code. It is a failure when it does not end."""
        if self.process is None:
            return None
        self.process.join(timeout=30)
        assert self.process.exitcode is not None, f"it still runs after 30 s; see {self.log.read_text()[-2000:]}"
        return self.process.exitcode

    async def died(self) -> None:
        """Wait until the process has killed itself at its failpoint."""
        process = self.process
        assert process is not None

        async def dead() -> bool:
            return process.exitcode == -signal.SIGKILL

        await until(dead, "the failpoint was reached")

    async def rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        try:
            return await self.pool.fetch(sql, *args)
        except asyncpg.UndefinedTableError:  # the service has not migrated yet
            return []

    async def totals(self) -> dict[str, int]:
        rows = await self.rows("SELECT counter_id, total FROM counter ORDER BY counter_id")
        return {row["counter_id"]: row["total"] for row in rows}

    async def parked(self) -> list[ParkedRecord]:
        rows = await self.rows("SELECT state, reason, convert_from(key, 'UTF8') AS key FROM parked ORDER BY id")
        return [ParkedRecord(row["state"], row["reason"], row["key"]) for row in rows]


@asynccontextmanager
async def a_toy(infrastructure: Infrastructure, directory: Path) -> AsyncIterator[Toy]:
    """A toy service that is not started yet; its topics exist."""
    suffix = uuid7().hex[-12:]
    name = f"toy_{suffix}"
    url = await create_database(infrastructure.admin_url, name)
    keys = directory / f"{name}.keys"
    tokens.make_keys(keys)
    try:
        async with asyncpg.create_pool(url, min_size=0, max_size=4, statement_cache_size=0) as pool:
            toy = Toy(infrastructure.kafka_bootstrap, url, suffix, directory / f"{name}.log", keys, pool)
            wanted = [
                Topic(toy.consumed, key="counter", partitions=4),
                Topic(toy.published, key="counter", partitions=4),
            ]
            await topics.apply(KafkaAccess(toy.bootstrap), wanted)
            try:
                yield toy
            finally:
                toy.stop(signal.SIGKILL)
    finally:
        await drop_database(infrastructure.admin_url, name)


def a_record(event: Event, *, event_id: str | None = None) -> RawRecord:
    """An event as its owner would publish it."""
    event_id = event_id or str(uuid7())
    envelope = Envelope(event_id, "/test", event.type, datetime.now(UTC), event.key, 1, Cause(event_id))
    return RawRecord(event.key, event.model_dump_json().encode(), to_headers(envelope))


async def feed(
    bootstrap: str,
    topic: str,
    records: Sequence[RawRecord],
    *,
    partition: int | None = None,
    timestamp_ms: int | None = None,
) -> None:
    """Publish records as they are, in order; into the partition of their keys, now, unless that is said otherwise."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=5_000_000)
    await producer.start()
    try:
        for key, value, headers in records:
            place: dict[str, int | None] = {"partition": partition, "timestamp_ms": timestamp_ms}
            await producer.send(topic, key=key.encode(), value=value, headers=list(headers), **place)
        await producer.flush()
    finally:
        await producer.stop()


async def read_topic(bootstrap: str, topic: str) -> list[Any]:
    """Every record of a topic, by partition and offset; commits nothing."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        found: list[Any] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()
