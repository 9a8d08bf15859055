"""What the commands on orders have in common."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from lutong_chassis import Problem, Tx, Who, not_found
from lutong_chassis.audit import Change, record
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.inventory import FulfilmentLapsed, OrderAdvanced, OrderFulfilled, PickupLapsed
from lutong_contracts.values import Money
from lutong_inventory.orders.domain.steps import LEAVES_WITH, Step, next_step
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.settings import InventorySettings
from lutong_inventory.stock.store.reservations import close_reservations


async def lock_orders(tx: Tx, who: Who, order_ids: Iterable[str]) -> dict[str, OrderRow]:
    """Orders, locked; refuse those that do not exist or belong to another merchant."""
    rows = await order_store.lock_orders(tx, order_ids)
    for order_id in order_ids:
        row = rows.get(order_id) or not_found("order", order_id)
        who.require(merchant=row.merchant_id, hide=("order", order_id))
    return rows


async def lock_order(tx: Tx, who: Who, order_id: str) -> OrderRow:
    """An order, locked; 404 when it does not exist or belongs to another merchant."""
    return (await lock_orders(tx, who, [order_id]))[order_id]


async def advance(tx: Tx, who: Who, rows: Sequence[OrderRow], step: Step) -> None:
    """Take the next step with locked orders, and publish it; 409 when it is not the next one."""
    for row in rows:
        allowed = next_step(row.state, row.mode)
        if step != allowed:
            expected = f"the next step is {allowed}" if allowed else "it has ended"
            raise Problem(409, "wrong_step", f"order {row.order_id!r} is {row.state}: {expected}, not {step}")
    order_ids = [row.order_id for row in rows]
    await order_store.advance(tx, order_ids, step)
    leaving = [row.order_id for row in rows if step == LEAVES_WITH[row.mode]]
    tx.publish(*await close_reservations(tx, leaving, "shipped"))
    for row in rows:
        tx.publish(_stepped(row, step), cause=row.cause)
        _set_deadline(tx, row, step)
    if who.is_staff:
        await record(tx, who, *_steps_on_record(rows, step))


def _set_deadline(tx: Tx, row: OrderRow, step: Step) -> None:
    """Nothing waits for ever: neither for a store that accepted, nor for a member who does not come."""
    settings = settings_of(InventorySettings)
    if step == "accepted" and row.location_id:
        starts_at = row.window.ends_at if row.window else tx.now
        due_at = max(starts_at, tx.now) + timedelta(seconds=settings.fulfilment_window_s)
        lapsed = FulfilmentLapsed(order_id=row.order_id, location_id=row.location_id)
        tx.publish(lapsed, cause=row.cause, due_at=due_at)
    if step == "ready_for_pickup":
        due_at = tx.now + timedelta(seconds=settings.pickup_window_s)
        tx.publish(PickupLapsed(order_id=row.order_id), cause=row.cause, due_at=due_at)


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
