"""What a location can promise, and how an order moves. Pure: no clock, no database, no ids made here."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Any, Final, Literal

from lutong_contracts import Event
from lutong_contracts.inventory import StockDepleted, StockRestored
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Line, LocationKind, Place

State = Literal[
    "sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled", "rejected", "cancelled"
]
Step = Literal["accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled"]
Shelf = tuple[str, str]
"""(location, SKU)."""

ACCEPTANCE_WINDOW_DEFAULT: Final = timedelta(minutes=30)
"""How long a location has to accept an order before it is cancelled and its stock released."""

CANCELLABLE: Final = ("sourced", "accepted", "picked", "ready_for_pickup")
"""States in which the goods have not left the location."""

_EARTH_RADIUS_M: Final = 6_371_000
_NEXT: Final[Mapping[str, Mapping[State, Step]]] = {
    "delivery": {"sourced": "accepted", "accepted": "picked", "picked": "handed_over", "handed_over": "fulfilled"},
    "pickup": {
        "sourced": "accepted",
        "accepted": "picked",
        "picked": "ready_for_pickup",
        "ready_for_pickup": "fulfilled",
    },
}


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
        return [(self.location.location_id, sku) for sku, _ in self.demand]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nobody can serve the order as a whole."""

    order: CreditHeld
    reason: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """The member had cancelled before the order came."""

    order: CreditHeld


Outcome = Sourced | Rejected | Recalled


def distance_m(one: Place, other: Place) -> int:
    """Great-circle distance in metres (haversine)."""
    latitude_a, latitude_b = radians(one.latitude), radians(other.latitude)
    half_latitude = (latitude_b - latitude_a) / 2
    half_longitude = radians(other.longitude - one.longitude) / 2
    chord = sin(half_latitude) ** 2 + cos(latitude_a) * cos(latitude_b) * sin(half_longitude) ** 2
    return round(2 * _EARTH_RADIUS_M * asin(sqrt(min(1.0, chord))))


def demand_by_sku(lines: Sequence[Line]) -> tuple[tuple[str, int], ...]:
    """Units per SKU, added up: two lines of one order must not pass the same check twice."""
    demand: Counter[str] = Counter()
    for line in lines:
        demand[line.sku] += line.units
    return tuple(sorted(demand.items()))


def source(order: CreditHeld, candidates: Sequence[Location], available: Mapping[Shelf, int]) -> Sourced | Rejected:
    """Pick the nearest store that can serve the whole order; the flagship backs them all.

    `available` is units by shelf; a shelf that is not there has none. Ties go by location id. A mode that only newer
    versions know is refused: nobody here could hand the goods over.
    """
    if order.mode not in _NEXT:
        return Rejected(order, "unknown_mode")
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
        if all(available.get((location.location_id, sku), 0) >= units for sku, units in demand):
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
                left[outcome.location.location_id, sku] -= units
        outcomes.append(outcome)
    return outcomes


def shelf_news(changed: Sequence[Any]) -> list[Event]:
    """What shelves that changed have to say: that they ran empty, or have something again.

    Each row has `location_id`, `sku`, and what was `available_before` and is `available`; below zero is a count less its
    safety stock.
    """
    said: list[Event] = []
    for row in changed:
        if row["available"] <= 0 < row["available_before"]:
            said.append(StockDepleted(location_id=row["location_id"], sku=row["sku"]))
        elif row["available_before"] <= 0 < row["available"]:
            said.append(StockRestored(location_id=row["location_id"], sku=row["sku"]))
    return said


def next_step(state: State, mode: str) -> Step | None:
    """The one step that may follow, or None when the order has ended."""
    return _NEXT.get(mode, {}).get(state)


@dataclass(frozen=True, slots=True)
class Delivered:
    """An order that was fulfilled: its lines at list price, what the member paid for all of it, and what came back so far."""

    lines: Sequence[Line]
    paid_minor: int
    refunded_minor: int
    returned: Mapping[str, int]

    @property
    def left_minor(self) -> int:
        """What can still be given back."""
        return self.paid_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to: a stable word and a sentence that says what to do instead."""

    kind: str
    detail: str


def refund_of_units(order: Delivered, units: Mapping[str, int]) -> int | Refusal:
    """What units of an order are worth to the member who paid less than the list price, in minor units.

    Shares are taken of what came back in all, and rounded down: parts may be a minor unit less, but the
    last of them brings the sum to exactly what was paid. Goods that cost nothing come back for nothing.
    """
    demand = dict(demand_by_sku(order.lines))
    after = {sku: order.returned.get(sku, 0) + units.get(sku, 0) for sku in demand.keys() | units.keys()}
    beyond = next((sku for sku, count in sorted(after.items()) if count > demand.get(sku, 0)), None)
    if beyond is not None:
        return Refusal("not_delivered", f"that many units of {beyond!r} were not delivered, or are back already")
    worth_minor = _share(order, after) - _share(order, order.returned)
    return min(worth_minor, order.left_minor)


def _share(order: Delivered, returned: Mapping[str, int]) -> int:
    """What units are worth, of what was paid."""
    listed: Counter[str] = Counter()
    for line in order.lines:
        listed[line.sku] += line.units * line.unit_price_minor
    total_minor = sum(listed.values())
    back_minor = sum(listed[sku] * returned.get(sku, 0) // units for sku, units in demand_by_sku(order.lines))
    return order.paid_minor * back_minor // total_minor if total_minor else 0


@dataclass(frozen=True, slots=True)
class WantedRefund:
    """A refund as it is asked for: units by SKU, or an amount in minor units when there are none."""

    order_id: str
    amount_minor: int | None
    units: Mapping[str, int]
    restock: bool


@dataclass(frozen=True, slots=True)
class KnownRefund:
    """A refund as it was done, with what it came to in minor units."""

    order_id: str
    amount_minor: int
    units: Mapping[str, int]
    restock: bool


def differences(known: KnownRefund, wanted: WantedRefund) -> list[str]:
    """In what a refund is another one than the one that was done under its id; empty when it is the same."""
    pairs = {
        "order_id": (known.order_id, wanted.order_id),
        "lines": (dict(known.units), dict(wanted.units)),
        "restock": (known.restock, wanted.restock),
    }
    if not wanted.units:
        pairs["amount_minor"] = (known.amount_minor, wanted.amount_minor)
    return [name for name, (before, now) in pairs.items() if before != now]


def refund_of_amount(order: Delivered, amount_minor: int) -> int | Refusal:
    """An amount that is given back, whatever it is for."""
    if amount_minor > order.left_minor:
        return Refusal("more_than_left", f"{order.left_minor} minor units of this order can still be given back")
    return amount_minor
