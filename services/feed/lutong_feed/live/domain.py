"""What a card shows live, from what is known of places and shelves. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import cos, hypot, radians
from typing import Final, Literal, NamedTuple

from lutong_contracts.values import Place

State = Literal["live", "degraded", "unknown"]
"""As promised near the viewer; less than that, with a reason and what there is instead; or nothing known."""
Reason = Literal["out_of_stock", "paused", "closed", "out_of_reach", "location_not_granted"]
Fallback = Literal["flagship", "none"]

OFFERS: Final = 10
"""So many of a program's offers are looked at."""
PLACES: Final = 8
"""So many of a merchant's nearest places are looked at."""
REACH_M: Final = 5_000
"""How far a store serves that has not published how far."""
SCALE: Final = 10
"""Cells to a degree."""

_METRES_PER_DEGREE: Final = 111_320
_RANK: Final[Mapping[str | None, int]] = {"in_stock": 3, "limited_availability": 2, None: 1, "out_of_stock": 0}


class Offer(NamedTuple):
    """What a program sells first, in its order."""

    sku: str
    title: str
    amount_minor: int
    currency: str


class Spot(NamedTuple):
    """A place of a merchant; without `distance_m` nobody knows where the viewer is."""

    location_id: str
    kind: str
    state: str
    modes: tuple[str, ...]
    radius_m: int | None
    paused_until: datetime | None
    distance_m: int | None


class Shelf(NamedTuple):
    """A shelf: of which place, with what on it."""

    location_id: str
    sku: str


class Live(NamedTuple):
    """What a card shows: of which offer, how much, from where; and, when that is less than promised, why and what instead."""

    state: State
    sku: str
    band: str | None
    location_id: str | None
    location_kind: str | None
    distance_m: int | None
    modes: tuple[str, ...]
    reason: Reason | None = None
    fallback: Fallback | None = None
    until: datetime | None = None
    """Of a place that is paused: until when."""


class Cell(NamedTuple):
    """A square of a tenth of a degree."""

    south: int
    west: int


def cell(place: Place) -> Cell:
    """The cell that a place is in."""
    return Cell(int(place.latitude * SCALE // 1), int(place.longitude * SCALE // 1))


def distance_m(one: Place, other: Place) -> int:
    """Metres between two places of one region: on a plane, which is right within a per cent there."""
    north = one.latitude - other.latitude
    east = (one.longitude - other.longitude) * cos(radians((one.latitude + other.latitude) / 2))
    return round(hypot(north, east) * _METRES_PER_DEGREE)


def live(offers: Sequence[Offer], spots: Iterable[Spot], bands: Mapping[Shelf, str], now: datetime) -> Live | None:
    """What a card shows of its offers; None of a program that sells nothing.

    The nearest store that serves the viewer and has something comes first, then the flagship; what has nothing is looked past.
    """
    if not offers:
        return None
    known = sorted(spots, key=lambda spot: (spot.kind != "store", spot.distance_m or 0, spot.location_id))
    stores = [spot for spot in known if spot.kind == "store"]
    serving = [spot for spot in stores if _why_not(spot, now) is None]
    for spot in serving:
        if (shelf := _best(spot, offers, bands)).band != "out_of_stock":
            return shelf
    wanting = _wanting(stores, serving, now)
    for spot in known[len(stores) :]:
        shelf = _best(spot, offers, bands)
        if _why_not(spot, now) is None and shelf.band != "out_of_stock":
            return shelf._replace(state="degraded", reason=wanting, fallback="flagship") if wanting else shelf
    if not known:
        return Live("unknown", offers[0].sku, None, None, None, None, ())
    return _nothing(offers[0].sku, known, wanting or _why_not(known[0], now) or "out_of_stock", now)


def unlocated(found: Live) -> Live:
    """What a card shows of a program that may not use where its reader is, of what is known without that: what is sent, and why nothing is near."""
    if found.reason:
        return found._replace(distance_m=None)
    fallback: Fallback = "flagship" if found.location_id else "none"
    return found._replace(state="degraded", reason="location_not_granted", fallback=fallback, distance_m=None)


def _best(spot: Spot, offers: Sequence[Offer], bands: Mapping[Shelf, str]) -> Live:
    """The offer that this place has most of; of equal ones the first."""
    of = {offer.sku: bands.get(Shelf(spot.location_id, offer.sku)) for offer in offers}
    sku = max(of, key=lambda each: _RANK.get(of[each], 1))
    return Live("live", sku, of[sku], spot.location_id, spot.kind, spot.distance_m, spot.modes)


def _wanting(stores: Sequence[Spot], serving: Sequence[Spot], now: datetime) -> Reason | None:
    """Why no store serves the viewer, if there are stores: those that do have nothing, or the nearest one states its reason."""
    if serving:
        return "out_of_stock"
    return _why_not(stores[0], now) if stores else None


def _nothing(sku: str, known: Sequence[Spot], reason: Reason, now: datetime) -> Live:
    paused = [spot.paused_until for spot in known if _why_not(spot, now) == "paused" and spot.paused_until]
    until = min(paused) if reason == "paused" and paused else None
    return Live(
        "degraded",
        sku,
        "out_of_stock" if reason == "out_of_stock" else None,
        None,
        None,
        None,
        (),
        reason,
        "none",
        until,
    )


def _why_not(spot: Spot, now: datetime) -> Reason | None:
    """Why a place does not serve the viewer now. A pause that is over is none."""
    if spot.state == "paused" and not (spot.paused_until and spot.paused_until <= now):
        return "paused"
    if spot.state == "closed":
        return "closed"
    too_far = spot.distance_m is not None and spot.distance_m > (spot.radius_m or REACH_M)
    return "out_of_reach" if spot.kind == "store" and too_far else None
