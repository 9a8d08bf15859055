"""What becomes of an order, as a whole or in parts, and what is published of it. Pure: no clock, no database.

Where several locations serve an order, a part is an order of its own for the location that has it: with its lines, its share of
the price, its steps and its id.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

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
from lutong_contracts.values import Line, LocationKind, Money, Window
from lutong_inventory.orders.domain.steps import State
from lutong_inventory.parts import Names, listed_minor
from lutong_inventory.sourcing.domain.values import Decision

_ENDED: Final = frozenset({"fulfilled", "cancelled"})


class Part(Protocol):
    """A part of an order, as far as the end of the whole goes by it."""

    @property
    def order_id(self) -> str: ...  # noqa: D102  # the id of the part
    @property
    def part_of(self) -> str | None: ...  # noqa: D102  # its order
    @property
    def merchant_id(self) -> str: ...  # noqa: D102  # as the event has it
    @property
    def member_id(self) -> str: ...  # noqa: D102  # the same
    @property
    def post_id(self) -> str: ...  # noqa: D102  # the same
    @property
    def program_id(self) -> str: ...  # noqa: D102  # the same
    @property
    def touch(self) -> str | None: ...  # noqa: D102  # the same
    @property
    def state(self) -> State: ...  # noqa: D102  # how far it is
    @property
    def reason(self) -> str | None: ...  # noqa: D102  # why it ended
    @property
    def location_id(self) -> str | None: ...  # noqa: D102  # where it is
    @property
    def location_kind(self) -> LocationKind | None: ...  # noqa: D102  # the same
    @property
    def amount_minor(self) -> int: ...  # noqa: D102  # its share of the price
    @property
    def currency(self) -> str: ...  # noqa: D102  # the same
    @property
    def order_lines(self) -> list[Line]: ...  # noqa: D102  # what it consists of


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
        **wish.names,
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


def led_by(answer: OrderSourced | OrderRejected, touch: str | None) -> OrderSourced | OrderRejected:
    """Where an order is sourced, with the item of the feed that led to it."""
    return answer.model_copy(update={"touch": touch}) if touch and isinstance(answer, OrderSourced) else answer


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
        touch=row.touch,
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


class Share(NamedTuple):
    """What a part of an order consists of, and what of the price it is, in minor units."""

    lines: list[Line]
    amount_minor: int


def shares(lines: Sequence[Line], amount_minor: int, parts: Sequence[Collection[str]]) -> list[Share]:
    """Divide lines and price: `parts` are the SKUs of each. A share of the price is that of the list price, rounded so that all
    add up. Where nothing has a price, the first part has all of it.
    """
    divided = [[line for line in lines if line.sku in skus] for skus in parts]
    total_minor = listed_minor(lines)
    found, listed_so_far, given = list[Share](), 0, 0
    for of_part in divided:
        listed_so_far += listed_minor(of_part)
        due = amount_minor * listed_so_far // total_minor if total_minor else amount_minor
        found.append(Share(of_part, due - given))
        given = due
    return found


def numbered(parts: Sequence[Decision], decided: int) -> dict[str, int]:
    """Which decision this is on each row, counted from one: on the order, or its first part, the one after those so far; on
    parts that are split off by it, the first.
    """
    return {part.wish.order_id: 1 if number else decided + 1 for number, part in enumerate(parts)}


def end_of(parts: Sequence[Part]) -> OrderFulfilled | OrderCancelled | None:
    """How an order ends, once its last part has; None before. It is fulfilled when any of it came."""
    if any(part.state not in _ENDED for part in parts):
        return None
    came = [part for part in parts if part.state == "fulfilled"]
    first = (came or parts)[0]
    facts = {"order_id": first.part_of, "member_id": first.member_id, "merchant_id": first.merchant_id}
    if not came:
        return OrderCancelled(**facts, reason=first.reason or "cancelled")
    came_minor = sum(listed_minor(part.order_lines) for part in came)
    return OrderFulfilled(
        **facts,
        post_id=first.post_id,
        program_id=first.program_id,
        location_id=first.location_id,
        location_kind=first.location_kind,
        amount=Money(amount_minor=sum(part.amount_minor for part in came), currency=first.currency),
        listed=Money(amount_minor=came_minor, currency=first.currency) if len(came) < len(parts) else None,
        touch=first.touch,
    )


def state_of(states: Sequence[State]) -> State:
    """How far a whole order is: as far as the least of what is still to come, or how it ended."""
    order: Sequence[State] = ("offered", "sourced", "accepted", "picked", "ready_for_pickup", "handed_over")
    under_way = sorted((state for state in states if state in order), key=order.index)
    if under_way:
        return under_way[0]
    counts = Counter(states)
    return "fulfilled" if counts["fulfilled"] else states[0]
