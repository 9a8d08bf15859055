"""A shelf is the fold of its movements. Pure: no clock, no database.

`available = on_hand - reserved - safety_stock - unavailable`. Everything that changes a shelf is a movement: what it was,
by how much, for which order, why, by whom, and when it happened (which may be before it was reported).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from lutong_contracts import Event
from lutong_contracts.inventory import StockBandChanged, StockDepleted, StockRestored
from lutong_contracts.values import Line, StockBand
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.stock.domain.bands import band_after

MovementKind = Literal[
    "received", "counted", "adjusted", "damaged", "held_back", "cleared", "reserved", "released", "shipped", "returned",
    "set_apart", "put_back", "sent", "arrived",
]  # fmt: skip
"""What happened. Held back is for a check of quality, cleared is back from there. Transfers set apart
what they will send, or put it back; it is sent from one shelf and arrives at another."""


class OversoldError(RuntimeError):
    """More was promised than is there: a bug, caught before a customer waits for nothing."""


class Shelf(NamedTuple):
    """One SKU at one location, by the key of the location."""

    location_key: str
    sku: str


class Movement(NamedTuple):
    """What happened to a shelf, in units. It never changes: a mistake is corrected by another one."""

    shelf: Shelf
    kind: MovementKind
    on_hand_delta: int = 0
    reserved_delta: int = 0
    unavailable_delta: int = 0
    order_id: str | None = None
    reason: str | None = None
    actor: str | None = None
    reference: str | None = None
    occurred_at: datetime | None = None
    """When it happened; without that, when it was reported."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What is on a shelf, in units. `band` is what was published of it last, `counted_at` when it was counted last."""

    shelf: Shelf
    merchant_id: str
    on_hand: int = 0
    reserved: int = 0
    safety_stock: int = 0
    unavailable: int = 0
    band: StockBand | None = None
    counted_at: datetime | None = None

    @property
    def available(self) -> int:
        """What can be promised; below zero where less is there than its safety stock."""
        return self.on_hand - self.reserved - self.safety_stock - self.unavailable

    def found(self, movement: Movement) -> "Stock":
        """What is there after a movement, whether or not that keeps what was promised."""
        return replace(
            self,
            on_hand=self.on_hand + movement.on_hand_delta,
            reserved=self.reserved + movement.reserved_delta,
            unavailable=self.unavailable + movement.unavailable_delta,
        )

    def after(self, movement: Movement) -> "Stock":
        """The shelf after a movement. Raises `OversoldError` where that cannot be: nobody may ask for it."""
        moved = self.found(movement)
        if movement.kind == "reserved" and moved.available < 0:
            raise OversoldError(f"{self.shelf} has {self.available} units, and {movement.reserved_delta} were reserved")
        if min(moved.on_hand, moved.reserved, moved.unavailable) < 0 or moved.reserved > moved.on_hand:
            raise OversoldError(f"{self.shelf} cannot be moved by {movement}")
        return moved.published()

    def counted(self, at: datetime) -> "Stock":
        """The shelf after a count was reported; an earlier one changes nothing."""
        return replace(self, counted_at=max(at, self.counted_at) if self.counted_at else at)

    def protected(self, units: int) -> "Stock":
        """The shelf with another safety stock."""
        return replace(self, safety_stock=units).published()

    def published(self) -> "Stock":
        """The shelf in the band that is published of it, where that is another one."""
        return replace(self, band=band_after(self.band, self.available, self.reserved))


def fold(stocks: Mapping[Shelf, Stock], movements: Iterable[Movement]) -> dict[Shelf, Stock]:
    """Shelves after movements, in order; those that did not move are left out."""
    moved: dict[Shelf, Stock] = {}
    for movement in movements:
        moved[movement.shelf] = (moved.get(movement.shelf) or stocks[movement.shelf]).after(movement)
    return moved


def shelf_news(before: Mapping[Shelf, Stock], after: Mapping[Shelf, Stock]) -> list[Event]:
    """The events of shelves whose band is another one, one for each: they ran empty, have something again, a few, or enough."""
    events: list[Event] = []
    for shelf, stock in sorted(after.items()):
        was, band = before[shelf].band, stock.band
        if band is None or band == was:
            continue
        kind = StockRestored if was == "out_of_stock" else StockBandChanged
        event = StockDepleted if band == "out_of_stock" else kind
        location_id = location_id_of(shelf.location_key)
        events.append(event(location_id=location_id, sku=shelf.sku, merchant_id=stock.merchant_id, band=band))
    return events


class Demand(NamedTuple):
    """How much of one SKU an order needs, over all its lines."""

    sku: str
    units: int


def demand_by_sku(lines: Sequence[Line]) -> tuple[Demand, ...]:
    """Units per SKU, added up: two lines of one order must not pass the same check twice."""
    demand: Counter[str] = Counter()
    for line in lines:
        demand[line.sku] += line.units
    return tuple(Demand(*item) for item in sorted(demand.items()))
