"""What is published of an order that was decided on. Pure: no clock, no database."""

from collections.abc import Sequence
from datetime import datetime

from lutong_contracts.inventory import OrderCancelled, OrderRejected, OrderSourced
from lutong_contracts.values import Line
from lutong_inventory.sourcing.domain.decision import Decision


def sourced(decision: Decision, lines: Sequence[Line], mode: str, accept_by: datetime) -> OrderSourced | OrderRejected:
    """Where an order is sourced, for the first time or again; or that nobody can serve it."""
    wish = decision.wish
    if decision.chosen is None or decision.distance_m is None:
        return OrderRejected(
            order_id=wish.order_id, merchant_id=wish.merchant_id, reason=decision.reason or "out_of_stock"
        )
    return OrderSourced(
        order_id=wish.order_id,
        merchant_id=wish.merchant_id,
        location_id=decision.chosen.location_id,
        location_kind=decision.chosen.kind,
        distance_m=decision.distance_m,
        lines=tuple(lines),
        mode=mode,
        accept_by=accept_by,
    )


def cancelled(order_id: str, member_id: str, merchant_id: str, reason: str) -> OrderCancelled:
    """An order that ended before its goods left."""
    return OrderCancelled(order_id=order_id, member_id=member_id, merchant_id=merchant_id, reason=reason)
