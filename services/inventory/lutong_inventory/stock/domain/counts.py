"""Counts and corrections: what staff found on a shelf becomes movements. Pure: no clock, no database.

The truth is taken, also when it is less than was promised: promises are broken in the open, the latest first, and their
orders go elsewhere.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import Movement, MovementKind, Shelf, Stock

Correction = Literal["received", "adjusted", "damaged", "held_back", "cleared"]
"""What staff may report of a shelf, besides counting it."""


class Promise(NamedTuple):
    """Units that are set aside on a shelf for an order. `step` is how far that is: 0 is only sourced."""

    order_id: str
    shelf: Shelf
    units: int
    step: int
    promised_at: datetime


class Evidence(NamedTuple):
    """Who reported it, why, by which paper, and when it happened."""

    actor: str
    reason: str | None = None
    reference: str | None = None
    occurred_at: datetime | None = None


class Counted(NamedTuple):
    """What was counted on a shelf, when. Without safety stock that stays as it was."""

    shelf: Shelf
    units: int
    evidence: Evidence
    safety_stock: int | None = None


class Corrected(NamedTuple):
    """What happened to a shelf."""

    shelf: Shelf
    kind: Correction
    units: int
    evidence: Evidence


def counted(stock: Stock, units: int, moved_since: int, evidence: Evidence) -> list[Movement]:
    """The movement that a count makes: none when it confirms, or when a later count was reported before.

    `moved_since` is by how much goods came and went between the count and now: what was sold after it stays sold.
    """
    if stock.counted_at and evidence.occurred_at and evidence.occurred_at < stock.counted_at:
        return []
    delta = max(0, units + moved_since) - stock.on_hand
    return [_movement(stock, "counted", evidence, on_hand_delta=delta)] if delta else []


def corrected(stock: Stock, kind: Correction, units: int, evidence: Evidence) -> Movement | Refusal:
    """What came, broke or was held back. Units are of what happened; only `adjusted` may take some away."""
    if kind == "held_back":
        return _movement(stock, kind, evidence, unavailable_delta=units)
    if kind == "cleared":
        if units > stock.unavailable:
            return Refusal(
                "not_held_back", f"{stock.unavailable} units of {stock.shelf.sku!r} are held back, not {units}"
            )
        return _movement(stock, kind, evidence, unavailable_delta=-units)
    delta = -units if kind == "damaged" else units
    if stock.on_hand + delta < 0:
        return Refusal("not_there", f"{stock.on_hand} units of {stock.shelf.sku!r} are there: count the shelf instead")
    return _movement(stock, kind, evidence, on_hand_delta=delta)


def broken(stock: Stock, after: Stock, promises: Iterable[Promise]) -> list[Promise]:
    """Which promises cannot be kept with what is left: those of orders that are least far go first, of them the latest."""
    missing = stock.reserved - max(0, after.on_hand - after.unavailable)
    latest_first = sorted(promises, key=lambda each: (each.promised_at, each.order_id), reverse=True)
    found: list[Promise] = []
    for promise in sorted(latest_first, key=lambda each: each.step):
        if missing <= 0:
            break
        found.append(promise)
        missing -= promise.units
    return found


def released(promises: Sequence[Promise], reason: str) -> list[Movement]:
    """What was set aside is set aside no more."""
    return [
        Movement(each.shelf, "released", reserved_delta=-each.units, order_id=each.order_id, reason=reason)
        for each in promises
    ]


def _movement(stock: Stock, kind: MovementKind, evidence: Evidence, **deltas: int) -> Movement:
    return Movement(stock.shelf, kind, **deltas, **evidence._asdict())  # type: ignore[arg-type]  # fields by name


def why_bad_units(kind: Correction, units: int) -> Refusal | None:
    """Why a correction cannot be about so many units."""
    if units == 0 or (units < 0 and kind != "adjusted"):
        return Refusal("bad_units", f"{kind} of {units} units: only what is adjusted can be below zero")
    return None


def why_not_past(at: datetime | None, now: datetime) -> Refusal | None:
    """Why nothing can have happened then: that is yet to come."""
    if at is not None and at > now:
        return Refusal("future", "that is yet to come: give when it happened, or leave it out")
    return None
