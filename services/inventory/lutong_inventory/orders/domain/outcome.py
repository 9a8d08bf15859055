"""What is published of an order, or of a part of one, that was decided on or ended. Pure: no clock, no database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from lutong_contracts import Event
from lutong_contracts.inventory import (
    FlagshipOffered,
    OrderCancelled,
    OrderFulfilled,
    OrderRejected,
    OrderSourced,
    PartCancelled,
    PartFulfilled,
)
from lutong_contracts.values import Line, Money, Window
from lutong_inventory.orders.domain.parts import Part
from lutong_inventory.parts import Names
from lutong_inventory.sourcing.domain.decision import Decision


class Offered(Protocol):
    """An order that is set aside at the flagship."""

    @property
    def names(self) -> Names: ...  # noqa: D102  # as the event has it
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


def sourced(
    decision: Decision, lines: Sequence[Line], mode: str, accept_by: datetime, window: Window | None = None
) -> OrderSourced | OrderRejected:
    """Where an order is sourced, for the first time or again; or that nobody can serve it."""
    wish = decision.wish
    if decision.chosen is None or decision.distance_m is None:
        return OrderRejected(
            order_id=wish.order_id, merchant_id=wish.merchant_id, reason=decision.reason or "out_of_stock"
        )
    return OrderSourced(
        **wish.names,
        merchant_id=wish.merchant_id,
        location_id=decision.chosen.location_id,
        location_kind=decision.chosen.kind,
        distance_m=decision.distance_m,
        lines=tuple(lines),
        mode=mode,
        accept_by=accept_by,
        window=window,
    )


def flagship_offered(row: Offered, eta_delta_s: int, reason: str, answer_by: datetime) -> FlagshipOffered:
    """An order that is set aside at the flagship: its member is asked. The price that was agreed on stays."""
    return FlagshipOffered(
        **row.names,
        member_id=row.member_id,
        merchant_id=row.merchant_id,
        location_id=row.location_id,
        distance_m=row.distance_m,
        price_delta=Money(amount_minor=0, currency=row.currency),
        eta_delta_s=eta_delta_s,
        reason=reason,
        answer_by=answer_by,
    )


def cancelled(row: Part, reason: str) -> Event:
    """An order, or a part of one, that ended before its goods left."""
    if row.part_of is None:
        return OrderCancelled(
            order_id=row.order_id, member_id=row.member_id, merchant_id=row.merchant_id, reason=reason
        )
    return PartCancelled(**_of_part(row, row.part_of), reason=reason)


def fulfilled(row: Part) -> Event:
    """An order, or a part of one, that its member has."""
    where = {"location_id": row.location_id, "location_kind": row.location_kind}
    if row.part_of is not None:
        return PartFulfilled(**_of_part(row, row.part_of), **where)
    return OrderFulfilled(
        order_id=row.order_id,
        member_id=row.member_id,
        merchant_id=row.merchant_id,
        post_id=row.post_id,
        program_id=row.program_id,
        amount=Money(amount_minor=row.amount_minor, currency=row.currency),
        **where,
    )


def _of_part(row: Part, order_id: str) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "fulfilment_id": row.order_id,
        "member_id": row.member_id,
        "merchant_id": row.merchant_id,
        "amount": Money(amount_minor=row.amount_minor, currency=row.currency),
    }
