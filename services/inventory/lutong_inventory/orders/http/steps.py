"""What store staff does with an order."""

from collections.abc import Iterable, Iterator, Sequence

from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts import Event
from lutong_contracts.inventory import OrderAdvanced, OrderCancelled, OrderFulfilled
from lutong_contracts.values import Identifier, Money, Reason
from lutong_inventory.bodies import router
from lutong_inventory.orders.domain.steps import Step, next_step
from lutong_inventory.orders.http.commands import lock_order, lock_orders
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.stock import store as stock_store
from lutong_inventory.stock.domain import shelf_news


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
    await _advance(tx, who, [row], command.step)
    return {"order_id": order_id, "state": command.step}


@router.post("/v1/orders/steps/batch")
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_steps(command: StepsTaken, who: Who, tx: TxDependency) -> dict[str, int]:
    """Take the same next step with many orders; all or none."""
    rows = await lock_orders(tx, who, command.order_ids)
    await _advance(tx, who, list(rows.values()), command.step)
    return {"advanced": len(rows)}


@router.post("/v1/orders/{order_id}/cancellation", status_code=202)
@allowed("merchant", "operator")
@audited("order.cancel")
async def cancel_order(order_id: Identifier, because: ReasonBody, who: Who, tx: TxDependency) -> dict[str, str]:
    """Cancel an order that has not left its location; what was reserved goes back to the shelf."""
    row = await lock_order(tx, who, order_id)
    cancelled = await order_store.cancel(tx, [order_id], because.reason)
    if not cancelled:
        raise Problem(409, "too_late", f"order {order_id!r} is {row.state}: it can no longer be cancelled")
    released = await stock_store.close_reservations(tx, [order_id], "released")
    said = OrderCancelled(
        order_id=order_id, member_id=row.member_id, merchant_id=row.merchant_id, reason=because.reason
    )
    tx.publish(said, *shelf_news(released), cause=row.cause)
    await record(tx, who, _cancelled_on_record(row, because.reason))
    return {"order_id": order_id, "state": "cancelled"}


async def _advance(tx: Tx, who: Who, rows: Sequence[OrderRow], step: Step) -> None:
    for row in rows:
        allowed = next_step(row.state, row.mode)
        if step != allowed:
            expected = f"the next step is {allowed}" if allowed else "it has ended"
            raise Problem(409, "wrong_step", f"order {row.order_id!r} is {row.state}: {expected}, not {step}")
    order_ids = [row.order_id for row in rows]
    await order_store.advance(tx, order_ids, step)
    if step == "fulfilled":
        tx.publish(*shelf_news(await stock_store.close_reservations(tx, order_ids, "shipped")))
    for row in rows:
        tx.publish(_stepped(row, step), cause=row.cause)
    if who.is_staff:
        await record(tx, who, *_steps_on_record(rows, step))


def _stepped(row: OrderRow, step: Step) -> Event:
    if step != "fulfilled":
        return OrderAdvanced(order_id=row.order_id, location_id=row.location_id, step=step)
    return OrderFulfilled(
        order_id=row.order_id,
        member_id=row.member_id,
        merchant_id=row.merchant_id,
        post_id=row.post_id,
        program_id=row.program_id,
        location_id=row.location_id,
        location_kind=row.location_kind,
        amount=Money(amount_minor=row.amount_minor, currency=row.currency),
    )


def _steps_on_record(rows: Iterable[OrderRow], step: Step) -> Iterator[Change]:
    """Orders that went a step on."""
    for row in rows:
        yield Change("order.step", f"order:{row.order_id}", None, {"state": row.state}, {"state": step})


def _cancelled_on_record(row: OrderRow, reason: str) -> Change:
    """An order that its location does not fulfil."""
    return Change("order.cancel", f"order:{row.order_id}", reason, {"state": row.state}, {"state": "cancelled"})
