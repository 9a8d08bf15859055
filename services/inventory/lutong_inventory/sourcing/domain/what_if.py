"""Orders decided again by other rules, on what was kept of their decisions. Pure.

Replayed is the choice: the same function as at the time chooses among the candidates that each decision kept, in order of arrival,
with the orders that each location would have had by then. Not replayed is what was not kept: candidates behind the first
twelve, those that the search left out (closed, without the goods, too far, full), which SKUs others had of an order in parts, whether
a location had declined lately, and all that came after the first decision. So an order whose own decision does not come out of
what was kept is *not known*, and rules can be stricter than they were, or weigh otherwise, but never open what was shut.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from lutong_contracts.values import LocationKind, Place
from lutong_inventory.sourcing.domain.decision import decide
from lutong_inventory.sourcing.domain.sentences import Why, why
from lutong_inventory.sourcing.domain.values import (
    AS_THEY_ARE,
    Candidate,
    Considered,
    Found,
    Left,
    Reason,
    Weights,
    Wish,
)
from lutong_inventory.stock.domain.shelves import Demand, Shelf

_HAD_IT: Final = frozenset({"chosen", "booked", "farther", "at_capacity", "out_of_reach"})
"""What became of candidates that had the whole order when they were looked up."""
_ONE: Final = (Demand("order", 1),)
"""An order, as far as shelves go: a candidate has all of it, or not."""


class Rules(NamedTuple):
    """What is different: how far stores serve at most, how many orders they take a day at most, how many may serve one order at
    most (None: as it was), and how candidates are weighed."""

    radius_m: int | None = None
    daily_capacity: int | None = None
    parts_max: int | None = None
    load_m: int = 0
    flagship_m: int | None = None


class Known(NamedTuple):
    """A location, as it is now: under which key it is stored, where it is, and the clock of its day."""

    key: str
    kind: LocationKind
    place: Place
    zone: str


class Decided(NamedTuple):
    """The first decision on an order, with what was kept of it."""

    order_id: str
    merchant_id: str
    mode: str
    destination: Place
    reason: str | None
    considered: tuple[Considered, ...]
    decided_at: datetime


class Served(NamedTuple):
    """Who serves an order, nobody for a reason, and the sentence why."""

    by: tuple[Considered, ...]
    reason: str | None
    why: Why

    @property
    def location_ids(self) -> list[str]:
        """The locations that serve it."""
        return sorted(each.location_id for each in self.by)


class Replayed(NamedTuple):
    """An order as it was decided, and as it would be; `after` is None where that is not known. It is `unsure` when a location would
    have had more orders by then than it had: whether its shelf still had the goods is not known."""

    order_id: str
    mode: str
    before: Served
    after: Served | None
    unsure: bool = False

    @property
    def changed(self) -> bool:
        """Whether others serve it, or nobody."""
        return self.after is not None and self.after.location_ids != self.before.location_ids


Shifted = dict[str, int]
"""By how many orders a location has more, or less, on a day than it had: by `location|day`."""


class Again(NamedTuple):
    """Orders as they were and would be, and what the rules moved so far."""

    orders: list[Replayed]
    shifted: Shifted


def replay(orders: Sequence[Decided], known: Mapping[str, Known], rules: Rules, shifted: Mapping[str, int]) -> Again:
    """Decide orders again, in the order in which they came. `shifted` is what the ones before them gave, and comes back grown."""
    given: Shifted = dict(shifted)
    found = []
    for order in orders:
        again = _again(order, known, rules, given)
        found.append(again)
        if again.after is None or not again.changed:
            continue
        for served, step in ((again.before, -1), (again.after, 1)):
            for each in served.by:
                if each.location_id in known:
                    day = _day(known[each.location_id], order.decided_at)
                    given[day] = given.get(day, 0) + step
    return Again(found, {day: n for day, n in given.items() if n})


def _again(order: Decided, known: Mapping[str, Known], rules: Rules, given: Mapping[str, int]) -> Replayed:
    """One order: as it was, and as it would be."""
    before = _served(order.considered, order.reason)
    same = Replayed(order.order_id, order.mode, before, before)
    if len(before.by) > 1:
        return same._replace(after=_in_parts(order, before, known, rules, given))
    if any(each.verdict == "booked" for each in before.by):
        return same  # the member asked for the slot of this location
    if _chosen(order, known, Rules(), {}).location_ids != before.location_ids:
        return same._replace(after=None)
    after = _chosen(order, known, rules, given)
    if after.location_ids == before.location_ids:
        return same
    unsure = any(given.get(_day(known[each.location_id], order.decided_at), 0) > 0 for each in after.by)
    return same._replace(after=after, unsure=unsure)


def _chosen(order: Decided, known: Mapping[str, Known], rules: Rules, given: Mapping[str, int]) -> Served:
    """Who is chosen for a whole order among the candidates that were kept."""
    wish = Wish(order.order_id, order.merchant_id, order.destination, order.mode, _ONE, reach_m=0)
    candidates, units, orders = [], dict[Shelf, int](), dict[str, int]()
    for each in order.considered:
        if (at := known.get(each.location_id)) is None:
            continue
        radius_m, capacity = (rules.radius_m, rules.daily_capacity) if each.kind == "store" else (None, None)
        radius_m = 0 if each.verdict == "out_of_reach" else radius_m  # what was shut stays so
        capacity = 0 if each.verdict == "at_capacity" else capacity
        candidates.append(Candidate(at.key, each.kind, at.place, 0.0, radius_m, each.orders_today, capacity))
        units[Shelf(at.key, _ONE[0].sku)] = int(each.verdict in _HAD_IT)
        orders[at.key] = each.orders_today + given.get(_day(at, order.decided_at), 0)
    weights = Weights(AS_THEY_ARE.lowered_m, rules.load_m, rules.flagship_m)
    decision = decide(wish, Found(candidates), Left(units, orders), weights)
    if decision is None:
        return _served(order.considered, order.reason)
    return _served(decision.considered, None if decision.chosen else _why_nobody(decision.considered))


def _why_nobody(considered: Sequence[Considered]) -> Reason:
    """What all candidates lack: of those that came farthest, the rule that they did not meet."""
    verdicts = {each.verdict for each in considered}
    return next((reason for reason in _REASONS if reason in verdicts), "out_of_stock")


_REASONS: Final[tuple[Reason, ...]] = ("out_of_stock", "at_capacity", "out_of_reach")


def _in_parts(
    order: Decided, before: Served, known: Mapping[str, Known], rules: Rules, given: Mapping[str, int]
) -> Served | None:
    """An order in parts stays as it is, where the rules allow that; nobody had all of it. Who else had a part was not kept."""
    if rules.parts_max is not None and len(before.by) > rules.parts_max:
        return Served((), "out_of_stock", why((), "out_of_stock"))
    for each in before.by:
        if each.kind != "store":
            continue
        at = known.get(each.location_id)
        more = given.get(_day(at, order.decided_at), 0) if at else 0
        full = rules.daily_capacity is not None and each.orders_today + more >= rules.daily_capacity
        if full or (rules.radius_m is not None and each.distance_m > rules.radius_m):
            return None
    return before


def _served(considered: Sequence[Considered], reason: str | None) -> Served:
    by = tuple(each for each in considered if each.verdict in {"chosen", "booked", "part"})
    return Served(by, None if by else reason or "out_of_stock", why(considered, reason))


def _day(at: Known, moment: datetime) -> str:
    """A day of a location, on its own clock."""
    return f"{at.key}|{moment.astimezone(ZoneInfo(at.zone)).date()}"
