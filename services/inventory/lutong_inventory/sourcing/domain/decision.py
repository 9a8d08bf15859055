"""Which location serves an order, and what spoke against the others. Pure: no clock, no database, no ids made here.

A rule is a function that returns why a location cannot serve, or abstains. Those that are left are ranked: stores before the
flagship, the nearest first, of equally near ones the one with the fewest orders today. A store that did not serve an order
a while ago counts as if it were some kilometres farther.

Where none has a whole order and its merchant lets it be split, the fewest that have all of it together serve a part each: of
equally few those without the flagship, then the nearest. A SKU is never divided.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, Literal, NamedTuple

from lutong_contracts.values import Line, LocationKind, Place
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.parts import Names, names, part_id
from lutong_inventory.sourcing.domain.cover import fewest
from lutong_inventory.sourcing.domain.geometry import distance_m, lower_bound_m
from lutong_inventory.stock.domain.shelves import Demand, Shelf, demand_by_sku

RULES_VERSION: Final = 4
"""Grows whenever the same candidates may lead to another decision; kept with each decision."""

LOWERED_M: Final = 3_000
"""By how many metres a store is farther that declined an order or let one lie, for a while."""

KEPT_MAX: Final = 12
"""How many candidates a decision keeps, the best first."""

Verdict = Literal["chosen", "booked", "part", "farther", "out_of_reach", "at_capacity", "out_of_stock"]
"""What became of a candidate; it is booked when it was chosen for its slot, and has a part when it was for one."""

Reason = Literal[
    "no_location",
    "out_of_reach",
    "closed",
    "at_capacity",
    "out_of_stock",
    "unknown_mode",
    "declined_often",
]
"""Why nobody can serve an order."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order needs. Lines are added up by SKU; `reach_m` is how far a location serves that sets no radius."""

    order_id: str
    merchant_id: str
    destination: Place
    mode: str
    demand: tuple[Demand, ...]
    reach_m: int
    excluded: tuple[str, ...] = ()
    """Keys of locations that had the order before: it never goes back."""
    only_at: str | None = None
    """The key of the one location whose slot is booked: it serves then, whatever its hours, capacity and reach are now."""
    part_of: str | None = None
    """The order of which this is a part."""
    may_split: bool = False
    """Whether several locations may serve it, if its merchant lets them."""

    @property
    def names(self) -> Names:
        """What events call the order, or the part of one."""
        return names(self.order_id, self.part_of)


class Candidate(NamedTuple):
    """A location that may serve: it offers the mode, is open, and had the goods when it was looked up.

    `planar` is its distance on the plane of the search, `radius_m` how far it serves (None: everywhere).
    """

    key: str
    kind: LocationKind
    place: Place
    planar: float = 0.0
    radius_m: int | None = None
    orders_today: int = 0
    daily_capacity: int | None = None
    lowered: bool = False

    @property
    def location_id(self) -> str:
        """What its merchant calls it."""
        return location_id_of(self.key)


class Stocked(NamedTuple):
    """A candidate, and what of the SKUs of an order it had when it was looked up."""

    candidate: Candidate
    skus: frozenset[str]


class Splitting(NamedTuple):
    """How many locations may serve an order, and those that have something of it."""

    parts_max: int = 1
    stocked: Sequence[Stocked] = ()


class Found(NamedTuple):
    """Candidates for an order, the nearest on the plane first. `beyond` is how far those that were not looked up are at
    least, on the plane: infinitely, when there are no others. Without `splitting` nobody looked for parts yet."""

    candidates: Sequence[Candidate]
    beyond: float = inf
    splitting: Splitting | None = None


class Considered(NamedTuple):
    """A candidate, and what became of it."""

    location_id: str
    kind: LocationKind
    distance_m: int
    orders_today: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on an order, and on which candidates. Without `chosen` nobody can serve it, for this `reason`.

    Where several locations serve it, this is the first part, and `others` are the further ones.
    """

    wish: Wish
    chosen: Candidate | None
    distance_m: int | None
    considered: tuple[Considered, ...]
    reason: Reason | None = None
    others: tuple["Decision", ...] = ()

    @property
    def parts(self) -> tuple["Decision", ...]:
        """What each location serves: one part, nearly always."""
        return (self, *self.others)

    @property
    def shelves(self) -> list[Shelf]:
        """The shelves that this draws from."""
        return [Shelf(self.chosen.key, sku) for sku, _ in self.wish.demand] if self.chosen else []


@dataclass(slots=True)
class Left:
    """What earlier orders of a batch leave: units by shelf, and how many orders each location has today."""

    units: dict[Shelf, int]
    orders: dict[str, int] = field(default_factory=dict)

    def take(self, decision: Decision) -> None:
        """What was decided is gone for later orders."""
        for part in decision.parts:
            if part.chosen is None:
                continue
            for sku, units in part.wish.demand:
                self.units[Shelf(part.chosen.key, sku)] -= units
            self.orders[part.chosen.key] = self.orders_of(part.chosen) + 1

    def orders_of(self, candidate: Candidate) -> int:
        """How many orders a location has today, those of this batch included."""
        return self.orders.get(candidate.key, candidate.orders_today)


def wish_of(
    order_id: str, merchant_id: str, destination: Place, mode: str, lines: Sequence[Line], reach_m: int
) -> Wish:
    """An order's wish."""
    return Wish(order_id, merchant_id, destination, mode, demand_by_sku(lines), reach_m)


def out_of_reach(candidate: Candidate, metres: float) -> Verdict | None:
    """A location serves within its radius; one without a radius everywhere."""
    return "out_of_reach" if candidate.radius_m is not None and metres > candidate.radius_m else None


def at_capacity(candidate: Candidate, left: Left) -> Verdict | None:
    """A location takes so many orders a day; one without a limit takes any number."""
    full = candidate.daily_capacity is not None and left.orders_of(candidate) >= candidate.daily_capacity
    return "at_capacity" if full else None


def out_of_stock(wish: Wish, candidate: Candidate, left: Left) -> Verdict | None:
    """A location serves an order as a whole, or not at all."""
    has_all = all(left.units.get(Shelf(candidate.key, sku), 0) >= units for sku, units in wish.demand)
    return None if has_all else "out_of_stock"


class _Measured(NamedTuple):
    """A candidate in the order in which they are chosen, and what speaks against it."""

    backs: bool
    counted_m: int
    orders: int
    key: str
    distance_m: int
    candidate: Candidate
    verdict: Verdict | None


def decide(wish: Wish, found: Found, left: Left) -> Decision | None:
    """Choose among candidates; None when a store that was not looked up could be better, or parts were not: look further."""
    measured, nearest_m = _measure(wish, found.candidates, left)
    if found.beyond < inf and lower_bound_m(wish.destination.latitude, found.beyond) <= nearest_m + 1:
        return None
    ranked = sorted(measured, key=lambda each: each[:4])
    chosen = next((each for each in ranked if each.verdict is None), None)
    if chosen is not None:
        considered = _considered(ranked, {chosen.key}, "booked" if wish.only_at else "chosen")
        return Decision(wish, chosen.candidate, chosen.distance_m, considered)
    if wish.may_split and found.splitting is None:
        return None
    split = _split(wish, found.splitting, left) if found.splitting else None
    return split or Decision(wish, None, None, _considered(ranked), "out_of_stock")


def _split(wish: Wish, splitting: Splitting, left: Left) -> Decision | None:
    """Let the fewest serve a part each; of what several of them have, the best ranked serves it."""
    ranked = sorted((_measured(wish, each, left) for each in splitting.stocked), key=lambda each: each[:4])
    able = {each.key: each for each in ranked if each.verdict is None}
    has = {
        each.candidate.key: {
            sku for sku, units in wish.demand if sku in each.skus and left.units.get(Shelf(each.candidate.key, sku), 0) >= units
        }
        for each in splitting.stocked
        if each.candidate.key in able
    }  # fmt: skip

    def cost(keys: tuple[str, ...]) -> tuple[bool, int, int, list[str]]:
        some = [able[key] for key in keys]
        return any(e.backs for e in some), sum(e.counted_m for e in some), sum(e.orders for e in some), sorted(keys)

    keys = fewest({sku for sku, _ in wish.demand}, has, splitting.parts_max, cost)
    if keys is None:
        return None
    serving = sorted((able[key] for key in keys), key=lambda each: each[:4])
    won: Verdict = "part" if len(serving) > 1 else "chosen"
    considered = _considered(ranked, {each.key for each in serving}, won)
    parts, open_skus = list[Decision](), {sku for sku, _ in wish.demand}
    for number, each in enumerate(serving, 1):
        demand = tuple(needed for needed in wish.demand if needed.sku in open_skus & has[each.key])
        open_skus -= has[each.key]
        part_of = wish.order_id if len(serving) > 1 else None
        part = replace(wish, order_id=part_id(wish.order_id, number), demand=demand, part_of=part_of, may_split=False)
        parts.append(Decision(part, each.candidate, each.distance_m, considered))
    return replace(parts[0], others=tuple(parts[1:]))


def _measured(wish: Wish, stocked: Stocked, left: Left) -> _Measured:
    """A location that may serve a part, in the order in which they are chosen."""
    candidate, metres = stocked.candidate, distance_m(wish.destination, stocked.candidate.place)
    verdict = out_of_reach(candidate, metres) or at_capacity(candidate, left)
    counted_m, backs = round(metres + LOWERED_M * candidate.lowered), candidate.kind == "flagship"
    return _Measured(backs, counted_m, left.orders_of(candidate), candidate.key, round(metres), candidate, verdict)


def _measure(wish: Wish, candidates: Sequence[Candidate], left: Left) -> tuple[list[_Measured], float]:
    """Candidates with their distances, and how far the nearest store is that can serve.

    A place is measured only while by the plane it may still be the nearest: that costs most.
    """
    measured = []
    nearest_m = {False: inf, True: inf}
    for candidate in candidates:
        backs = candidate.kind == "flagship"
        if lower_bound_m(wish.destination.latitude, candidate.planar) > nearest_m[backs] + 1:
            continue
        metres = distance_m(wish.destination, candidate.place)
        verdict = out_of_reach(candidate, metres) or at_capacity(candidate, left) or out_of_stock(wish, candidate, left)
        orders, counted_m = left.orders_of(candidate), metres + LOWERED_M * candidate.lowered
        measured.append(_Measured(backs, round(counted_m), orders, candidate.key, round(metres), candidate, verdict))
        if verdict is None:
            nearest_m[backs] = min(nearest_m[backs], counted_m)
    return measured, nearest_m[False]


def _considered(
    ranked: Sequence[_Measured], chosen: Collection[str] = (), won: Verdict = "chosen"
) -> tuple[Considered, ...]:
    """The best candidates in their order, with what became of them; those that are chosen are among them."""
    others = [each.key for each in ranked if each.key not in chosen][: KEPT_MAX - len(chosen)]
    kept = {*chosen, *others}
    return tuple(
        Considered(
            each.candidate.location_id,
            each.candidate.kind,
            each.distance_m,
            each.orders,
            each.verdict or (won if each.key in chosen else "farther"),
        )
        for each in ranked
        if each.key in kept
    )


def decide_all(wishes: Sequence[Wish], found: Mapping[str, Found], left: Left) -> list[Decision]:
    """Decide in order of arrival: what an earlier order takes is gone for a later one.

    Stops before the first order that has to be looked up further: what comes after it must not overtake it.
    """
    decisions: list[Decision] = []
    for wish in wishes:
        decision = decide(wish, found.get(wish.order_id, Found(())), left)
        if decision is None:
            break
        left.take(decision)
        decisions.append(decision)
    return decisions
