"""What the decline of a location means for its shelves. Pure: no clock, no database.

Sold out: nothing more can be promised there. What is set aside for other orders stays so: each of them is declined by
itself, or the shelf is counted. Damaged: what was ordered is there and must not be sold. Where an order has several SKUs and
none was named, which of them it was is not known: what was ordered is held back for a check.
"""

from typing import NamedTuple

from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock


class Declined(NamedTuple):
    """Units of an order that a location does not hand over, and why. `named`: it is known that it was this SKU."""

    shelf: Shelf
    units: int
    reason: str
    order_id: str
    named: bool = True


def after_decline(stock: Stock, declined: Declined) -> Movement | None:
    """The movement that a decline makes, once what was set aside for the order is released; None when it does not concern
    the shelf: it is rush hour, the location is closed, or a count has reported it already.
    """
    free = max(0, stock.on_hand - stock.reserved - stock.unavailable)
    if declined.reason not in {"sold_out", "damaged"} or not free:
        return None
    order_id, reason = declined.order_id, declined.reason
    if declined.reason == "sold_out" and declined.named:
        return Movement(stock.shelf, "adjusted", on_hand_delta=-free, order_id=order_id, reason=reason)
    units = min(free, declined.units)
    return Movement(stock.shelf, "held_back", unavailable_delta=units, order_id=order_id, reason=reason)
