"""Goods and money: V5 they agree, order by order, in what was paid, held back, taken back, and shown."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from lutong_console.verify.collect import Row, World
from lutong_console.verify.violation import Violation

_HOLDS_OF_ORDER: Final = {"fulfilled": {"captured"}, "rejected": {"released"}, "cancelled": {"released"}}
_UNDER_WAY: Final = {"held", "expired"}


def orders_conserve(world: World) -> Iterator[Violation]:
    """V5: fulfilled is captured for what was ordered at; ended without goods is released; what came back is booked back."""
    holds = {row["order_id"]: row for row in world.rows("membership", "hold")}
    orders = {row["order_id"]: row for row in world.rows("inventory", "order")}
    for order_id, order in orders.items():
        hold, where = holds.get(order_id), f"order {order_id}"
        wanted = _HOLDS_OF_ORDER.get(order["state"], _UNDER_WAY)
        if hold is None or hold["state"] not in wanted:
            found = hold["state"] if hold else "missing"
            yield Violation("V5", f"the order is {order['state']}, its hold {found}", where)
        elif (hold["amount_minor"], hold["currency"]) != (order["amount_minor"], order["currency"]):
            yield Violation("V5", "the order and its hold differ in amount", where)
        elif hold["state"] == "captured" and hold["captured_minor"] != order["amount_minor"]:
            yield Violation("V5", "the order was captured for another amount", where)
    for order_id, hold in holds.items():
        if hold["state"] in {"held", "captured", "released", "expired"} and order_id not in orders:
            yield Violation("V5", f"a hold is {hold['state']}, but there is no order", f"order {order_id}")
        if hold["amount_minor"] != hold["total_minor"] - hold["discount_minor"] - hold["coupon_minor"]:
            yield Violation("V5", "a price is not the list price less its reductions", f"order {order_id}")
    yield from _refunds(world, orders)
    yield from _requests(world, orders, holds)


def _refunds(world: World, orders: dict[str, Row]) -> Iterator[Violation]:
    """What inventory took back is what membership counts back, and what is not owed any more or owed to the member."""
    counted: Counter[str] = Counter()
    for accrual in world.rows("membership", "accrual"):
        if accrual["kind"] == "refund":
            counted[accrual["order_id"]] -= accrual["amount_minor"]
    kinds = {
        row["entry_id"]: row["debt_id"]
        for row in world.rows("membership", "entry")
        if row["kind"] in {"refund", "refund_owed", "refund_forgiven"}
    }
    booked: Counter[str] = Counter()
    for posting in world.rows("membership", "posting"):
        debt_id = kinds.get(posting["entry_id"])
        if debt_id and posting["account"].endswith(":payable"):
            booked[debt_id.removeprefix("order:")] += posting["amount_minor"]
    for order_id in sorted(orders.keys() | counted.keys() | booked.keys()):
        order = orders.get(order_id)
        found = (order["refunded_minor"] if order else 0, counted[order_id], booked[order_id])
        if len(set(found)) > 1:
            what = f"taken back {found[0]}, counted back {found[1]}, booked back {found[2]}"
            yield Violation("V5", what, f"order {order_id}")


def _requests(world: World, orders: dict[str, Row], holds: dict[str, Row]) -> Iterator[Violation]:
    """What the viewer is shown is what happened."""
    declined = {order_id for order_id, hold in holds.items() if hold["state"] in {"declined", "cancelled"}}
    in_progress = {"accepted", "picked", "ready_for_pickup", "handed_over"}
    for request in world.rows("feed", "request"):
        order, hold = orders.get(request["order_id"]), holds.get(request["order_id"])
        state = order["state"] if order else "declined" if request["order_id"] in declined else "requested"
        shown = "sourced" if state in in_progress else state
        where = f"order {request['order_id']}"
        if request["status"] != shown:
            yield Violation("V5", f"the viewer is shown {request['status']}, the order is {state}", where)
        elif order and hold and request["total_minor"] != hold["total_minor"]:
            yield Violation("V5", "the viewer was shown another amount", where)
