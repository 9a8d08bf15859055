"""How events flow through each service: outbox, lag, parked; what a window of samples shows of it, and where it is narrow.

A sample is what a service counts (`/metrics`) and how far its group has come in Kafka. Committed offsets are read
before the ends of the log, so a lag is never negative.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any, Final, Literal

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

from lutong_console import offsets
from lutong_console.offsets import Progress
from lutong_console.targets import Suite

Verdict = Literal["OK", "WARN", "STOP", "STALL", "REWIND"]
"""What a window shows: lag grows (WARN), the service is silent (STOP), nothing moves though there is lag (STALL), or
the group went back (REWIND)."""

WINDOW: Final = 30
"""Samples of a window."""
_LATE_S: Final = 5.0
"""An older event than this, in an outbox or before a consumer, makes a place narrow."""
_TIMEOUT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One service at one moment (monotonic seconds). Ages are in seconds; 0 where nothing waits."""

    at_s: float
    outbox_events: int
    outbox_age_s: float
    lag_age_s: float
    consumed: int
    published: int
    parked_records: int
    parked_age_s: float
    stuck_s: float
    progress: tuple[Progress, ...] = ()

    @property
    def lag_events(self) -> int:
        """Events before the consumer, over all partitions."""
        return sum(each.lag_events for each in self.progress)

    @property
    def position(self) -> int:
        """How far the group has come, over all partitions."""
        return sum(each.committed for each in self.progress)


@dataclass(frozen=True, slots=True)
class Strip:
    """One service for a person: its last sample (None when it was silent), and what its window shows."""

    service: str
    sample: Sample | None
    verdict: Verdict
    drain_s: float | None
    """How long until nothing waits, at the rate of the window; None when there is no lag, or no end in sight."""
    is_narrow: bool = False

    @property
    def late_s(self) -> float:
        """How long the oldest event waits here, in the outbox or before the consumer."""
        return max(self.sample.outbox_age_s, self.sample.lag_age_s) if self.sample else 0.0


@dataclass(slots=True)
class Window:
    """The last samples of each service; None stands for silence."""

    samples: dict[str, deque[Sample | None]] = field(default_factory=dict)

    def add(self, found: Mapping[str, Sample | None]) -> None:
        """Take in one sample of each service."""
        for service, sample in found.items():
            self.samples.setdefault(service, deque(maxlen=WINDOW)).append(sample)

    @property
    def strips(self) -> list[Strip]:
        """Each service, with the narrowest place marked when something is late there."""
        strips = [strip(service, samples) for service, samples in self.samples.items()]
        narrow = max(strips, key=lambda each: (each.verdict == "STOP", each.late_s), default=None)
        return [_marked(each, is_narrow=each is narrow and _is_late(each)) for each in strips]


def strip(service: str, samples: Sequence[Sample | None]) -> Strip:
    """What a window of one service shows. Pure."""
    last = samples[-1] if samples else None
    if last is None:
        return Strip(service, None, "STOP", None)
    known = [sample for sample in samples if sample]
    return Strip(service, last, judge(known), drain_s(known))


def judge(samples: Sequence[Sample]) -> Verdict:
    """The verdict over a window in which the service answered. Pure."""
    steps = list(pairwise(samples))
    if any(after.position < before.position for before, after in steps):
        return "REWIND"
    if samples[-1].stuck_s or (steps and _stands_still(samples)):
        return "STALL"
    if len(samples) > 2 and all(after.lag_events > before.lag_events for before, after in steps):
        return "WARN"
    return "OK"


def _stands_still(samples: Sequence[Sample]) -> bool:
    long_enough = samples[-1].at_s - samples[0].at_s >= _LATE_S
    return long_enough and samples[0].position == samples[-1].position and all(s.lag_events for s in samples)


def drain_s(samples: Sequence[Sample]) -> float | None:
    """Seconds until the lag is gone at the rate of the window. Pure.

    None without lag, and while the lag does not shrink.
    """
    first, last = samples[0], samples[-1]
    shrunk, took_s = first.lag_events - last.lag_events, last.at_s - first.at_s
    if not last.lag_events or shrunk <= 0 or took_s <= 0:
        return None
    return last.lag_events * took_s / shrunk


def _is_late(each: Strip) -> bool:
    return each.verdict != "OK" or each.late_s > _LATE_S


def _marked(each: Strip, *, is_narrow: bool) -> Strip:
    return Strip(each.service, each.sample, each.verdict, each.drain_s, is_narrow)


def as_json(each: Strip) -> dict[str, Any]:
    """A strip as programs read it: the pipeline page, its stream, and `lutong lag --json`."""
    shown = each.sample
    counted = shown and {
        "lag_events": shown.lag_events,
        "lag_age_s": shown.lag_age_s,
        "parked_records": shown.parked_records,
        "parked_age_s": shown.parked_age_s,
        "outbox_events": shown.outbox_events,
        "outbox_age_s": shown.outbox_age_s,
    }
    return {
        "service": each.service,
        "verdict": each.verdict,
        "drain_s": each.drain_s,
        "is_narrow": each.is_narrow,
        "sample": counted,
    }


@dataclass(slots=True)
class Sampler:
    """Takes samples of one suite. Its client of Kafka is made once, and connects when it is first asked."""

    target: Suite
    _client: AdminClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = offsets.client_of(self.target.kafka)

    async def sample(self) -> dict[str, Sample | None]:
        """One sample of each service, all asked at the same time; None for one that does not answer."""
        async with self.target.client(_TIMEOUT_S) as client:
            progress = asyncio.create_task(asyncio.to_thread(self._progress))
            counted = await asyncio.gather(*(_counts(client, url) for url in self.target.urls.values()))
        known = await progress
        return {
            service: None if counts is None else _sample(counts, known.get(service, ()))
            for service, counts in zip(self.target.urls, counted, strict=True)
        }

    def _progress(self) -> dict[str, list[Progress]]:
        """The groups' progress; nothing while Kafka does not answer: the services show that themselves."""
        try:
            return offsets.progress_of(self._client, tuple(self.target.urls))
        except KafkaException:
            return {}


async def _counts(client: httpx.AsyncClient, url: str) -> dict[str, float] | None:
    """What a service counts, summed over labels; None when it does not answer."""
    try:
        answer = (await client.get(f"{url}/metrics")).raise_for_status()
    except httpx.HTTPError:
        return None
    return read_counts(answer.text)


def read_counts(text: str) -> dict[str, float]:
    r"""Metrics in Prometheus' text format, each summed over its labels.

    >>> read_counts('# TYPE lutong_parked gauge\nlutong_parked{reason="a"} 1\nlutong_parked{reason="b"} 2\n')
    {'lutong_parked': 3.0}
    """
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            found[each.name] = found.get(each.name, 0.0) + each.value
    return found


def _sample(counts: Mapping[str, float], progress: Sequence[Progress]) -> Sample:
    return Sample(
        at_s=monotonic(),
        outbox_events=int(counts.get("lutong_outbox_pending_events", 0)),
        outbox_age_s=counts.get("lutong_outbox_oldest_seconds", 0.0),
        lag_age_s=counts.get("lutong_consumer_lag_seconds", 0.0),
        consumed=int(counts.get("lutong_events_consumed_total", 0)),
        published=int(counts.get("lutong_events_published_total", 0)),
        parked_records=int(counts.get("lutong_parked_open_records", 0)),
        parked_age_s=counts.get("lutong_parked_oldest_seconds", 0.0),
        stuck_s=counts.get("lutong_consumer_stuck_seconds", 0.0),
        progress=tuple(progress),
    )
