"""What is known beside a journey's own events: how far each consumer is, and what was set aside under its keys."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from lutong_console.cli.commands.journey import Step
from lutong_console.cli.errors import ConsoleError
from lutong_console.parked_records import under_keys
from lutong_console.pipeline import Sample, Sampler
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_console.why import Consumer, Evidence, Parked

_TIMEOUT_S: Final = 10.0


async def gather(target: Suite, steps: Sequence[Step], samples: Mapping[str, Sample | None] | None = None) -> Evidence:
    """Ask all services at the same time; samples that are known already are not taken again."""
    keys = sorted({step.key for step in steps})
    async with target.client(_TIMEOUT_S) as client:
        found = await asyncio.gather(*(_parked(client, service, url, keys) for service, url in target.urls.items()))
    return evidence_of(samples or await Sampler(target).sample(), [record for records in found for record in records])


async def _parked(client: httpx.AsyncClient, service: str, url: str, keys: Sequence[str]) -> list[Parked]:
    """What a service set aside under these keys; one that is silent has nothing to show."""
    try:
        rows = await under_keys(client, url, keys)
    except ConsoleError:
        return []
    return [_as_parked(service, row) for row in rows]


def _as_parked(service: str, row: Mapping[str, Any]) -> Parked:
    since = datetime.fromisoformat(row["parked_at"])
    return Parked(service, row["id"], row["key"], row.get("event_id"), row["reason"], row["error"] or "", since)


def evidence_of(samples: Mapping[str, Sample | None], parked: Sequence[Parked]) -> Evidence:
    """What samples and parked records show. Pure."""
    return Evidence(
        handled={service: frozenset(types) for service, types in handled_types().items()},
        consumers={
            service: Consumer(each.lag_events, each.lag_age_s) if each else None for service, each in samples.items()
        },
        parked=parked,
    )
