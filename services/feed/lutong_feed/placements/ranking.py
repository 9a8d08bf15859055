"""The shell of ranking: candidates from rows, signals within a budget, and what is done when they do not come."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg
import structlog
from prometheus_client import Counter

from lutong_chassis import Reads
from lutong_chassis.settings import settings_of
from lutong_feed.live.http import CardKey, Shown
from lutong_feed.placements import domain, store
from lutong_feed.placements.domain import Candidate, Fallback, Offered, Ranked, Signals
from lutong_feed.settings import FeedSettings

log = structlog.get_logger(__name__)

SERVED: Final = Counter(
    "lutong_feed_rankings_total", "Pages of placements, by how they were ordered", ["placement", "outcome"]
)
_UNABLE, _NO_CARD, _SENT, _FEW, _ABLE = 0.0, 0.5, 0.6, 0.8, 1.0
"""How well a card can be fulfilled here: not, there is none, by the flagship alone, a few are left, or at once."""

Lives = Mapping[CardKey, Shown]
"""What cards show live, as far as they sell goods."""


class Asked(NamedTuple):
    """Which placement a reader asks for, ranked or the newest first, as of when."""

    placement: Offered
    reader_id: str | None
    is_ranked: bool
    as_of: datetime


def candidate(row: asyncpg.Record, lives: Lives) -> Candidate:
    """What ranking needs of a post."""
    uses = domain.heat_of(row["taps"], row["solved"], row["requested"])
    root_id = row["root_id"] or row["post_id"]
    return Candidate(
        row["number"], row["author_id"], root_id, row["program_id"], row["published_at"], uses, _ability(row, lives)
    )


def _ability(row: asyncpg.Record, lives: Lives) -> float:
    if row["state"] != "active":
        return _UNABLE if row["program_id"] else _NO_CARD
    shown = lives.get(CardKey(row["program_id"], row["version"]))
    if shown is None or shown.live.state == "unknown":
        return _ABLE
    live = shown.live
    if live.state == "degraded":
        return _SENT if live.fallback == "flagship" else _UNABLE
    return _FEW if live.band == "limited_availability" else _ABLE


async def signals_of(read: Reads, asked: Asked, rows: Sequence[asyncpg.Record]) -> Signals | Fallback:
    """What is known of the reader and of these rows; or why it is not, within the budget that the operator set."""
    settings = settings_of(FeedSettings)
    if not settings.ranking:
        return "switched_off"
    try:
        async with asyncio.timeout(settings.ranking_budget_ms / 1000):
            return await _signals(read, asked, rows)
    except TimeoutError:
        return "signals_slow"
    except asyncpg.QueryCanceledError:
        return "signals_slow"
    except asyncpg.PostgresError as error:
        log.warning("ranking_failed", placement=asked.placement, error=type(error).__name__)
        return "signals_failed"


async def _signals(read: Reads, asked: Asked, rows: Sequence[asyncpg.Record]) -> Signals:
    authors = sorted({row["author_id"] for row in rows})
    programs = sorted({row["program_id"] for row in rows if row["program_id"]})
    found = await store.known(read, asked.reader_id, authors, programs, asked.as_of)
    acts = await store.acts(read, asked.reader_id, asked.as_of) if asked.reader_id else ()
    return Signals(asked.reader_id, asked.as_of, acts, *found)


def ordered(
    asked: Asked, rows: Sequence[asyncpg.Record], lives: Lives, signals: Signals | None, after: asyncpg.Record | None
) -> list[asyncpg.Record]:
    """Rows in the order of a placement; without signals the newest first."""
    by_number = {row["number"]: row for row in rows}
    candidates = [candidate(row, lives) for row in rows]
    if signals is None:
        return [by_number[each.number] for each in domain.newest(candidates)]
    found = domain.ranked(asked.placement, candidates, signals, candidate(after, lives) if after else None)
    return [by_number[each.candidate.number] for each in found]


def explained(asked: Asked, rows: Sequence[asyncpg.Record], lives: Lives, signals: Signals) -> list[Ranked]:
    """Rows with their factors, in the order in which they are given."""
    return domain.explained(asked.placement, [candidate(row, lives) for row in rows], signals)
