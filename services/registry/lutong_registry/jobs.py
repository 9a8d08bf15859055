"""What the registry does beside its events: it indexes listings from before an upgrade, leads posts that wait, and upgrades light stores."""

from collections.abc import Sequence
from typing import Any, Final

from lutong_chassis import Answered, JobQueue, Outgoing, Tx
from lutong_registry.discovery import waiting
from lutong_registry.light_stores import rolling
from lutong_registry.search.store import listings as listing_store

_AT_ONCE: Final = 100
"""Listings per transaction: it locks the rows of their marks."""


def job_queues() -> list[JobQueue[Any, Any]]:
    """The job queues of the registry."""
    return [JobQueue("index_listings", _claim, _answer, _record, at_once=1), waiting.queue(), rolling.queue()]


async def _claim(tx: Tx, _: int) -> Sequence[list[str]]:
    """No lease: two processes that index the same listings do the same twice, one after the other."""
    found = await listing_store.outdated(tx, _AT_ONCE)
    return [found] if found else []


async def _answer(program_ids: list[str]) -> list[str]:
    return program_ids


async def _record(tx: Tx, answers: Sequence[Answered[list[str], list[str]]]) -> Sequence[Outgoing]:
    await listing_store.refresh_listings(tx, (program_id for each in answers for program_id in each.answer))
    return []
