"""Slots: V16 places are counted, no slot has more than it offers, and an order in a slot is at its location."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lutong_console.verify.collect import World
from lutong_console.verify.violation import Violation

_ENDED: Final = frozenset({"rejected", "cancelled"})
_LATE: Final = timedelta(minutes=5)
"""How long a place may be held past its time before nobody can be working on it any more."""


def slots_have_their_places(world: World) -> Iterator[Violation]:
    """V16: what is held and booked of a slot is the sum of its places, and no more than its capacity; a place that is
    booked is that of one order, which has not ended and is at the location of the slot.
    """
    places = Counter((hold["slot_id"], hold["state"]) for hold in world.rows("inventory", "slot_hold"))
    slots = {slot["slot_id"]: slot for slot in world.rows("inventory", "slot")}
    for slot_id, slot in slots.items():
        where = f"slot {slot_id}"
        for state in ("held", "booked"):
            if slot[state] != places[slot_id, state]:
                yield Violation("V16", f"{state} {slot[state]}, and {places[slot_id, state]} places are", where)
        if slot["held"] + slot["booked"] > slot["capacity"]:
            yield Violation("V16", f"{slot['held'] + slot['booked']} places of {slot['capacity']} are taken", where)
    yield from _places(world, {slot_id: slot["location_id"] for slot_id, slot in slots.items()})


def _places(world: World, locations: dict[str, str]) -> Iterator[Violation]:
    orders = {order["order_id"]: order for order in world.rows("inventory", "order")}
    booked = Counter[str]()
    for hold in world.rows("inventory", "slot_hold"):
        where = f"place {hold['hold_id']}"
        if hold["state"] == "held" and hold["read_at"] > hold["expires_at"] + _LATE:
            yield Violation("V16", "held past its time", where)
        if hold["state"] != "booked":
            continue
        booked[hold["order_id"]] += 1
        order = orders.get(hold["order_id"])
        if order is None or order["state"] in _ENDED:
            yield Violation("V16", f"booked for order {hold['order_id']}, which ended", where)
        elif (order["location_id"], order["member_id"]) != (locations.get(hold["slot_id"]), hold["member_id"]):
            yield Violation("V16", f"booked for order {hold['order_id']}, of another location or member", where)
    for order_id, number in booked.items():
        if number > 1:
            yield Violation("V16", f"{number} places are booked for it", f"order {order_id}")
