"""The shelves of a batch as decisions so far left them, and what must be saved of them. Pure: no clock, no database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from lutong_contracts import Event
from lutong_contracts.inventory import StockAdjusted
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.stock.domain.counts import Promise, broken, released
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock, fold, shelf_news


class Changed(NamedTuple):
    """What one command did: its shelves before and after, the promises that broke, and by which kind of movement each moved last."""

    before: Mapping[Shelf, Stock]
    after: Mapping[Shelf, Stock]
    broken: Sequence[Promise] = ()
    why: Mapping[Shelf, str] = MappingProxyType({})

    def events(self) -> Iterator[Event]:
        """How many units more or fewer there are, by shelf."""
        for shelf, stock in sorted(self.after.items()):
            delta = stock.on_hand - self.before[shelf].on_hand
            if delta:
                yield StockAdjusted(
                    location_id=location_id_of(shelf.location_key),
                    sku=shelf.sku,
                    delta=delta,
                    on_hand=stock.on_hand,
                    reason=self.why.get(shelf, "counted"),
                    merchant_id=stock.merchant_id,
                )


@dataclass(slots=True)
class ShelfWork:
    """Locked shelves. Commands are decided one after the other, each on what those before it left."""

    stocks: dict[Shelf, Stock]
    promises: dict[Shelf, list[Promise]] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    broken: list[Promise] = field(default_factory=list)
    counted: dict[Shelf, datetime] = field(default_factory=dict)
    protected: set[Shelf] = field(default_factory=set)
    before: Mapping[Shelf, Stock] = field(init=False)

    def __post_init__(self) -> None:
        self.before = dict(self.stocks)

    def take(
        self,
        movements: Sequence[Movement] = (),
        counted: Mapping[Shelf, datetime] = MappingProxyType({}),
        safety: Mapping[Shelf, int] = MappingProxyType({}),
    ) -> Changed:
        """Move shelves, breaking what was promised beyond them; remember counts; set safety stocks."""
        touched = {*(movement.shelf for movement in movements), *counted, *safety}
        before = {shelf: self.stocks[shelf] for shelf in touched}
        lost = self._break(before, movements)
        every = [*released(lost, "short"), *movements]
        after = before | fold(before, every)
        after |= {shelf: after[shelf].protected(units) for shelf, units in safety.items()}
        after |= {shelf: after[shelf].counted(at) for shelf, at in counted.items()}
        self.stocks |= after
        self.movements += every
        self.counted |= {shelf: max(at, self.counted.get(shelf, at)) for shelf, at in counted.items()}
        self.protected |= set(safety)
        return Changed(before, after, lost, {movement.shelf: movement.kind for movement in movements})

    def _break(self, before: Mapping[Shelf, Stock], movements: Iterable[Movement]) -> list[Promise]:
        found = found_after(before, movements)
        lost = [
            promise
            for shelf in short(before, found)
            for promise in broken(before[shelf], found[shelf], self.promises.get(shelf, ()))
        ]
        for promise in lost:
            self.promises[promise.shelf].remove(promise)
        self.broken += lost
        return lost

    def news(self) -> list[Event]:
        """The events of all shelves, after all commands: what one of them did and another undid is none."""
        return shelf_news(self.before, self.stocks)


def found_after(stocks: Mapping[Shelf, Stock], movements: Iterable[Movement]) -> dict[Shelf, Stock]:
    """What is on shelves after movements, whether or not that keeps what was promised."""
    found: dict[Shelf, Stock] = {}
    for movement in movements:
        found[movement.shelf] = found.get(movement.shelf, stocks[movement.shelf]).found(movement)
    return found


def short(before: Mapping[Shelf, Stock], found: Mapping[Shelf, Stock]) -> list[Shelf]:
    """Shelves that cannot keep what was promised of them."""
    return [shelf for shelf, stock in found.items() if before[shelf].reserved > stock.on_hand - stock.unavailable]
