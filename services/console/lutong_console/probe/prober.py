"""The probe of a console: one synthetic journey after the other until it is closed, and what Prometheus takes of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lutong_console.cli.errors import ConsoleError
from lutong_console.probe.journey import BOUND_S, NAMES, Outcome, probe
from lutong_console.probe.world import prepare
from lutong_console.targets import Suite

_BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, BOUND_S)

log = structlog.get_logger()


class Metrics:
    """What is counted of journeys. No id and no text of anybody; steps that nothing came of yet are there with 0."""

    def __init__(self, age_s: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "lutong_probe_step_seconds", "How long a step took", ("step",), buckets=_BOUNDS_S, registry=self.registry
        )
        self.failures = Counter(
            "lutong_probe_failures_total", "Journeys that failed, by step", ("step",), registry=self.registry
        )
        for step in NAMES:
            self.seconds.labels(step)
            self.failures.labels(step)
        self.succeeded = Gauge(
            "lutong_probe_last_success_timestamp_seconds", "When one came through", registry=self.registry
        )
        age = Gauge(
            "lutong_probe_age_seconds", "How long none came through, since the probe began", registry=self.registry
        )
        age.set_function(age_s)

    def count(self, outcome: Outcome) -> None:
        """Count a journey."""
        for step, took_s in outcome.steps:
            self.seconds.labels(step).observe(took_s)
        if outcome.failed:
            self.failures.labels(outcome.failed).inc()
        else:
            self.succeeded.set(outcome.at.timestamp())


@dataclass(slots=True)
class Prober:
    """Makes journeys until it is cancelled, each so many seconds after the one before began."""

    target: Suite
    every_s: float
    last: Outcome | None = None
    succeeded_at: datetime | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    metrics: Metrics = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self._age_s)

    @property
    def exposition(self) -> str:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.metrics.registry).decode()

    async def run(self) -> None:
        """One journey after the other. Where a key signs tokens, what a journey needs is made first; elsewhere `lutong up` made it."""
        is_prepared = self.target.issuer is None
        while True:
            if not is_prepared:
                is_prepared = await self._prepared()
            await asyncio.gather(self._once(), asyncio.sleep(self.every_s))

    async def _prepared(self) -> bool:
        try:
            await prepare(self.target)
        except ConsoleError as error:
            log.warning("probe_not_prepared", error=str(error))
            return False
        return True

    async def _once(self) -> None:
        self.last = await probe(self.target)
        self.metrics.count(self.last)
        if self.last.failed:
            log.warning("probe_failed", step=self.last.failed, why=self.last.why, journey=self.last.journey)
        else:
            self.succeeded_at = self.last.at

    def _age_s(self) -> float:
        return (datetime.now(UTC) - (self.succeeded_at or self.began_at)).total_seconds()
