"""One run of one variant: fresh databases and topics, a backlog or a trickle of orders, and what it took."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from time import monotonic, time
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer
from uuid_utils.compat import uuid7

from lutong_chassis import topics
from lutong_chassis.envelope import Cause, Envelope, to_headers
from lutong_chassis.testing import create_database, drop_database
from lutong_contracts import Topic
from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, start, stop, tail
from lutong_local.stack import Stack
from tests.bench import chain
from tests.bench.variants import floor

SERVICES: Final = ("credit", "stock")
TOPICS: Final = ("placed", "held", "reserved", "captured")
PARTITIONS: Final = 12
STALL_S: Final = 60.0
BY_HAND: Final = ("floor", "franz")
"""Ways that keep an inbox and an outbox in tables of their own making."""
_WARM: Final = 20


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything there is. Keyed by member, all orders of a member are handled in order."""

    members: int = chain.MEMBERS
    skus: int = chain.SKUS
    keyed_by_member: bool = False


@dataclass(slots=True)
class Run:
    """A variant at work: one of Python's, or a `program` that takes the name of a service."""

    stack: Stack
    variant: str
    program: tuple[str, ...] = ()
    suffix: str = field(default_factory=lambda: uuid7().hex[-10:])
    replicas: int = 1
    urls: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    def topic(self, name: str) -> str:
        """A topic of this run."""
        return f"lutong.bench.{name}-{self.suffix}"

    def start(self, **environment: str) -> None:
        """Start the services of the variant."""
        for service, number in product(SERVICES, range(self.replicas)):
            own = {
                "BENCH": self.suffix,
                "LUTONG_KAFKA_BOOTSTRAP": self.stack.kafka_bootstrap,
                "LUTONG_DATABASE_URL": self.urls[service],
                "LUTONG_HTTP_PORT": str(free_port()),
                "LUTONG_AUTH": "off",
            }
            program = self.program or (sys.executable, "-m", f"tests.bench.variants.{self.variant}")
            log = self.stack.directory / f"{self.variant}-{service}-{number}.log"
            command = Command([*program, service], os.environ | own | environment, log, dies_with_parent=True)
            self.children[f"{service}-{number}"] = start(command)

    def replicas_of(self, service: str) -> list[Child]:
        """The processes of a service."""
        return [self.children[f"{service}-{number}"] for number in range(self.replicas)]

    def stop(self) -> None:
        """End what was started."""
        for child in self.children.values():
            stop(child, signal.SIGKILL)

    async def scalar(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401  # a column can be anything
        """Ask the credit database."""
        connection = await asyncpg.connect(self.urls["credit"])
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    async def until_captured(self, count: int) -> None:
        """Wait until so many orders are through; a variant that stops or loses some is an error."""
        done, moved_at, pause_s = -1, monotonic(), 0.2
        while done < count:
            now_done = await self.scalar("SELECT count(*) FROM hold WHERE captured_at IS NOT NULL")
            if now_done != done:
                done, moved_at = now_done, monotonic()
            self.must_move(moved_at, f"{done} of {count}")
            await asyncio.sleep(pause_s)  # less often the longer it takes: counting many rows costs who is measured
            pause_s = min(1.1 * pause_s, 5.0)

    def must_move(self, moved_at: float, done: str) -> None:
        """Raise, with a log, when a process is dead or nothing has moved for long."""
        dead = [name for name, child in self.children.items() if not child.alive]
        if dead or monotonic() - moved_at > STALL_S:
            log = tail(Path(self.children[(dead or list(self.children))[0]].log))
            raise RuntimeError(f"{self.variant} does not get through ({dead or done}):\n{log}")


Watch = Callable[[Run, int], Coroutine[Any, Any, float]]
"""Waits until so many orders are through; gives the seconds from the first hold to the last capture."""


async def in_postgres(run: Run, count: int) -> float:
    """As the table of holds says."""
    await run.until_captured(count)
    return float(await run.scalar("SELECT extract(epoch FROM max(captured_at) - min(held_at))::float FROM hold"))


async def prepare(run: Run, scale: Scale) -> None:
    """Fresh databases with the chain's tables, and fresh topics."""
    tables = {"credit": chain.CREDIT_TABLES, "stock": chain.STOCK_TABLES}
    rows = {"credit": (chain.CREDIT_DATA, scale.members), "stock": (chain.STOCK_DATA, scale.skus)}
    for service in SERVICES:
        run.urls[service] = await create_database(run.stack.admin_url, f"{service}_{run.suffix}")
        connection = await asyncpg.connect(run.urls[service])
        await connection.execute(tables[service] + (floor.TABLES if run.variant in BY_HAND else ""))
        await connection.execute(*rows[service])
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
        await connection.close()
    await topics.apply(run.stack.kafka, [Topic(run.topic(name), key="order", partitions=PARTITIONS) for name in TOPICS])


@contextmanager
def databases(run: Run, scale: Scale = Scale()) -> Iterator[None]:  # a frozen value
    """The run's databases, for as long as it lasts."""
    asyncio.run(prepare(run, scale))
    try:
        yield
    finally:
        run.stop()
        for service in SERVICES:
            asyncio.run(drop_database(run.stack.admin_url, f"{service}_{run.suffix}"))


def a_record(run: Run, number: int, scale: Scale) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """An order as the feed would say it: key, value, headers. The same for every variant."""
    order = chain.an_order(number, time(), scale.members, scale.skus)
    key = order.member_id if scale.keyed_by_member else order.order_id
    event_id = str(uuid7())
    described = Envelope(
        event_id, "/lutong/bench", "lutong.bench.order-placed.v1", datetime.now(UTC), key, 1, Cause(event_id)
    )
    return key.encode(), order.model_dump_json().encode(), to_headers(described)


async def place(
    run: Run, count: int, *, rate: float = 0.0, first: int = 0, scale: Scale = Scale()
) -> None:  # a frozen value
    """Place orders: as fast as possible, or so many a second."""
    producer = AIOKafkaProducer(bootstrap_servers=run.stack.kafka_bootstrap, linger_ms=0 if rate else 5)
    await producer.start()
    began = monotonic()
    try:
        for number in range(first, first + count):
            if rate:
                await asyncio.sleep(max(0.0, began + (number - first) / rate - monotonic()))  # a steady pace
            key, value, headers = a_record(run, number, scale)
            await producer.send(run.topic("placed"), key=key, value=value, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


def throughput(
    stack: Stack,
    variant: str,
    orders: int,
    scale: Scale = Scale(),
    *,
    replicas: int = 1,
    **environment: str,  # a frozen value
) -> dict[str, float]:
    """Work off a backlog; gives orders per second, CPU per order by process, and peak memory."""
    return measured(Run(stack, variant, replicas=replicas), orders, environment, scale)


def measured(
    run: Run,
    orders: int,
    environment: Mapping[str, str],
    scale: Scale = Scale(),  # a frozen value
    watch: Watch = in_postgres,
) -> dict[str, float]:
    """The same of a run that is described already."""
    stack = run.stack
    with databases(run, scale):
        asyncio.run(place(run, orders, scale=scale))
        before = {name: cpu_s(stack.children[name].pid) for name in ("kafka", "postgres")}
        run.start(BENCH_KEY="member_id" if scale.keyed_by_member else "order_id", **environment)
        taken_s = asyncio.run(watch(run, orders))
        spent = {name: sum(cpu_s(child.pid) for child in run.replicas_of(name)) for name in SERVICES}
        spent |= {name: cpu_s(stack.children[name].pid) - used for name, used in before.items()}
        memory = {f"peak_mb_{name}": max(peak_mb(child.pid) for child in run.replicas_of(name)) for name in SERVICES}
    cpu = {f"cpu_ms_{name}": round(1000 * used / orders, 3) for name, used in spent.items()}
    return {"orders_per_s": round(orders / taken_s, 1), "events_per_s": round(3 * orders / taken_s, 1)} | cpu | memory


def latency(stack: Stack, variant: str, rate: float, duration_s: float) -> dict[str, float]:
    """Let orders trickle in; gives how long a road of three hops takes, in ms."""
    run = Run(stack, variant)
    count = max(20, int(rate * duration_s))
    with databases(run):
        run.start()
        asyncio.run(place(run, 1))
        asyncio.run(run.until_captured(1))
        asyncio.run(place(run, _WARM, rate=20, first=1))
        asyncio.run(run.until_captured(_WARM + 1))
        asyncio.run(place(run, count, rate=rate, first=_WARM + 1))
        asyncio.run(run.until_captured(count + _WARM + 1))
        quantiles = asyncio.run(
            run.scalar(
                """
                SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY waited)
                  FROM (SELECT 1000 * (extract(epoch FROM captured_at) - placed_at) AS waited
                          FROM hold ORDER BY placed_at OFFSET $1) AS measured
                """,
                _WARM + 1,
            )
        )
    return dict(zip(("p50_ms", "p95_ms", "p99_ms"), (round(quantile, 1) for quantile in quantiles), strict=True))


def cpu_s(pid: int) -> float:
    """CPU time of a process, its threads, its children that ended, and those that live (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for stat in _stats():
        if stat[0] == pid:
            total += sum(stat[2:6])
        elif stat[1] == pid:
            total += sum(stat[2:4])
    return total / ticks


def _stats() -> Iterator[tuple[int, ...]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text(encoding="utf-8").rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        fields = rest.split()
        yield int(head.split()[0]), int(fields[1]), *(int(value) for value in fields[11:15])


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had, in MB (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024)
