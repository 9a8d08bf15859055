"""What of a fulfilled order is taken back."""

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.values import Identifier, Line, Money
from lutong_inventory.bodies import router
from lutong_inventory.orders.domain import refunds as domain
from lutong_inventory.orders.http.commands import lock_order
from lutong_inventory.orders.store import refunds as refund_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import Movement, Shelf, demand_by_sku
from lutong_inventory.stock.store import shelves as shelf_store


class ReturnedLine(Command):
    """Goods that are taken back."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)


class Refund(Command):
    """What of an order is taken back: goods, whose prices are known, or an amount of what the member paid."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"refund_id": "refund-1", "lines": [{"sku": "mask", "units": 1}], "restock": True}]
        }
    )

    refund_id: Identifier
    lines: list[ReturnedLine] = Field(default_factory=list, max_length=200)
    amount_minor: int | None = Field(default=None, ge=1, le=10**12)
    restock: bool = Field(default=False, description="the goods are on the shelf again")

    @model_validator(mode="after")
    def _is_goods_or_an_amount(self) -> Self:
        if bool(self.lines) == (self.amount_minor is not None):
            raise ValueError("give either lines or amount_minor")
        if self.restock and not self.lines:
            raise ValueError("only lines can be restocked")
        return self


@router.post("/v1/orders/{order_id}/refunds", status_code=201)
@allowed("merchant", "operator")
@audited("order.refund", shows=("refunded_minor", "refund_id"), reasoned=True)
async def refund_order(order_id: Identifier, command: Refund, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Take part of a fulfilled order back, or all of it. Never more than the member paid, over all refunds.

    A refund's id is its merchant's own. The same refund again is the same answer; 409 names what differs in another one.
    """
    row = await lock_order(tx, who, order_id)
    units = dict(demand_by_sku([Line(**line.model_dump(), unit_price_minor=0) for line in command.lines]))
    wanted = domain.WantedRefund(order_id, command.amount_minor, units, command.restock)
    if known := await refund_store.refund_of(tx, row.merchant_id, command.refund_id):
        return _refunded_before(command.refund_id, known, wanted)
    if row.state != "fulfilled":
        raise Problem(409, "not_fulfilled", f"order {order_id!r} is {row.state}: there is nothing to take back")
    order = domain.Delivered(
        row.order_lines,
        row.amount_minor,
        row.refunded_minor,
        await refund_store.returned_units(tx, order_id),
    )
    worth = (
        domain.refund_of_amount(order, command.amount_minor or 0) if not units else domain.refund_of_units(order, units)
    )
    if isinstance(worth, Refusal):
        raise Problem(409, worth.kind, worth.detail)
    key = refund_store.refund_key(row.merchant_id, command.refund_id)
    await refund_store.save_refund(tx, key, order_id, worth, units, restocked=command.restock)
    refunded = OrderRefunded(
        order_id=order_id,
        refund_id=command.refund_id,
        member_id=row.member_id,
        merchant_id=row.merchant_id,
        amount=Money(amount_minor=worth, currency=row.currency),
    )
    news = await _restock(tx, row, units) if command.restock else ()
    tx.publish(*([refunded] if worth else ()), *news, cause=row.cause)  # who owes nothing less need not be answered
    await record(tx, who, _refunded_on_record(row, command, worth))
    return {"order_id": order_id, "refund_id": command.refund_id, "amount_minor": worth}


def _refunded_before(refund_id: str, known: domain.KnownRefund, wanted: domain.WantedRefund) -> dict[str, Any]:
    """The same refund again is the same answer; for another one under its id, 409 names what differs."""
    if others := domain.differences(known, wanted):
        detail = f"refund {refund_id!r} is done already, with another {', '.join(others)}: a new refund has another id"
        raise Problem(409, "refund_known", detail, differs=others)
    return {"order_id": known.order_id, "refund_id": refund_id, "amount_minor": known.amount_minor}


async def _restock(tx: Tx, row: OrderRow, units: dict[str, int]) -> list[Event]:
    """Put goods back on the shelf they came from."""
    shelves = {Shelf(row.location_key, sku): count for sku, count in units.items()} if row.location_key else {}
    stocks = await shelf_store.lock_stock(tx, shelves)
    moves = [
        Movement(shelf, "returned", on_hand_delta=count, order_id=row.order_id, reason="refunded")
        for shelf, count in sorted(shelves.items())
    ]
    return await shelf_store.save_movements(tx, stocks, moves)


def _refunded_on_record(row: OrderRow, refund: Refund, worth_minor: int) -> Change:
    """An order of which a part was taken back."""
    before = {"refunded_minor": row.refunded_minor}
    after = {"refunded_minor": row.refunded_minor + worth_minor, "refund_id": refund.refund_id}
    return Change("order.refund", f"order:{row.order_id}", None, before, after)
