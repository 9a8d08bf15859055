"""What sourcing decides on, and what it gives. Pure values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, NamedTuple

from lutong_contracts.values import LocationKind, Place
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.parts import Names, names
from lutong_inventory.stock.domain.shelves import Demand, Shelf

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
    name: str = ""

    @property
    def location_id(self) -> str:
        """Its id, which its merchant gave it."""
        return location_id_of(self.key)

    @property
    def called(self) -> str:
        """What people call it."""
        return self.name or self.location_id


class Stocked(NamedTuple):
    """A candidate, and what of the SKUs of an order it had when it was looked up."""

    candidate: Candidate
    skus: frozenset[str]


class Splitting(NamedTuple):
    """How many locations may serve an order, and those that have something of it."""

    parts_max: int = 1
    stocked: Sequence[Stocked] = ()


class Weights(NamedTuple):
    """How candidates are ranked, as if they were so many metres farther: for having declined lately, for each order of today, and
    for being the flagship (None: it comes after all stores)."""

    lowered_m: int = 3_000
    load_m: int = 0
    flagship_m: int | None = None


AS_THEY_ARE: Final = Weights()
"""The weights that orders are decided by; others are for trying."""


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
