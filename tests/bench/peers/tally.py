"""What the topic of captured orders has: how many are through, since when, which are missing, which are there twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from tests.bench.runs import Run

_POLL_MS: Final = 500


@dataclass(slots=True)
class Tally:
    """The records so far, by order. Times are milliseconds since 1970."""

    by_order: Counter[bytes] = field(default_factory=Counter)
    first_held_ms: int | None = None
    last_captured_ms: int = 0

    def add(self, records: Iterable[Any]) -> None:
        """Count more records; one that has a header `held_at_ms` tells when its order's hold was made."""
        for record in records:
            self.by_order[record.key] += 1
            self.last_captured_ms = max(self.last_captured_ms, record.timestamp)
            held_ms = dict(record.headers).get("held_at_ms")
            if held_ms is not None:
                first_ms = int(held_ms) if self.first_held_ms is None else self.first_held_ms
                self.first_held_ms = min(first_ms, int(held_ms))

    @property
    def taken_s(self) -> float:
        """From the first hold to the last capture."""
        return (self.last_captured_ms - (self.first_held_ms or self.last_captured_ms)) / 1000

    def against(self, placed: int) -> dict[str, int]:
        """How many of the placed orders never came out, and how many records came once too often."""
        return {"lost": placed - len(self.by_order), "doubled": self.by_order.total() - len(self.by_order)}


@asynccontextmanager
async def reading(run: Run) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader of what is captured that sees committed records only."""
    consumer = AIOKafkaConsumer(
        run.topic("captured"), bootstrap_servers=run.stack.kafka_bootstrap, auto_offset_reset="earliest",
        enable_auto_commit=False, isolation_level="read_committed",
    )  # fmt: skip
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def in_kafka(run: Run, count: int) -> float:
    """A watch for what has no table: waits until so many orders are captured; gives the seconds that took."""
    tally, moved_at = Tally(), monotonic()
    async with reading(run) as consumer:
        while len(tally.by_order) < count:
            if await read_into(tally, consumer):
                moved_at = monotonic()
            run.must_move(moved_at, f"{len(tally.by_order)} of {count}")
            await asyncio.sleep(_POLL_MS / 1000)  # asked as seldom as the table of the other ways is
    return tally.taken_s


async def read_into(tally: Tally, consumer: AIOKafkaConsumer) -> bool:
    """Count what is there now; whether there was anything."""
    polled = await consumer.getmany(timeout_ms=_POLL_MS)
    for records in polled.values():
        tally.add(records)
    return bool(polled)
