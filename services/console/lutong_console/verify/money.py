"""Goods and money: V5 they agree, order by order, in what was paid, held back, taken back, and shown."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_HOLDS_OF_ORDER: Final = {"fulfilled": {"captured"}, "rejected": {"released"}, "cancelled": {"released"}}
_UNDER_WAY: Final = {"held", "expired"}
_WITH_AN_ORDER: Final = {"held", "captured", "released", "expired"}
_ORDERS: Final = """
SELECT coalesce(part_of, order_id) AS order_id, sum(amount_minor) AS amount_minor, sum(refunded_minor) AS refunded_minor,
       min(currency) AS currency, sum(came_minor) AS came_minor,
       coalesce(max(CASE WHEN state NOT IN ('fulfilled', 'cancelled', 'rejected') THEN state END),
                max(CASE WHEN state = 'fulfilled' THEN state END), max(state)) AS state
  FROM (SELECT order_id, part_of, amount_minor, refunded_minor, currency, state,
               CASE WHEN state = 'fulfilled' THEN amount_minor ELSE 0 END AS came_minor
          FROM inventory.customer_order
         UNION ALL
        SELECT order_id, NULL, amount_minor, refunded_minor, currency,
               CASE state WHEN 'done' THEN 'fulfilled' WHEN 'waiting' THEN 'requested' WHEN 'cancelled' THEN 'cancelled' ELSE 'rejected' END,
               paid_minor
          FROM inventory.provision)
 GROUP BY 1 ORDER BY 1"""
"""Orders, each once, and services without goods: one in parts is under way as long as any of them is, and fulfilled when any of them came."""
_IN_PROGRESS: Final = {"offered", "accepted", "picked", "ready_for_pickup", "handed_over"}


def orders_conserve(world: World) -> Iterator[Violation]:
    """V5: fulfilled is captured for what was ordered at; ended without goods is released; what came back is booked back."""
    orders = world.by(
        "order_id",
        order=_ORDERS,
        hold="SELECT * FROM membership.hold ORDER BY order_id",
        request="SELECT * FROM feed.request ORDER BY order_id",
        counted_back="""
            SELECT order_id, -sum(amount_minor) AS amount_minor FROM membership.accrual
             WHERE kind = 'refund' AND order_id IS NOT NULL GROUP BY order_id ORDER BY order_id""",
        booked_back="""
            SELECT coalesce(part_of, CASE WHEN debt_id GLOB 'order:*' THEN substr(debt_id, 7) ELSE debt_id END) AS order_id,
                   sum(amount_minor) AS amount_minor
              FROM leg
              LEFT JOIN (SELECT 'order:' || order_id AS debt_id, part_of FROM inventory.customer_order
                          WHERE part_of IS NOT NULL) AS part USING (debt_id)
             WHERE kind IN ('refund', 'refund_owed', 'refund_forgiven') AND account GLOB '*:payable' AND debt_id <> ''
             GROUP BY 1 ORDER BY 1""",
    )
    for order_id, of in orders:
        order, hold = of.one("order"), of.one("hold")
        for what in (
            *_paid(order, hold),
            *_priced(order, hold),
            *_refunded(order, of),
            *_shown(of.one("request"), order, hold),
        ):
            yield Violation("V5", what, f"order {order_id}")


def _paid(order: Row | None, hold: Row | None) -> Iterator[str]:
    """What was ordered, and what is held or captured for it."""
    if order is None:
        return
    if hold is None or hold["state"] not in _HOLDS_OF_ORDER.get(order["state"], _UNDER_WAY):
        yield f"the order is {order['state']}, its hold {hold['state'] if hold else 'missing'}"
    elif (hold["amount_minor"], hold["currency"]) != (order["amount_minor"], order["currency"]):
        yield "the order and its hold differ in amount"
    elif hold["state"] == "captured" and hold["captured_minor"] != order["came_minor"]:
        yield "the order was captured for another amount"


def _priced(order: Row | None, hold: Row | None) -> Iterator[str]:
    """What is held is for an order, at the list price less its reductions."""
    if hold is None:
        return
    if hold["state"] in _WITH_AN_ORDER and order is None:
        yield f"a hold is {hold['state']}, but there is no order"
    if hold["amount_minor"] != hold["total_minor"] - hold["discount_minor"] - hold["coupon_minor"]:
        yield "a price is not the list price less its reductions"


def _refunded(order: Row | None, of: Group) -> Iterator[str]:
    """What inventory took back is what membership counts back, and what is not owed any more or owed to the member."""
    counted, booked = (row["amount_minor"] if row else 0 for row in (of.one("counted_back"), of.one("booked_back")))
    taken = order["refunded_minor"] if order else 0
    if not taken == counted == booked:
        yield f"taken back {taken}, counted back {counted}, booked back {booked}"


def _shown(request: Row | None, order: Row | None, hold: Row | None) -> Iterator[str]:
    """What the viewer is shown is what happened."""
    if request is None:
        return
    declined = hold is not None and hold["state"] in {"declined", "cancelled"}
    state = order["state"] if order else "declined" if declined else "requested"
    if request["status"] != ("sourced" if state in _IN_PROGRESS else state):
        yield f"the viewer is shown {request['status']}, the order is {state}"
    elif order and hold and request["total_minor"] != hold["total_minor"]:
        yield "the viewer was shown another amount"
