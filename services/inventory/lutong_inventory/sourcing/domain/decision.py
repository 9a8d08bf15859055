"""Which location serves an order, and what spoke against the others. Pure: no clock, no database, no ids made here.

A rule is a function that returns why a location cannot serve, or abstains. Those that are left are ranked: stores before the
flagship, the nearest first, of equally near ones the one with the fewest orders today. A store that did not serve an order
a while ago counts as if it were some kilometres farther.

Where none has a whole order and its merchant lets it be split, the fewest that have all of it together serve a part each: of
equally few those without the flagship, then the nearest. A SKU is never divided.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any, Final, NamedTuple

from lutong_contracts.values import Line, Place
from lutong_inventory.parts import part_id
from lutong_inventory.sourcing.domain.geometry import about_m, distance_m, lower_bound_m
from lutong_inventory.sourcing.domain.values import (
    AS_THEY_ARE,
    Candidate,
    Considered,
    Decision,
    Found,
    Left,
    Splitting,
    Stocked,
    Verdict,
    Weights,
    Wish,
)
from lutong_inventory.stock.domain.shelves import Shelf, demand_by_sku

RULES_VERSION: Final = 4
"""Grows whenever the same candidates may lead to another decision; kept with each decision."""

KEPT_MAX: Final = 12
"""How many candidates a decision keeps, the best first."""

OTHERS_KEPT: Final = 4
"""How many of those it keeps that were not even measured, as they are farther in any case: who would have been next."""


def wish_of(
    order_id: str, merchant_id: str, destination: Place, mode: str, lines: Sequence[Line], reach_m: int
) -> Wish:
    """An order's wish. Only what is delivered is ever split, for nobody picks one order up at two places; and no SKU is divided."""
    demand = demand_by_sku(lines)
    may_split = mode == "delivery" and len(demand) > 1
    return Wish(order_id, merchant_id, destination, mode, demand, reach_m, may_split=may_split)


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


def decide(wish: Wish, found: Found, left: Left, weights: Weights = AS_THEY_ARE) -> Decision | None:
    """Choose among candidates; None when a store that was not looked up could be better: look further."""
    measured, others, nearest_m = _measure(wish, found.candidates, left, weights)
    if found.beyond < inf and lower_bound_m(wish.destination.latitude, found.beyond) <= nearest_m + 1:
        return None
    ranked = sorted(measured, key=lambda each: each[:4])
    chosen = next((each for each in ranked if each.verdict is None), None)
    if chosen is not None:
        considered = _considered(ranked, {chosen.key}, "booked" if wish.only_at else "chosen")
        considered += tuple(_about(wish, each, left) for each in others[: KEPT_MAX - len(considered)])
        return Decision(wish, chosen.candidate, chosen.distance_m, considered)
    return Decision(wish, None, None, _considered(ranked), "out_of_stock")


def decide_in_parts(wish: Wish, found: Found, left: Left) -> Decision | None:
    """Choose among candidates for the whole order, else among those for parts of it; None is to look further."""
    decision = decide(wish, found, left)
    if decision is None or decision.chosen or not wish.may_split:
        return decision
    if found.splitting is None:
        return None
    return _split(wish, found.splitting, left) or decision


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
    orders, counted_m = left.orders_of(candidate), round(counted(candidate, metres, left, AS_THEY_ARE))
    return _Measured(backs(candidate, AS_THEY_ARE), counted_m, orders, candidate.key, round(metres), candidate, verdict)


def backs(candidate: Candidate, weights: Weights) -> bool:
    """Whether a location only serves what no store can."""
    return candidate.kind == "flagship" and weights.flagship_m is None


def counted(candidate: Candidate, metres: float, left: Left, weights: Weights) -> float:
    """How far a location counts as: never less than it is."""
    farther = weights.lowered_m * candidate.lowered + weights.load_m * left.orders_of(candidate)
    return metres + farther + (weights.flagship_m or 0) * (candidate.kind == "flagship")


def _measure(
    wish: Wish, candidates: Sequence[Candidate], left: Left, weights: Weights
) -> tuple[list[_Measured], list[Candidate], float]:
    """Candidates with their distances, some that are farther in any case, and how far the nearest store is that can serve.

    A place is measured only while by the plane it may still be the nearest: that costs most.
    """
    measured, others = [], list[Candidate]()
    nearest_m = {False: inf, True: inf}
    for candidate in candidates:
        last = backs(candidate, weights)
        if lower_bound_m(wish.destination.latitude, candidate.planar) > nearest_m[last] + 1:
            others += [candidate] if len(others) < OTHERS_KEPT else []
            continue
        metres = distance_m(wish.destination, candidate.place)
        verdict = out_of_reach(candidate, metres) or at_capacity(candidate, left) or out_of_stock(wish, candidate, left)
        orders, counted_m = left.orders_of(candidate), counted(candidate, metres, left, weights)
        measured.append(_Measured(last, round(counted_m), orders, candidate.key, round(metres), candidate, verdict))
        if verdict is None:
            nearest_m[last] = min(nearest_m[last], counted_m)
    return measured, others, nearest_m[False]


def _about(wish: Wish, candidate: Candidate, left: Left) -> Considered:
    """A candidate that was not measured: its distance is about right."""
    verdict = at_capacity(candidate, left) or out_of_stock(wish, candidate, left) or "farther"
    metres = round(about_m(wish.destination.latitude, candidate.planar))
    return Considered(candidate.location_id, candidate.kind, metres, left.orders_of(candidate), verdict)


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
        decision = decide_in_parts(wish, found.get(wish.order_id, Found(())), left)
        if decision is None:
            break
        left.take(decision)
        decisions.append(decision)
    return decisions


Has = Mapping[str, Collection[str]]
"""Which SKUs of an order locations have, by the key of the location."""


def fewest(
    needed: Collection[str], has: Has, parts_max: int, cost: Callable[[tuple[str, ...]], Any]
) -> tuple[str, ...] | None:
    """The fewest locations that have all that is needed, of equally few those of the least cost; None where too few do.

    >>> fewest({"tea", "cup"}, {"a": {"tea"}, "b": {"cup"}, "c": {"cup"}}, 2, cost=sorted)
    ('a', 'b')
    """
    for parts in range(1, parts_max + 1):
        best = min(_covers(frozenset(needed), has, parts), key=cost, default=None)
        if best is not None:
            return best
    return None


def _covers(needed: frozenset[str], has: Has, parts: int) -> Iterator[tuple[str, ...]]:
    """Sets of so many locations at most that have all of it; each has something that those before it have not.

    What the fewest have is looked at first: one of these few must be among them.
    """
    if not needed:
        yield ()
        return
    most = max((len(needed.intersection(skus)) for skus in has.values()), default=0)
    if len(needed) > parts * most:
        return
    rarest = min(sorted(needed), key=lambda sku: sum(sku in skus for skus in has.values()))
    for key, skus in has.items():
        if rarest in skus:
            for others in _covers(needed.difference(skus), has, parts - 1):
                yield (key, *others)
