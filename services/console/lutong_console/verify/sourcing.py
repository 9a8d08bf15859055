"""Sourcing: V15 an order is where its last decision put it, never goes back, and is handed over for its code."""

from collections import defaultdict
from collections.abc import Iterator

from lutong_console.verify.collect import Row, World
from lutong_console.verify.violation import Violation

_HAS_LOCATION = frozenset({"sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled"})


def orders_are_where_they_were_sent(world: World) -> Iterator[Violation]:
    """V15: decisions of an order are numbered from one, name each location once, and the last is where the order is.

    Orders of releases that kept no decisions have none.
    """
    decisions: dict[str, list[Row]] = defaultdict(list)
    for row in world.rows("inventory", "sourcing_decision"):
        decisions[row["order_id"]].append(row)
    for order in world.rows("inventory", "order"):
        made, where = decisions[order["order_id"]], f"order {order['order_id']}"
        if not made:
            continue
        places = [row["location_id"] for row in made if row["location_id"]]
        if [row["hop"] for row in made] != list(range(1, len(made) + 1)):
            yield Violation("V15", f"decisions {[row['hop'] for row in made]}", where)
        if len(set(places)) < len(places):
            yield Violation("V15", f"sent to one location twice: {places}", where)
        if order["state"] in _HAS_LOCATION and (not places or places[-1] != order["location_id"]):
            yield Violation("V15", f"at {order['location_id']}, and was sent to {places[-1:]}", where)
    yield from _handed_over(world)


def _handed_over(world: World) -> Iterator[Violation]:
    """A code that was used handed its order over: no order has a used code and is still there."""
    states = {order["order_id"]: order["state"] for order in world.rows("inventory", "order")}
    for code in world.rows("inventory", "pickup_code"):
        if code["used"] and states.get(code["order_id"]) != "fulfilled":
            yield Violation("V15", "its code was used, and it was not handed over", f"order {code['order_id']}")
