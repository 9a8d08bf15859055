"""What cards of an answer show live: one statement for all of them, however many there are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Final, NamedTuple

import asyncpg
from fastapi import Depends, Header

from lutong_chassis import Problem, Reads
from lutong_contracts.values import Place
from lutong_feed.live import store
from lutong_feed.live.domain import Live, Offer, Shelf, Spot, distance_m, live, unlocated
from lutong_feed.live.sentences import stated
from lutong_feed.offers.http import show_offers
from lutong_feed.views import LiveView, PostView, TextView

_PLACE: Final = re.compile(r"(-?\d{1,2}(?:\.\d{1,9})?),(-?\d{1,3}(?:\.\d{1,9})?)")
_BAD: Final = "the header lutong-place is a latitude and a longitude in degrees, as 31.23,121.47"


class CardKey(NamedTuple):
    """A program in the version that a viewer sees."""

    program_id: str
    version: int


def _near(lutong_place: Annotated[str | None, Header(max_length=40, description="where the reader is: latitude,longitude; rounded to two decimals, and kept nowhere")] = None) -> Place | None:  # fmt: skip
    if lutong_place is None:
        return None
    found = _PLACE.fullmatch(lutong_place.strip())
    if found is None or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        raise Problem(422, "bad_place", _BAD)
    return Place(latitude=float(found[1]), longitude=float(found[2])).coarse()


Near = Annotated[Place | None, Depends(_near)]
"""Where the reader is, if their client states it: in a header, which no log has; never in an address."""


async def lives(read: Reads, program_ids: Iterable[str | None], near: Place | None) -> Mapping[CardKey, LiveView]:
    """What the cards of some programs show live, by program and version."""
    wanted = sorted({each for each in program_ids if each})
    if not wanted:
        return {}
    now = datetime.now(UTC)
    rows = await store.around(read, wanted, near)
    shown: dict[CardKey, LiveView] = {}
    spots = _Spots(near)
    for key, group in groupby(rows, key=lambda row: CardKey(row["program_id"], row["version"])):
        view = _of_card(list(group), spots, now, placed=near is not None)
        if view:
            shown[key] = view
    return shown


async def enliven(read: Reads, posts: Sequence[PostView], near: Place | None, viewer_id: str | None) -> None:
    """Let the cards of posts show what is live, and what this viewer is offered, in a statement each for all of them."""
    cards = [post.card for post in posts if post.card.state == "active"]
    show(posts, await lives(read, (card.program_id for card in cards), near))
    await show_offers(read, posts, viewer_id)


def show(posts: Sequence[PostView], known: Mapping[CardKey, LiveView]) -> None:
    """Let cards that can be opened show what is known of them."""
    for card in (post.card for post in posts):
        if card.state == "active" and card.program_id and card.version is not None:
            found = known.get(CardKey(card.program_id, card.version))
            card.live = found.model_copy() if found else None


class _Spots:
    """The places of an answer, each made once: cards of one merchant have them in common, and each offer names them again."""

    def __init__(self, near: Place | None) -> None:
        self._near = near
        self._known: dict[tuple[str, str], Spot] = {}

    def of(self, row: asyncpg.Record) -> Spot:
        """The place that a row names."""
        key = row["merchant_id"], row["location_id"]
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _spot(row, self._near)
        return found


def _of_card(rows: Sequence[asyncpg.Record], spots: _Spots, now: datetime, *, placed: bool) -> LiveView | None:
    offers: dict[int, Offer] = {}
    places: dict[str, Spot] = {}
    bands: dict[Shelf, str] = {}
    for row in rows:
        place, location_id, band = row["place"], row["location_id"], row["band"]
        if place not in offers:
            offers[place] = Offer(row["sku"], row["title"], row["amount_minor"], row["currency"])
        if location_id and location_id not in places:
            places[location_id] = spots.of(row)
        if location_id and band:
            bands[Shelf(location_id, row["sku"])] = band
    found = live(list(offers.values()), places.values(), bands, now)
    if found is None:
        return None
    if placed and not rows[0]["located"]:
        found = unlocated(found)
    offer = next(each for each in offers.values() if each.sku == found.sku)
    return view_of(found, rows[0]["merchant_id"], offer)


def view_of(found: Live, merchant_id: str, offer: Offer) -> LiveView:
    """What a card shows of an offer."""
    facts = found._asdict() | {"modes": list(found.modes)} | offer._asdict()
    return LiveView(merchant_id=merchant_id, **facts, text=TextView(**stated(found)._asdict()))


def _spot(row: asyncpg.Record, near: Place | None) -> Spot:
    away = distance_m(near, Place(latitude=row["latitude"], longitude=row["longitude"])) if near else None
    return Spot(
        row["location_id"],
        row["kind"],
        row["state"],
        tuple(row["modes"].split()),
        row["radius_m"],
        row["paused_until"],
        away,
    )
