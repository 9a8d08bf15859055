"""What store staff does with orders, in batches: two commands on one order are decided one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Tx
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.inventory import (
    FulfilmentLapsed,
    LocationDeclined,
    OrderAdvanced,
    PickupLapsed,
    PickupReminderDue,
)
from lutong_inventory.bodies import refused
from lutong_inventory.orders.domain.outcome import cancelled, fulfilled
from lutong_inventory.orders.domain.steps import (
    LEAVES_WITH,
    CancelOrder,
    DeclineOrder,
    Step,
    TakeStep,
    TakeSteps,
    why_no_step,
    why_not_ordered,
    why_not_there,
    why_too_late,
)
from lutong_inventory.orders.handlers import parts
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots import places
from lutong_inventory.stock.store.reservations import close_reservations

handlers = Handlers()


class Taken(NamedTuple):
    """A step with an order as it was before, and who asked for it."""

    row: OrderRow
    step: Step
    asked: Asked[Any]


@handlers.on(TakeStep)
async def take_step(batch: Sequence[Asked[TakeStep]], tx: Tx) -> list[Answer | Problem]:
    """Take the next step with orders, one by one."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    answers, taken = list[Answer | Problem](), list[Taken]()
    for asked in batch:
        order_id, step, location_id = asked.command
        row = theirs(orders, asked.who, order_id)
        refusal = row if isinstance(row, Refusal) else why_not_there(row, location_id)
        steps = refusal or advance(orders, asked, [order_id], step)
        if isinstance(steps, Refusal):
            answers.append(refused(steps))
            continue
        taken += steps
        answers.append(stepped(tx, asked, steps, {"order_id": order_id, "state": step}))
    await save_steps(tx, taken)
    return answers


@handlers.on(TakeSteps)
async def take_steps(batch: Sequence[Asked[TakeSteps]], tx: Tx) -> list[Answer | Problem]:
    """Take a step with many orders; for each command, all or none."""
    orders = await order_store.lock_orders(tx, (order_id for asked in batch for order_id in asked.command.order_ids))
    answers, taken = list[Answer | Problem](), list[Taken]()
    for asked in batch:
        steps = advance(orders, asked, asked.command.order_ids, asked.command.step)
        if isinstance(steps, Refusal):
            answers.append(refused(steps))
            continue
        taken += steps
        answers.append(stepped(tx, asked, steps, {"advanced": len(steps)}))
    await save_steps(tx, taken)
    return answers


@handlers.on(CancelOrder)
async def cancel_orders(batch: Sequence[Asked[CancelOrder]], tx: Tx) -> list[Answer | Problem]:
    """Cancel orders that have not left their locations; what was reserved goes back to the shelf."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    answers, ended = list[Answer | Problem](), dict[str, Asked[CancelOrder]]()
    for asked in batch:
        order_id, reason = asked.command
        row = theirs(orders, asked.who, order_id)
        if isinstance(row, Refusal):
            answers.append(refused(row))
            continue
        if refusal := why_too_late(row, "cancelled"):
            answers.append(refused(refusal))
            continue
        orders[order_id] = row._replace(state="cancelled", reason=reason)
        ended[order_id] = asked
        answers.append(_cancelled(tx, asked, row))
    await order_store.move_orders(tx, [orders[order_id] for order_id in ended])
    reasons = {order_id: asked.command.reason for order_id, asked in ended.items()}
    freed = await places.release_booked(tx, reasons)
    news = await close_reservations(tx, list(ended), "released", reasons)
    tx.outgoing += [ended[order_id].causes(event) for order_id, event in freed.items()]
    tx.outgoing += [list(ended.values())[-1].causes(event) for event in news]
    tx.outgoing += await parts.ends(tx, [orders[order_id] for order_id in ended])
    return answers


@handlers.on(DeclineOrder)
async def decline_orders(batch: Sequence[Asked[DeclineOrder]], tx: Tx) -> list[Answer | Problem]:
    """Locations cannot serve orders: others get them when that is consumed."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    answers: list[Answer | Problem] = []
    for asked in batch:
        row = theirs(orders, asked.who, asked.command.order_id)
        if isinstance(row, Refusal):
            answers.append(refused(row))
        elif (refusal := why_not_there(row, asked.command.location_id) or why_too_late(row, "declined")) or (
            refusal := why_not_ordered(row, asked.command.skus, {line.sku for line in row.order_lines})
        ):
            answers.append(refused(refusal))
        else:
            answers.append(_declined(asked, row))
    return answers


def theirs(orders: dict[str, OrderRow], who: Principal, order_id: str) -> OrderRow | Refusal:
    """An order of a batch; one of another merchant is as absent as none."""
    row = orders.get(order_id)
    if row is None or not who.acts_for(merchant=row.merchant_id):
        return Refusal("not_found", f"there is no order {order_id!r}")
    return row


def advance(
    orders: dict[str, OrderRow], asked: Asked[Any], order_ids: Iterable[str], step: Step, *, by_code: bool = False
) -> list[Taken] | Refusal:
    """Take a step with orders of a batch, in memory: all or none. Only operators can do without a code, and are on record."""
    rows: dict[str, OrderRow] = {}
    for order_id in order_ids:
        row = theirs(orders, asked.who, order_id)
        if isinstance(row, Refusal):
            return row
        rows[order_id] = row
    ordered = [row for _, row in sorted(rows.items())]
    if refusal := why_no_step(ordered, step, needs_code=not by_code and not asked.who.is_staff):
        return refusal
    orders.update({row.order_id: row._replace(state=step) for row in ordered})
    return [Taken(row, step, asked) for row in ordered]


def stepped(tx: Tx, asked: Asked[Any], taken: Sequence[Taken], body: dict[str, Any]) -> Answer:
    """The answer to steps that were taken, with what is recorded of them; what is published of them waits for `save_steps`."""
    tx.outgoing += [
        event for each in taken for event in (asked.causes(_event(each), each.row.cause), *_deadline(tx, each))
    ]
    changes = [
        Change("order.step", f"order:{each.row.order_id}", None, {"state": each.row.state}, {"state": each.step})
        for each in taken
    ]
    return Answer(body, (), changes if asked.who.is_staff else ())


async def save_steps(tx: Tx, taken: Sequence[Taken]) -> None:
    """Write how far orders are; what leaves with its step leaves the shelf. With its last part an order ends."""
    if not taken:
        return
    await order_store.advance(tx, {each.row.order_id: each.step for each in taken})
    leaving = [each for each in taken if each.step == LEAVES_WITH[each.row.mode]]
    if leaving:
        news = await close_reservations(tx, [each.row.order_id for each in leaving], "shipped")
        tx.outgoing += [leaving[-1].asked.causes(event) for event in news]
    tx.outgoing += await parts.ends(tx, [each.row for each in taken if each.step == "fulfilled"])


def _deadline(tx: Tx, taken: Taken) -> Iterator[Outgoing]:
    """Nothing waits for ever: neither for a store that accepted, nor for a member who does not come."""
    row, step, _ = taken
    settings = settings_of(InventorySettings)
    if step == "accepted" and row.location_id:
        lapsed = FulfilmentLapsed(**row.names, location_id=row.location_id)
        begins_at = max(tx.now, row.window.ends_at) if row.window else tx.now
        yield Outgoing(lapsed, row.cause, begins_at + timedelta(seconds=settings.fulfilment_window_s))
    if step == "ready_for_pickup":
        due_at = tx.now + timedelta(seconds=settings.pickup_window_s)
        yield Outgoing(PickupLapsed(order_id=row.order_id), row.cause, due_at)
        remind_at = due_at - timedelta(seconds=settings.pickup_reminder_s)
        if remind_at > tx.now:
            yield Outgoing(PickupReminderDue(order_id=row.order_id, pick_up_by=due_at), row.cause, remind_at)


def _event(taken: Taken) -> Event:
    row, step, _ = taken
    if step != "fulfilled":
        return OrderAdvanced(**row.names, location_id=row.location_id, step=step)
    return fulfilled(row)


def _cancelled(tx: Tx, asked: Asked[CancelOrder], row: OrderRow) -> Answer:
    order_id, reason = asked.command
    tx.outgoing.append(asked.causes(cancelled(row, reason), row.cause))
    change = Change("order.cancel", f"order:{order_id}", reason, {"state": row.state}, {"state": "cancelled"})
    return Answer({"order_id": order_id, "state": "cancelled"}, (), [change])


def _declined(asked: Asked[DeclineOrder], row: OrderRow) -> Answer:
    order_id, location_id, reason, skus = asked.command
    event = LocationDeclined(
        **row.names, merchant_id=row.merchant_id, location_id=location_id, reason=reason, skus=skus
    )
    change = Change("order.decline", f"order:{order_id}", reason, {"state": row.state}, {"state": "declined"})
    record = [change] if asked.who.is_staff else []
    return Answer({"order_id": order_id, "state": row.state}, [asked.causes(event, row.cause)], record)
