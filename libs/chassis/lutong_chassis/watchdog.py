"""Telling a process that waits from a process that is stuck. aiokafka can stop consuming without a sign."""

import asyncio
from contextlib import suppress
from time import monotonic, time
from typing import TYPE_CHECKING

import structlog
from aiokafka import AIOKafkaClient, TopicPartition
from aiokafka.errors import KafkaError

from lutong_chassis import observe
from lutong_chassis.broker import KafkaIntake
from lutong_chassis.settings import Settings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

log = structlog.get_logger(__name__)

_INTERVAL_S = 2.0
_PROBE_TIMEOUT_S = 10.0
_LOOK_TIMEOUT_S = 60.0


class Watchdog:
    """Looks at the broker and at the consumer's progress every few seconds. Its looks are the service's heartbeat."""

    def __init__(self, intake: KafkaIntake, settings: Settings) -> None:
        self._intake = intake
        self._settings = settings
        self._positions: dict[TopicPartition, int | None] = {}
        self._moved_at = monotonic()
        self._looked_at = monotonic()
        self._found: str | None = None
        self.broker_answers = False

    @property
    def stalled(self) -> str | None:
        """Why the process should be restarted, if it should. When nobody looks any more, nobody knows: that is why."""
        unseen_s = monotonic() - self._looked_at
        return self._found if unseen_s < _LOOK_TIMEOUT_S else f"nobody looked at the consumer for {unseen_s:.0f} s"

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self._probe_broker()
            await self._look()
            self._looked_at = monotonic()
            await asyncio.sleep(_INTERVAL_S)

    async def _probe_broker(self) -> None:
        client = AIOKafkaClient(**self._settings.kafka.client, request_timeout_ms=5_000)
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                await client.bootstrap()
            self.broker_answers = True
        except (KafkaError, OSError):
            self.broker_answers = False
        finally:
            await client.close()

    async def _look(self) -> None:
        """Lag that does not shrink, or a loop that does not come round, while nobody is away, will not mend itself."""
        kafka = self._intake.kafka
        if kafka is None or not self.broker_answers:
            self._moved_at = self._intake.beat_s = monotonic()
            return
        positions = self._intake.positions()
        lag: int | None = None  # the broker answers others: when it lasts that we cannot tell, our connection is broken
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                lag = await self._lag(kafka, list(positions)) if positions else 0
        if lag is not None:
            reached_s = self._intake.consumer.reached_s
            observe.LAG.set(lag)
            observe.LAG_SECONDS.set(max(0.0, time() - reached_s) if lag and reached_s else 0)
        if lag == 0 or positions != self._positions or self._intake.consumer.waiting_for:
            self._moved_at = monotonic()
        self._positions = positions
        still_s, silent_s = monotonic() - self._moved_at, self._intake.silent_s
        self._found = None
        if still_s > self._settings.stall_timeout_s:
            self._found = (
                f"{'unknown how many' if lag is None else lag} events behind and no progress for {still_s:.0f} s"
            )
        elif silent_s > self._settings.stall_timeout_s:
            self._found = f"nobody asked Kafka for events for {silent_s:.0f} s"
        if self._found:
            log.error("consumer_stalled", lag=lag, why=self._found)
        observe.STALLED.set(bool(self._found))

    async def _lag(self, kafka: "AIOKafkaConsumer", partitions: "list[TopicPartition]") -> int:
        """Events that are not committed yet. What is committed is read before the ends: lag is never negative."""
        committed = self._intake.consumer.committed
        unknown = [partition for partition in partitions if partition not in committed]
        begun = await kafka.beginning_offsets(unknown) if unknown else {}
        for partition in unknown:
            committed[partition] = await kafka.committed(partition) or begun[partition]
        done = {partition: committed[partition] for partition in partitions}
        ends = await kafka.end_offsets(partitions)
        return sum(max(0, end - done[partition]) for partition, end in ends.items())
