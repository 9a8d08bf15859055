"""A transfer: drafted, ready, in transit, received in parts or as a whole, or lost. Pure: no clock, no database.

Goods that are ready are set apart, so that no order takes them. They leave the shelf when they are sent, and are on another one
when they arrived; in between they are on none, and what of them never comes is written off as lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final, Literal, NamedTuple

from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import Movement, MovementKind, Shelf, Stock

State = Literal["draft", "ready", "in_transit", "partially_received", "received", "lost", "cancelled"]
Step = Literal["ready", "sent", "received", "lost", "cancelled"]

_FROM: Final[Mapping[Step, tuple[State, ...]]] = {
    "ready": ("draft",),
    "sent": ("ready",),
    "received": ("in_transit", "partially_received"),
    "lost": ("in_transit", "partially_received"),
    "cancelled": ("draft", "ready"),
}
"""From which states each step is taken."""


class Line(NamedTuple):
    """Units of one SKU; how many of them have arrived, and how many never will."""

    sku: str
    units: int
    received: int = 0
    lost: int = 0

    @property
    def on_its_way(self) -> int:
        """What has not arrived yet, and still may."""
        return self.units - self.received - self.lost


@dataclass(frozen=True, slots=True)
class Transfer:
    """Goods that go from one location to another, by the keys of the locations."""

    transfer_id: str
    merchant_id: str
    from_key: str
    to_key: str
    lines: tuple[Line, ...]
    state: State = "draft"
    reference: str | None = None


class Moved(NamedTuple):
    """A transfer after a step, and the movements that the step is."""

    transfer: Transfer
    movements: tuple[Movement, ...] = ()


def draft(transfer: Transfer) -> Transfer | Refusal:
    """A transfer as it is wanted: between two locations, each SKU once."""
    if transfer.from_key == transfer.to_key:
        return Refusal("to_itself", "a transfer goes from one location to another one")
    skus = [line.sku for line in transfer.lines]
    if len(set(skus)) < len(skus):
        return Refusal("named_twice", f"{max(skus, key=skus.count)!r} is there twice: add its units up")
    return transfer


def step(
    transfer: Transfer, wanted: Step, received: Mapping[str, int], stocks: Mapping[Shelf, Stock]
) -> Moved | Refusal:
    """A transfer a step on, given the shelves at both ends. `received` is what arrived now, by SKU; without any it is all."""
    if transfer.state not in _FROM[wanted]:
        allowed = " or ".join(_FROM[wanted])
        return Refusal("wrong_step", f"the transfer is {transfer.state}: only one that is {allowed} can be {wanted}")
    match wanted:
        case "ready":
            return _ready(transfer, stocks)
        case "sent":
            return _sent(transfer, stocks)
        case "received":
            return _received(transfer, received)
        case "lost":
            lines = tuple(line._replace(lost=line.units - line.received) for line in transfer.lines)
            return Moved(replace(transfer, lines=lines, state="lost"))
        case "cancelled":
            return _cancelled(transfer, stocks)


def _ready(transfer: Transfer, stocks: Mapping[Shelf, Stock]) -> Moved | Refusal:
    for line in transfer.lines:
        stock = stocks[Shelf(transfer.from_key, line.sku)]
        there = max(0, stock.on_hand - stock.reserved - stock.unavailable)
        if line.units > there:
            return Refusal("not_there", f"{there} units of {line.sku!r} are free there, not {line.units}: send fewer")
    return Moved(replace(transfer, state="ready"), _at(transfer, "set_apart", 0, 1))


def _sent(transfer: Transfer, stocks: Mapping[Shelf, Stock]) -> Moved | Refusal:
    """Goods leave; those that were counted away or cleared since they were set apart cannot."""
    for line in transfer.lines:
        stock = stocks[Shelf(transfer.from_key, line.sku)]
        if line.units > min(stock.unavailable, stock.on_hand - stock.reserved):
            detail = (
                f"{line.units} units of {line.sku!r} are not set apart any more: cancel the transfer, and draft another"
            )
            return Refusal("not_set_apart", detail)
    return Moved(replace(transfer, state="in_transit"), _at(transfer, "sent", -1, -1))


def _cancelled(transfer: Transfer, stocks: Mapping[Shelf, Stock]) -> Moved:
    """What was set apart is free again, as far as it still is set apart."""
    back = []
    for line in sorted(transfer.lines) if transfer.state == "ready" else ():
        shelf = Shelf(transfer.from_key, line.sku)
        units = min(line.units, stocks[shelf].unavailable)
        if units:
            back.append(Movement(shelf, "put_back", unavailable_delta=-units, reference=transfer.transfer_id))
    return Moved(replace(transfer, state="cancelled"), tuple(back))


def _received(transfer: Transfer, received: Mapping[str, int]) -> Moved | Refusal:
    strange = sorted(received.keys() - {line.sku for line in transfer.lines})
    if strange:
        return Refusal("not_sent", f"{strange[0]!r} is not in the transfer: count it as received by itself")
    arrived = {line.sku: received.get(line.sku, 0) if received else line.on_its_way for line in transfer.lines}
    over = next((line for line in transfer.lines if arrived[line.sku] > line.on_its_way), None)
    if over:
        return Refusal("not_sent", f"{over.on_its_way} units of {over.sku!r} are on their way, not {arrived[over.sku]}")
    lines = tuple(line._replace(received=line.received + arrived[line.sku]) for line in transfer.lines)
    state: State = "partially_received" if any(line.on_its_way for line in lines) else "received"
    movements = tuple(
        Movement(Shelf(transfer.to_key, sku), "arrived", units, reference=transfer.transfer_id)
        for sku, units in sorted(arrived.items())
        if units
    )
    return Moved(replace(transfer, lines=lines, state=state), movements)


def _at(transfer: Transfer, kind: MovementKind, on_hand: int, unavailable: int) -> tuple[Movement, ...]:
    """Movements of all units where they come from, with these signs."""
    return tuple(
        Movement(
            Shelf(transfer.from_key, line.sku), kind, on_hand * line.units, 0, unavailable * line.units,
            reference=transfer.transfer_id,
        )
        for line in sorted(transfer.lines)
    )  # fmt: skip


class Pace(NamedTuple):
    """How fast a SKU leaves a store, and what is there: units that left in so many days, free, coming, and free at the flagship."""

    sku: str
    left: int
    days: int
    free: int
    coming: int
    at_flagship: int


class Proposal(NamedTuple):
    """What to send to a store so that it has enough for some days, and how many units a day leave it."""

    sku: str
    units: int
    per_day: float
    free: int
    coming: int


def proposals(paces: list[Pace], cover_days: int) -> list[Proposal]:
    """What to send, the most urgent first: what is there lasts for the shortest time. Never more than the flagship has.

    >>> proposals([Pace("tea", 28, 14, 3, 2, 99)], 7)
    [Proposal(sku='tea', units=9, per_day=2.0, free=3, coming=2)]
    """
    found = []
    for pace in paces:
        per_day = pace.left / pace.days
        units = min(ceil(per_day * cover_days) - max(0, pace.free) - pace.coming, pace.at_flagship)
        if units > 0:
            found.append(Proposal(pace.sku, units, per_day, pace.free, pace.coming))
    return sorted(found, key=lambda each: ((max(0, each.free) + each.coming) / each.per_day, each.sku))
