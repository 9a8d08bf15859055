"""Rising rates by a clock that waits for nobody: up to which one an order is sourced in time, and how long that takes.

An order waits from when its request falls due until `OrderSourced` is read from Kafka. Meanwhile every order is moved on
to its end, as in life.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import time
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer

from lutong_contracts.inventory import OrderSourced
from lutong_local.stack import Stack
from tests.bench.road import scene
from tests.bench.road.clients import Ask, Load
from tests.bench.road.processes import run_clients
from tests.support.harness import until

IN_TIME_MS: Final = 2_000


class Rising(NamedTuple):
    """What is asked in turns, and at which rates of requests per second."""

    asks: Sequence[Ask]
    per_s: Sequence[int]


def loads(viral: str) -> Mapping[str, Rising]:
    """Orders on one post, orders on 10,000 posts, and the traffic of a feed: 90 reads and 8 taps for 2 orders."""
    read, tap = Ask("GET", "/v1/posts/post-{m}"), Ask("POST", "/v1/posts/post-{m}/card/taps", scene.TAP)
    mixed = [*[read] * 11, tap] * 4 + [read, scene.order("post-{m}")]
    rates = (5, 50, 100, 150, 200, 300, 400, 500)
    return {
        "viral": Rising([scene.order(viral)], rates),
        "even": Rising([scene.order("post-{m}")], rates),
        "mixed": Rising(mixed, (250, 500, 1_000, 1_500, 2_000, 2_500)),
    }


def rise(running: Stack, rising: Rising, share: float) -> list[dict[str, Any]]:
    """One row per rate, up to the first that is too much; then half of the last one that was not."""
    rows: list[dict[str, Any]] = []
    for per_s in rising.per_s:
        rows.append(asyncio.run(_at(running, rising.asks, per_s, 8 * share)))
        if not rows[-1]["in_time"]:
            break
    highest = max((row["asked_per_s"] for row in rows if row["in_time"]), default=0)
    if highest:
        rows.append(asyncio.run(_at(running, rising.asks, highest / 2, 8 * share)) | {"rate": "half of the highest"})
    return rows


@asynccontextmanager
async def _reading(running: Stack, arrived: dict[str, float]) -> AsyncIterator[None]:
    """Note when each order's OrderSourced is read from Kafka."""
    topic = OrderSourced.topic.name
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=running.kafka_bootstrap, isolation_level="read_committed")
    await consumer.start()
    await consumer.seek_to_end()
    await asyncio.gather(*(consumer.position(partition) for partition in consumer.assignment()))

    async def note() -> None:
        async for record in consumer:
            if dict(record.headers).get("ce_type") == OrderSourced.type.encode() and record.key:
                arrived.setdefault(record.key.decode(), time())

    noting = asyncio.create_task(note())
    try:
        yield
    finally:
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)
        await consumer.stop()


async def _at(running: Stack, asks: Sequence[Ask], per_s: float, duration_s: float) -> dict[str, Any]:
    """One rate for a while."""
    load = Load(
        running.ports["feed"], asks, scene.token(running), duration_s=duration_s, rate=per_s, orders=True,
        first=int(time() * 1000) % scene.VIEWERS, viewers=scene.MEMBERS, connections=128,
    )  # fmt: skip
    before = await scene.captured(running)
    arrived: dict[str, float] = {}
    async with _reading(running, arrived), scene.moving_on(running):
        found = await asyncio.to_thread(run_clients, load)
        due_at: dict[str, float] = found.pop("due_at")

        async def all_sourced() -> bool:
            return set(due_at) <= set(arrived)

        await until(all_sourced, "every order is sourced", 120)
        await scene.all_captured(running, before + len(due_at))
    waited_ms = sorted(1000 * (arrived[order_id] - due) for order_id, due in due_at.items())
    p99 = waited_ms[min(len(waited_ms) - 1, int(0.99 * len(waited_ms)))]
    refused = found["asked"] - found["good"]
    return {
        "rate": "", "asked_per_s": per_s, "orders": len(due_at), "refused": refused, "answer p99_ms": found["p99_ms"],
        "sourced p50_ms": round(waited_ms[len(waited_ms) // 2], 1), "sourced p99_ms": round(p99, 1),
        "in_time": p99 < IN_TIME_MS and not refused,
    }  # fmt: skip
