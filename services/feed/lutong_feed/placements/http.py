"""What readers ask of placements: a page, ranked and explained, and the rest of the order that they were shown."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, NamedTuple, cast

import asyncpg
from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from lutong_chassis import Problem, Read, Who, allowed, routes
from lutong_contracts.gray import Viewing
from lutong_contracts.values import Identifier, Place
from lutong_feed.domain import Cursor, Refusal
from lutong_feed.gray.http import Looking
from lutong_feed.live.http import Near, lives, show
from lutong_feed.offers.http import show_offers
from lutong_feed.paging.domain import Walk
from lutong_feed.paging.http import walk
from lutong_feed.placements import cursors, domain, explaining, originals, ranking, store
from lutong_feed.placements.bodies import FactorsView, ItemView, PlacementView, RankingView, WhyView
from lutong_feed.placements.cursors import Snapshot
from lutong_feed.placements.domain import Fallback, Offered, Signals
from lutong_feed.placements.ranking import Asked, Lives
from lutong_feed.promotions import domain as promotions
from lutong_feed.promotions import store as promotion_store
from lutong_feed.reading import store as reading
from lutong_feed.reading.http import account_is_there, view
from lutong_feed.timelines.http import keep
from lutong_feed.touches.domain import Answer
from lutong_feed.touches.http import Signing, Touches

router = routes("feed")

OfReader = Literal["home", "square", "recent", "hottest", "for_you"]
_CHOSEN: Final = frozenset({"recent", "account_home"})
"""Placements of programs that the reader used, or that the account has."""
_NEWEST: Final = WhyView(**explaining.NEWEST._asdict(), factors=None)
_PAID: Final = WhyView(**explaining.PAID._asdict(), factors=None)
_UNKNOWN: Final = WhyView(**explaining.UNKNOWN._asdict(), factors=None)


class PlacementPage(BaseModel):
    """Which page of a placement is wanted."""

    cursor: str | None = Field(
        None, max_length=4000, description="next_cursor of the page before: good for this reader, this list and a week"
    )
    limit: int = Field(20, ge=1, le=50)
    order: Literal["ranked", "newest"] = Field("ranked", description="newest: by time alone")


class Wanted(NamedTuple):
    """A placement, for whom, and about whom: the reader's own account, or the one whose home it is."""

    placement: Offered
    about: str
    reader_id: str | None


class Step(NamedTuple):
    """One step of a reader's walk: what is asked for, how the answer is signed, and where the walk stands."""

    asked: Asked
    way: Walk
    snapshot: Snapshot | None
    viewing: Viewing
    about: str

    @property
    def shown(self) -> tuple[int, ...]:
        """The numbers of the originals that this walk does not show again."""
        return self.snapshot.shown if self.snapshot else ()


class Found(NamedTuple):
    """The rows of a step in their order, and what comes after them."""

    rows: list[asyncpg.Record]
    lives: Lives
    signals: Signals | None
    fallback: Fallback | None
    older: Cursor | None
    paid: asyncpg.Record | None = None
    """What stands in the place of this page that is paid for."""


async def _keep_home(request: Request, account_id: Identifier, placement: OfReader) -> None:
    """A reader's home is their timeline, which is kept from when they read it."""
    if placement == "home":
        await keep(request, account_id)


@router.get("/v1/accounts/{account_id}/placements/{placement}", dependencies=[Depends(_keep_home)])
@allowed("member", "operator")
async def get_placement(  # noqa: PLR0913  # one for each part of the request
    account_id: Identifier,
    placement: OfReader,
    *,
    who: Who,
    looking: Looking,
    near: Near,
    touches: Touches,
    read: Read,
    page: Annotated[PlacementPage, Query()],
) -> PlacementView:
    """What a reader is shown in a placement: their home feed, or mini-programs by the posts that lead to them; each item explained."""
    who.require(member=account_id, hide=("account", account_id))
    step = _step(touches, who, Wanted(placement, account_id, account_id), page, looking)
    found = await _found(read, step, near, page.limit)
    await account_is_there(read, account_id, found.rows)
    return await _shown(read, touches, step, found, page.limit)


@router.get("/v1/accounts/{account_id}/programs")
@allowed("anybody")
async def get_programs(  # noqa: PLR0913  # one for each part of the request
    account_id: Identifier,
    *,
    who: Who,
    looking: Looking,
    near: Near,
    touches: Touches,
    read: Read,
    page: Annotated[PlacementPage, Query()],
) -> PlacementView:
    """The mini-programs that are bound to an account, each by a post that leads to it: the placement `account_home`."""
    await account_is_there(read, account_id, ())
    step = _step(touches, who, Wanted("account_home", account_id, who.member_id), page, looking)
    return await _shown(read, touches, step, await _found(read, step, near, page.limit), page.limit)


def _step(touches: Signing, who: Who, wanted: Wanted, page: PlacementPage, looking: Viewing) -> Step:
    placement, about, reader_id = wanted
    way = walk(touches, who, f"placement {placement} {page.order} {about}")
    snapshot = cursors.place(way, page.cursor) if page.cursor else None
    if isinstance(snapshot, Refusal):
        raise Problem(422, snapshot.kind, snapshot.detail)
    as_of = snapshot.as_of if snapshot else datetime.now(UTC)
    asked = Asked(placement, reader_id, page.order == "ranked", as_of)
    return Step(asked, way, snapshot, looking._replace(viewer_id=reader_id), about)


async def _found(read: Read, step: Step, near: Place | None, limit: int) -> Found:
    """What is left of the order that the reader was shown, and behind it the next candidates in their own."""
    asked, snapshot = step.asked, step.snapshot
    left = await store.by_number(read, snapshot.rest if snapshot else (), asked.reader_id, asked.placement)
    left = originals.unseen(left, step.shown)
    if asked.placement != "home":
        left = [row for row in left if row["state"] == "active"]
    fresh, older = list[asyncpg.Record](), snapshot.older if snapshot else None
    missing = limit - len({originals.original(row) for row in left})
    if snapshot is None or (older and missing >= 0):
        fresh, older = await _fresh(read, step, older, missing)
    paying = await _paying(read, asked) if len(left) + len(fresh) >= promotions.SLOT < limit else []
    cards = [row["program_id"] for row in [*left, *fresh, *paying] if row["state"] == "active"]
    known_lives = await lives(read, cards, near)
    signals: Signals | Fallback | None = None
    if asked.is_ranked and (left or fresh):
        signals = await ranking.signals_of(read, asked, [*left, *fresh, *paying])
    known = signals if isinstance(signals, Signals) else None
    rows = [*left, *ranking.ordered(asked, fresh, known_lives, known, left[-1] if left else None)]
    fallback = snapshot.fallback if snapshot else None
    if fresh:
        fallback = None if known else cast("Fallback | None", signals)
    found = Found(rows, known_lives, known, fallback, older)
    return found._replace(paid=_chosen(step, found, paying, limit)) if paying and known and not fallback else found


async def _paying(read: Read, asked: Asked) -> list[asyncpg.Record]:
    """Posts of programs that pay for the place of a placement, for a reader who wants a ranking."""
    if not asked.is_ranked or asked.reader_id is None or asked.placement not in promotions.PAID:
        return []
    programs = await promotion_store.programs(read, asked.placement, asked.reader_id, datetime.now(UTC))
    return await store.stand_ins(read, programs, asked.reader_id, None) if programs else []


def _chosen(step: Step, found: Found, paying: Sequence[asyncpg.Record], limit: int) -> asyncpg.Record | None:
    """What stands in the place that is paid for, if anything may."""
    asked, walked = step.asked, {*step.shown, *map(originals.original, found.rows)}
    assert found.signals is not None  # noqa: S101  # without them nothing is chosen
    in_order = domain.ranked(asked.placement, [ranking.candidate(row, found.lives) for row in paying], found.signals)
    on_page = {row["program_id"] for row in found.rows[:limit] if row["program_id"]}
    standing = [promotions.Standing(each.number, each.program_id, of.wanted, of.ability) for each, of, _ in in_order]
    number = promotions.chosen(standing, on_page, walked)
    return next((row for row in paying if row["number"] == number), None)


async def _fresh(
    read: Read, step: Step, older: Cursor | None, missing: int
) -> tuple[list[asyncpg.Record], Cursor | None]:
    """The next candidates, and where those behind them begin: of the timeline, or all programs of a placement."""
    asked = step.asked
    if asked.placement == "home":
        return await _windows(read, step, older, missing)
    programs = await store.programs(read, asked.placement, step.about, asked.as_of)
    home_of = step.about if asked.placement == "account_home" else None
    chosen = asked.placement in _CHOSEN
    return await store.stand_ins(read, programs, asked.reader_id, home_of, chosen=chosen), None


async def _windows(
    read: Read, step: Step, older: Cursor | None, missing: int
) -> tuple[list[asyncpg.Record], Cursor | None]:
    """A window of the timeline; and more of them while they show too few originals that this walk has not shown."""
    found = list[asyncpg.Record]()
    for _ in range(domain.WINDOWS_MAX):
        rows = await reading.timeline(read, step.about, older, domain.WINDOW + 1)
        window = rows[: domain.WINDOW]
        found += originals.unseen(window, step.shown)
        older = Cursor(window[-1]["published_at"], window[-1]["number"]) if len(rows) > domain.WINDOW else None
        if older is None or len({originals.original(row) for row in found}) >= missing:
            break
    return found, older


async def _shown(read: Read, touches: Signing, step: Step, found: Found, limit: int) -> PlacementView:
    """A page, with what its reader is offered."""
    page = _page(touches, step, found, limit)
    await show_offers(read, [item.post for item in page.items], step.asked.reader_id)
    return page


def _page(touches: Signing, step: Step, found: Found, limit: int) -> PlacementView:
    asked, organic = step.asked, limit - (found.paid is not None)
    rows, rest = originals.cut(found.rows, organic)
    order: Literal["ranked", "newest"] = "ranked" if asked.is_ranked and not found.fallback else "newest"
    answer = touches.answer(asked.placement, asked.reader_id, domain.RULES)
    shown = originals.remembered(step.shown, [*rows, *([found.paid] if found.paid else [])])
    numbers = tuple(row["number"] for row in rest)
    snapshot = Snapshot(domain.RULES, found.fallback, asked.as_of, numbers, found.older, shown)
    ranking.SERVED.labels(asked.placement, found.fallback or order).inc()
    return PlacementView(
        request_id=answer.request_id,
        placement=asked.placement,
        ranking=RankingView(version=domain.RULES, order=order, fallback=found.fallback, as_of=asked.as_of),
        items=_items(step, found._replace(rows=rows), order, answer),
        next_cursor=cursors.word(step.way, snapshot) if rest or found.older else None,
    )


def _items(step: Step, found: Found, order: Literal["ranked", "newest"], answer: Answer) -> list[ItemView]:
    places = [place + (found.paid is not None and place >= promotions.SLOT) for place in range(len(found.rows))]
    posts = [view(row, place, answer, step.viewing) for place, row in zip(places, found.rows, strict=True)]
    show(posts, found.lives)
    if found.signals is None or order == "newest":
        return [ItemView(post=post, why=_NEWEST if order == "newest" else _UNKNOWN) for post in posts]
    liking, items = domain.taste(found.signals), ranking.explained(step.asked, found.rows, found.lives, found.signals)
    shown = [
        ItemView(post=post, why=_why(step, item, found.signals, liking))
        for post, item in zip(posts, items, strict=True)
    ]
    return [*shown[: promotions.SLOT], *_paid(step, found, answer), *shown[promotions.SLOT :]]


def _paid(step: Step, found: Found, answer: Answer) -> list[ItemView]:
    """The item in the place that is paid for, labelled; its touch names the place."""
    if found.paid is None:
        return []
    place = replace(answer, placement=promotions.PAID[step.asked.placement])
    post = view(found.paid, promotions.SLOT, place, step.viewing)
    show([post], found.lives)
    return [ItemView(kind="paid", post=post, why=_PAID)]


def _why(step: Step, item: domain.Ranked, signals: Signals, liking: domain.Taste) -> WhyView:
    sentence = explaining.why(step.asked.placement, item, signals, liking)
    factors = FactorsView(**{name: round(value, 4) for name, value in item.factors._asdict().items()})
    return WhyView(**sentence._asdict(), factors=factors)
