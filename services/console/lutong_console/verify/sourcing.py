"""Sourcing: V15 an order is where its last decision put it, never goes back, and is handed over for its code."""

from collections.abc import Iterator, Sequence

from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_HAS_LOCATION = frozenset({"sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled"})


def orders_are_where_they_were_sent(world: World) -> Iterator[Violation]:
    """V15: decisions of an order are numbered from one, name each location once, and the last is where the order is.

    A code that was used handed its order over. Orders of releases that kept no decisions have none.
    """
    orders = world.by(
        "order_id",
        order="SELECT order_id, state, location_id FROM inventory.customer_order ORDER BY order_id",
        decision="SELECT * FROM inventory.sourcing_decision ORDER BY order_id, hop",
        used_code="SELECT order_id FROM inventory.pickup_code WHERE used ORDER BY order_id",
    )
    for order_id, of in orders:
        order, decisions, where = of.one("order"), of.all("decision"), f"order {order_id}"
        for what in _sent(order, decisions) if order and decisions else ():
            yield Violation("V15", what, where)
        if of.one("used_code") and (order is None or order["state"] != "fulfilled"):
            yield Violation("V15", "its code was used, and it was not handed over", where)


def _sent(order: Row, decisions: Sequence[Row]) -> Iterator[str]:
    """What is wrong with where an order was sent."""
    places = [row["location_id"] for row in decisions if row["location_id"]]
    hops = [row["hop"] for row in decisions]
    if hops != list(range(1, len(hops) + 1)):
        yield f"decisions {hops}"
    if len(set(places)) < len(places):
        yield f"sent to one location twice: {places}"
    if order["state"] in _HAS_LOCATION and (not places or places[-1] != order["location_id"]):
        yield f"at {order['location_id']}, and was sent to {places[-1:]}"
