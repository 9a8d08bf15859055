"""Telling a process that waits from a process that is stuck. aiokafka can stop consuming without a sign."""

import asyncio
from collections.abc import Mapping
from time import monotonic, time

import structlog
from aiokafka import AIOKafkaClient, TopicPartition
from aiokafka.errors import KafkaError

from lutong_chassis import observe
from lutong_chassis.extents import coordinator_answers, extents
from lutong_chassis.progress import Extent, Look, lag, why_restart
from lutong_chassis.settings import Settings
from lutong_chassis.subscriber import KafkaSubscriber

log = structlog.get_logger(__name__)

_INTERVAL_S = 2.0
_PROBE_TIMEOUT_S = 10.0
_LOOK_TIMEOUT_S = 60.0


class Watchdog:
    """Looks at the broker and at the consumer's progress every few seconds. Its looks are the service's heartbeat."""

    def __init__(self, subscriber: KafkaSubscriber, settings: Settings) -> None:
        self._intake = subscriber
        self._settings = settings
        self._positions: dict[TopicPartition, int | None] = {}
        self._moved_at = monotonic()
        self._looked_at = monotonic()
        self._behind_since_s = 0.0
        self._found: str | None = None
        self.broker_answers = False

    @property
    def stalled(self) -> str | None:
        """Why the process should be restarted, if it should. When nobody looks any more, nobody knows: that is why."""
        unseen_s = monotonic() - self._looked_at
        return self._found if unseen_s < _LOOK_TIMEOUT_S else f"nobody looked at the consumer for {unseen_s:.0f} s"

    @property
    def stuck(self) -> str | None:
        """What has been tried in vain for longer than it may, in a sentence: a restart would meet the same again."""
        retry, lasts_s = self._intake.retrying, self.stuck_s
        return retry.sentence(lasts_s) if retry and lasts_s > self._settings.stuck_timeout_s else None

    @property
    def stuck_s(self) -> float:
        """How long the batch in hand, or the read, has been tried in vain; 0 when it is not tried again."""
        retry = self._intake.retrying
        return monotonic() - retry.since_s if retry else 0.0

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self._ask()
            self._looked_at = monotonic()
            await asyncio.sleep(_INTERVAL_S)

    async def _ask(self) -> None:
        """Ask the broker over a connection of our own what there is to read, and judge our consumer by that."""
        positions = self._intake.positions()
        client = AIOKafkaClient(**self._settings.kafka.client, request_timeout_ms=5_000)
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                await client.bootstrap()
                self.broker_answers = True
                found = await extents(client, positions)
                shared = await coordinator_answers(client, self._intake.group_id)
            self._judge(positions, found, group_answers=shared)
        except (KafkaError, OSError):
            self.broker_answers = False
            self._wait_for_broker()
        finally:
            await client.close()

    def _wait_for_broker(self) -> None:
        """While it is unknown, nothing is held against the consumer."""
        self._moved_at = self._intake.beat_s = monotonic()
        self._found = None
        observe.STALLED.set(False)

    def _judge(
        self,
        positions: Mapping[TopicPartition, int | None],
        found: Mapping[TopicPartition, Extent],
        *,
        group_answers: bool,
    ) -> None:
        """Lag that does not shrink, or a loop that does not come round, while nobody is away, will not mend itself."""
        if self._intake.kafka is None or not group_answers:
            self._wait_for_broker()
            return
        behind = lag(self._intake.done(), found)
        unsure = sum(
            position is None and found[partition].end > found[partition].begin
            for partition, position in positions.items()
            if partition in found
        )
        self._observe_lag(behind)
        if not (behind or unsure) or positions != self._positions or self._intake.retrying:
            self._moved_at = monotonic()
        self._positions = dict(positions)
        look = Look(behind, unsure, monotonic() - self._moved_at, self._intake.silent_s, self._intake.rebalances)
        self._found = why_restart(look, self._settings.stall_timeout_s)
        if self._found:
            log.error("consumer_stalled", lag=behind, why=self._found)
        observe.STALLED.set(bool(self._found))

    def _observe_lag(self, behind: int) -> None:
        """Without records in hand, an event is as old as the lag: the last one handled may have come days ago."""
        self._behind_since_s = self._behind_since_s if behind and self._behind_since_s else time() if behind else 0.0
        consumer = self._intake.consumer
        since_s = consumer.reached_s if consumer.in_hand else max(consumer.reached_s, self._behind_since_s)
        observe.LAG.set(behind)
        observe.LAG_SECONDS.set(max(0.0, time() - since_s) if behind else 0)
