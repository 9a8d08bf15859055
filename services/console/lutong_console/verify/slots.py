"""Slots: V16 places are counted, no slot has more than it offers, and an order in a slot is at its location."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_ENDED: Final = frozenset({"rejected", "cancelled"})
_LATE: Final = timedelta(minutes=5)
"""How long a place may be held past its time: its deadline has been handled by then."""


def slots_have_their_places(world: World) -> Iterator[Violation]:
    """V16: what is held and booked of a slot is the sum of its places, and no more than its capacity; a place that is
    booked is that of one order, which has not ended and is at the location of the slot.
    """
    slots = world.by(
        "slot_id",
        slot="SELECT * FROM inventory.slot ORDER BY slot_id",
        place="SELECT slot_id, state, count(*) AS n FROM inventory.slot_hold GROUP BY 1, 2 ORDER BY 1, 2",
    )
    for slot_id, of in slots:
        slot, where = of.one("slot"), f"slot {slot_id}"
        places = {row["state"]: row["n"] for row in of.all("place")}
        for state in ("held", "booked"):
            if slot and slot[state] != places.get(state, 0):
                yield Violation("V16", f"{state} {slot[state]}, and {places.get(state, 0)} places are", where)
        if slot and slot["held"] + slot["booked"] > slot["capacity"]:
            yield Violation("V16", f"{slot['held'] + slot['booked']} places of {slot['capacity']} are taken", where)
    for held in world.select("SELECT hold_id, expires_at, read_at FROM inventory.slot_hold WHERE state = 'held'"):
        if moment(held, "read_at") > moment(held, "expires_at") + _LATE:
            yield Violation("V16", "held past its time", f"place {held['hold_id']}")
    yield from _booked(world)


def _booked(world: World) -> Iterator[Violation]:
    """Places that are booked, by order."""
    orders = world.by(
        "order_id",
        order="SELECT order_id, state, member_id, location_id FROM inventory.customer_order ORDER BY order_id",
        place="""
            SELECT order_id, hold_id, member_id, slot.location_id
              FROM inventory.slot_hold LEFT JOIN inventory.slot USING (slot_id)
             WHERE state = 'booked' ORDER BY order_id""",
    )
    for order_id, of in orders:
        places = of.all("place")
        if len(places) > 1:
            yield Violation("V16", f"{len(places)} places are booked for it", f"order {order_id}")
        for place in places:
            if what := _wrong(of.one("order"), place):
                yield Violation("V16", f"booked for order {order_id}, {what}", f"place {place['hold_id']}")


def _wrong(order: Row | None, place: Row) -> str | None:
    """What is wrong with the order that a place is booked for."""
    if order is None or order["state"] in _ENDED:
        return "which ended"
    if (order["location_id"], order["member_id"]) != (place["location_id"], place["member_id"]):
        return "of another location or member"
    return None
