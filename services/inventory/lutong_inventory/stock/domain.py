"""What a shelf has, and what there is to say when that changes. Pure: no clock, no database."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lutong_contracts import Event
from lutong_contracts.inventory import StockDepleted, StockRestored
from lutong_contracts.values import Line


class Shelf(NamedTuple):
    """One SKU at one location."""

    location_id: str
    sku: str


class ShelfChange(NamedTuple):
    """What of a shelf could be promised before a change, and can be now. Below zero is a count less its safety stock."""

    location_id: str
    sku: str
    available_before: int
    available: int


def demand_by_sku(lines: Sequence[Line]) -> tuple[tuple[str, int], ...]:
    """Units per SKU, added up: two lines of one order must not pass the same check twice."""
    demand: Counter[str] = Counter()
    for line in lines:
        demand[line.sku] += line.units
    return tuple(sorted(demand.items()))


def shelf_news(changes: Iterable[ShelfChange]) -> list[Event]:
    """What shelves that changed have to say: that they ran empty, or have something again."""
    said: list[Event] = []
    for change in changes:
        if change.available <= 0 < change.available_before:
            said.append(StockDepleted(location_id=change.location_id, sku=change.sku))
        elif change.available_before <= 0 < change.available:
            said.append(StockRestored(location_id=change.location_id, sku=change.sku))
    return said
