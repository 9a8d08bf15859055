"""What store staff does with an order."""

from collections.abc import Iterable
from typing import Literal

from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.inventory import (
    LocationDeclined,
    OrderCancelled,
)
from lutong_contracts.values import Identifier, Reason
from lutong_inventory.bodies import router
from lutong_inventory.orders.domain.steps import CANCELLABLE, Step
from lutong_inventory.orders.http.commands import advance, lock_order, lock_orders
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.slots import places
from lutong_inventory.stock.store.reservations import close_reservations


class StepTaken(Command):
    """What store staff did with an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": "accepted", "location_id": "store-1"}]})

    step: Step
    location_id: Identifier


class StepsTaken(Command):
    """The same step with many orders, each at its own location."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"order_ids": ["01a20aa9-a380-749f-b6d9-b0115de3bc74"], "step": "accepted"}]}
    )

    order_ids: list[Identifier] = Field(min_length=1, max_length=500)
    step: Step


class ReasonBody(Command):
    """Why a store cannot fulfil an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "cancelled_by_store"}]})

    reason: Reason = Field(default="cancelled_by_store", examples=["cancelled_by_store"])


@router.post("/v1/orders/{order_id}/steps")
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_step(order_id: Identifier, command: StepTaken, who: Who, tx: TxDependency) -> dict[str, str]:
    """Take the next step with an order: accepted, picked, handed over or ready for pickup, fulfilled."""
    row = await lock_order(tx, who, order_id)
    if row.location_id != command.location_id:
        raise Problem(404, "not_found", f"order {order_id!r} is not at location {command.location_id!r}")
    _check_code(who, [row], command.step)
    await advance(tx, who, [row], command.step)
    return {"order_id": order_id, "state": command.step}


@router.post("/v1/orders/steps/batch")
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_steps(command: StepsTaken, who: Who, tx: TxDependency) -> dict[str, int]:
    """Take the same next step with many orders; all or none."""
    rows = await lock_orders(tx, who, command.order_ids)
    _check_code(who, rows.values(), command.step)
    await advance(tx, who, list(rows.values()), command.step)
    return {"advanced": len(rows)}


@router.post("/v1/orders/{order_id}/cancellation", status_code=202)
@allowed("merchant", "operator")
@audited("order.cancel")
async def cancel_order(order_id: Identifier, command: ReasonBody, who: Who, tx: TxDependency) -> dict[str, str]:
    """Cancel an order that has not left its location; what was reserved goes back to the shelf."""
    row = await lock_order(tx, who, order_id)
    cancelled = await order_store.cancel(tx, [order_id], command.reason)
    if not cancelled:
        raise Problem(409, "too_late", f"order {order_id!r} is {row.state}: it can no longer be cancelled")
    freed = await places.release_booked(tx, {order_id: command.reason})
    news = await close_reservations(tx, [order_id], "released", {order_id: command.reason})
    event = OrderCancelled(
        order_id=order_id, member_id=row.member_id, merchant_id=row.merchant_id, reason=command.reason
    )
    tx.publish(event, *freed.values(), *news, cause=row.cause)
    await record(tx, who, _cancelled_on_record(row, command.reason))
    return {"order_id": order_id, "state": "cancelled"}


class Decline(Command):
    """Why a location cannot serve an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"location_id": "store-1", "reason": "sold_out"}]})

    location_id: Identifier
    reason: Literal["sold_out", "damaged", "rush_hour", "closed"] = Field(examples=["sold_out"])
    skus: list[Identifier] = Field(
        default_factory=list,
        max_length=200,
        description="which of its goods are sold out or damaged, where it has several",
    )


@router.post("/v1/orders/{order_id}/declines", status_code=202)
@allowed("merchant", "operator")
@audited("order.decline", own="merchant")
async def decline_order(order_id: Identifier, command: Decline, who: Who, tx: TxDependency) -> dict[str, str]:
    """Report that a location cannot serve an order. Another one gets it, or it ends; it never comes back."""
    row = await lock_order(tx, who, order_id)
    if row.location_id != command.location_id:
        raise Problem(404, "not_found", f"order {order_id!r} is not at location {command.location_id!r}")
    if row.state not in CANCELLABLE:
        raise Problem(409, "too_late", f"order {order_id!r} is {row.state}: it can no longer be declined")
    strange = set(command.skus) - {line.sku for line in row.order_lines}
    if strange:
        raise Problem(422, "not_ordered", f"order {order_id!r} has no {min(strange)!r}: name what it has")
    event = LocationDeclined(
        order_id=order_id,
        merchant_id=row.merchant_id,
        location_id=command.location_id,
        reason=command.reason,
        skus=tuple(sorted(set(command.skus))),
    )
    tx.publish(event, cause=row.cause)
    if who.is_staff:
        change = Change(
            "order.decline", f"order:{order_id}", command.reason, {"state": row.state}, {"state": "declined"}
        )
        await record(tx, who, change)
    return {"order_id": order_id, "state": row.state}


def _check_code(who: Who, rows: Iterable[OrderRow], step: Step) -> None:
    """An order that is picked up is handed over by its code; only operators can do without, and are on record."""
    for row in rows:
        if not who.is_staff and row.state == "ready_for_pickup" and step == "fulfilled":
            detail = f"order {row.order_id!r} is handed over by its code: POST /v1/orders/{row.order_id}/collection"
            raise Problem(409, "needs_code", detail)


def _cancelled_on_record(row: OrderRow, reason: str) -> Change:
    """An order that its location does not fulfil."""
    return Change("order.cancel", f"order:{row.order_id}", reason, {"state": row.state}, {"state": "cancelled"})
