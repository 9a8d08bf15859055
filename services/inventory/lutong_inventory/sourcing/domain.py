"""Which location serves an order. Pure: no clock, no database, no ids made here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Final

from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import LocationKind, Place
from lutong_inventory.stock.domain import Shelf, demand_by_sku

_EARTH_RADIUS_M: Final = 6_371_000


@dataclass(frozen=True, slots=True)
class Location:
    """A place that goods come from."""

    location_id: str
    kind: LocationKind
    place: Place


@dataclass(frozen=True, slots=True)
class Sourced:
    """The location that serves an order, and what it must set aside."""

    order: CreditHeld
    location: Location
    distance_m: int
    demand: tuple[tuple[str, int], ...]

    @property
    def shelves(self) -> list[Shelf]:
        """The shelves this draws from."""
        return [Shelf(self.location.location_id, sku) for sku, _ in self.demand]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nobody can serve the order as a whole."""

    order: CreditHeld
    reason: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """The member had cancelled before the order came."""

    order: CreditHeld
    reason: str = "cancelled_by_member"


Outcome = Sourced | Rejected | Recalled


def distance_m(one: Place, other: Place) -> int:
    """Great-circle distance in metres (haversine)."""
    latitude_a, latitude_b = radians(one.latitude), radians(other.latitude)
    half_latitude = (latitude_b - latitude_a) / 2
    half_longitude = radians(other.longitude - one.longitude) / 2
    chord = sin(half_latitude) ** 2 + cos(latitude_a) * cos(latitude_b) * sin(half_longitude) ** 2
    return round(2 * _EARTH_RADIUS_M * asin(sqrt(min(1.0, chord))))


def source(order: CreditHeld, candidates: Sequence[Location], available: Mapping[Shelf, int]) -> Sourced | Rejected:
    """Pick the nearest store that can serve the whole order; the flagship backs them all.

    `available` is units by shelf; a shelf that is not there has none. Ties go by location id.
    """
    if not candidates:
        return Rejected(order, "no_location")
    demand = demand_by_sku(order.lines)
    ranked = sorted(
        (
            (each.kind == "flagship", distance_m(order.destination, each.place), each.location_id, each)
            for each in candidates
        ),
        key=lambda ranking: ranking[:3],
    )
    for _, metres, _, location in ranked:
        if all(available.get(Shelf(location.location_id, sku), 0) >= units for sku, units in demand):
            return Sourced(order, location, metres, demand)
    return Rejected(order, "out_of_stock")


def source_all(
    orders: Sequence[CreditHeld],
    candidates: Mapping[str, Sequence[Location]],
    available: Mapping[Shelf, int],
    recalled: frozenset[str],
) -> list[Outcome]:
    """Source in order of arrival: what an earlier order takes is gone for a later one."""
    left = dict(available)
    outcomes: list[Outcome] = []
    for order in orders:
        outcome = (
            Recalled(order) if order.order_id in recalled else source(order, candidates.get(order.order_id, ()), left)
        )
        if isinstance(outcome, Sourced):
            for sku, units in outcome.demand:
                left[Shelf(outcome.location.location_id, sku)] -= units
        outcomes.append(outcome)
    return outcomes
