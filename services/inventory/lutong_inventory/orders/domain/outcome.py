"""What is published of an order that was decided on. Pure: no clock, no database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from lutong_contracts.inventory import FlagshipOffered, OrderCancelled, OrderRejected, OrderSourced
from lutong_contracts.values import Line, Money, Window
from lutong_inventory.sourcing.domain.decision import Decision


class Offered(Protocol):
    """An order that is set aside at the flagship."""

    @property
    def order_id(self) -> str: ...  # noqa: D102  # as the event has it
    @property
    def member_id(self) -> str: ...  # noqa: D102  # the same
    @property
    def merchant_id(self) -> str: ...  # noqa: D102  # the same
    @property
    def location_id(self) -> str | None: ...  # noqa: D102  # the same
    @property
    def distance_m(self) -> int | None: ...  # noqa: D102  # the same
    @property
    def currency(self) -> str: ...  # noqa: D102  # the same


def sourced(  # what the event has beside the decision
    decision: Decision,
    lines: Sequence[Line],
    mode: str,
    accept_by: datetime,
    window: Window | None = None,
    consent: str | None = None,
) -> OrderSourced | OrderRejected:
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
        window=window,
        consent=consent,
    )


def flagship_offered(row: Offered, eta_delta_s: int, reason: str, answer_by: datetime) -> FlagshipOffered:
    """An order that is set aside at the flagship: its member is asked. The price that was agreed on stays."""
    return FlagshipOffered(
        order_id=row.order_id,
        member_id=row.member_id,
        merchant_id=row.merchant_id,
        location_id=row.location_id,
        distance_m=row.distance_m,
        price_delta=Money(amount_minor=0, currency=row.currency),
        eta_delta_s=eta_delta_s,
        reason=reason,
        answer_by=answer_by,
    )


def cancelled(order_id: str, member_id: str, merchant_id: str, reason: str) -> OrderCancelled:
    """An order that ended before its goods left."""
    return OrderCancelled(order_id=order_id, member_id=member_id, merchant_id=merchant_id, reason=reason)
