"""What cards of an answer show live: two statements for all of them, however many there are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Header

from lutong_chassis import Problem, Reads
from lutong_contracts.values import Place
from lutong_feed.live import store
from lutong_feed.live.domain import Live, Offer, Shelf, Spot, distance_m, live, unlocated
from lutong_feed.live.sentences import stated
from lutong_feed.live.store import OfferRow, PlaceRow, SoldRow
from lutong_feed.offers.http import show_offers
from lutong_feed.views import LiveView, PostView, TextView

_PLACE: Final = re.compile(r"(-?\d{1,2}(?:\.\d{1,9})?),(-?\d{1,3}(?:\.\d{1,9})?)")
_BAD: Final = "the header lutong-place is a latitude and a longitude in degrees, as 31.23,121.47"


class CardKey(NamedTuple):
    """A program in the version that a viewer sees."""

    program_id: str
    version: int


class Shop(NamedTuple):
    """A merchant's places that a viewer may be served from, and what they have."""

    spots: list[Spot]
    bands: dict[Shelf, str]


class Shown(NamedTuple):
    """What a card shows live, of which offer."""

    live: Live
    merchant_id: str
    offer: Offer


_NO_SHOP: Final = Shop([], {})


def _near(lutong_place: Annotated[str | None, Header(max_length=40, description="where the reader is: latitude,longitude; rounded to two decimals, and kept nowhere")] = None) -> Place | None:  # fmt: skip
    if lutong_place is None:
        return None
    found = _PLACE.fullmatch(lutong_place.strip())
    if found is None or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        raise Problem(422, "bad_place", _BAD)
    return Place(latitude=float(found[1]), longitude=float(found[2])).coarse()


Near = Annotated[Place | None, Depends(_near)]
"""Where the reader is, if their client states it: in a header, which no log has; never in an address."""


async def lives(read: Reads, program_ids: Iterable[str | None], near: Place | None) -> Mapping[CardKey, Shown]:
    """What the cards of some programs show live, by program and version."""
    wanted = {each for each in program_ids if each}
    sold = await store.offers(read, wanted) if wanted else []
    if not sold:
        return {}
    shops = await _shops(read, sold, near)
    now = datetime.now(UTC)
    found: dict[CardKey, Shown] = {}
    for key, group in groupby(sold, key=lambda row: CardKey(row.program_id, row.version)):
        shown = _of_card(list(group), shops, now, placed=near is not None)
        if shown:
            found[key] = shown
    return found


async def enliven(read: Reads, posts: Sequence[PostView], near: Place | None, viewer_id: str | None) -> None:
    """Let the cards of posts show what is live, and what this viewer is offered, in a statement each for all of them."""
    cards = [post.card for post in posts if post.card.state == "active"]
    show(posts, await lives(read, (card.program_id for card in cards), near))
    await show_offers(read, posts, viewer_id)


def show(posts: Sequence[PostView], known: Mapping[CardKey, Shown]) -> None:
    """Let cards that can be opened show what is known of them."""
    for card in (post.card for post in posts):
        if card.state == "active" and card.program_id and card.version is not None:
            found = known.get(CardKey(card.program_id, card.version))
            card.live = view_of(*found) if found else None


async def _shops(read: Reads, sold: Sequence[OfferRow], near: Place | None) -> Mapping[str, Shop]:
    """The merchants of these offers: cards of one merchant have its places in common."""
    rows = await store.around(read, (SoldRow(row.merchant_id, row.offer.sku) for row in sold), near)
    shops: dict[str, Shop] = {}
    for row in rows:
        shop = shops.setdefault(row.merchant_id, Shop([], {}))
        shop.spots.append(_spot(row, near))
        shop.bands.update((Shelf(row.location_id, sku), band) for sku, band in zip(row.skus, row.bands, strict=True))
    return shops


def _of_card(rows: Sequence[OfferRow], shops: Mapping[str, Shop], now: datetime, *, placed: bool) -> Shown | None:
    shop, located = shops.get(rows[0].merchant_id, _NO_SHOP), rows[0].located
    spots = shop.spots if located else [spot for spot in shop.spots if spot.kind != "store"]
    found = live([row.offer for row in rows], spots, shop.bands, now)
    if found is None:
        return None
    if placed and not located:
        found = unlocated(found)
    offer = next(row.offer for row in rows if row.offer.sku == found.sku)
    return Shown(found, rows[0].merchant_id, offer)


def view_of(found: Live, merchant_id: str, offer: Offer) -> LiveView:
    """What a card shows of an offer."""
    facts = found._asdict() | {"modes": list(found.modes)} | offer._asdict()
    return LiveView(merchant_id=merchant_id, **facts, text=TextView(**stated(found)._asdict()))


def _spot(row: PlaceRow, near: Place | None) -> Spot:
    away = distance_m(near, Place(latitude=row.latitude, longitude=row.longitude)) if near else None
    modes = tuple(row.modes.split())
    return Spot(row.location_id, row.kind, row.state, modes, row.radius_m, row.paused_until, away)
