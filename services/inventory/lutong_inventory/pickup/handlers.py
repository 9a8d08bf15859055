"""Codes for picking orders up, orders that are handed over for them, and members who are reminded to come, in batches."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_chassis.settings import settings_of
from lutong_contracts.inventory import PickupReminded, PickupReminderDue
from lutong_inventory.bodies import refused
from lutong_inventory.orders.domain.steps import why_not_there
from lutong_inventory.orders.handlers.steps import Taken, advance, stepped, theirs
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.pickup import store
from lutong_inventory.pickup.domain import CheckedCode, CollectOrder, IssueCode, PickupCode, made, shown
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings
from lutong_inventory.stock.store.reservations import close_reservations

handlers = Handlers()


class CodeView(BaseModel):
    """A code, which is shown this once. It works once, until `expires_at`; the person who shows it gets the goods."""

    code: str
    expires_at: datetime


@handlers.on(IssueCode)
async def issue_codes(batch: Sequence[Asked[IssueCode]], tx: Tx) -> list[Answer | Problem]:
    """Members get codes for their orders that are ready. A new one replaces the one before."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    codes = await store.codes_of(tx, orders)
    expires_at = tx.now + timedelta(seconds=settings_of(InventorySettings).pickup_window_s)
    answers, issued = list[Answer | Problem](), dict[str, PickupCode]()
    for asked in batch:
        order_id, randomness = asked.command
        refusal = _why_no_code(orders.get(order_id), asked)
        fresh = refusal or made(codes.get(order_id), order_id, randomness, expires_at)
        if isinstance(fresh, Refusal):
            answers.append(refused(fresh))
            continue
        codes[order_id] = issued[order_id] = fresh.kept
        answers.append(Answer(CodeView(code=fresh.text, expires_at=fresh.kept.expires_at)))
    await store.save_codes(tx, issued.values())
    return answers


@handlers.on(PickupReminderDue)
async def remind_members(batch: Sequence[Received[PickupReminderDue]], tx: Tx) -> list[Outgoing]:
    """Members whose orders still wait for them are reminded."""
    causes = {received.event.order_id: received for received in batch}
    rows = await order_store.orders(tx, sorted(causes))
    return [
        causes[row.order_id].causes(
            PickupReminded(
                order_id=row.order_id,
                member_id=row.member_id,
                merchant_id=row.merchant_id,
                location_id=row.location_id,
                pick_up_by=causes[row.order_id].event.pick_up_by,
            )
        )
        for row in rows
        if row.state == "ready_for_pickup" and row.location_id
    ]


def _why_no_code(row: OrderRow | None, asked: Asked[IssueCode]) -> Refusal | None:
    order_id = asked.command.order_id
    if row is None or not asked.who.acts_for(member=row.member_id):
        return Refusal("not_found", f"there is no order {order_id!r}")
    if row.state != "ready_for_pickup":
        detail = f"order {order_id!r} is {row.state}: there is a code once it is ready for pickup"
        return Refusal("not_ready", detail)
    return None


@handlers.on(CollectOrder)
async def collect_orders(batch: Sequence[Asked[CollectOrder]], tx: Tx) -> list[Answer | Problem]:
    """Hand orders over to the persons who show their codes. A wrong code is refused and counted: ten of them lock it."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    codes = await store.codes_of(tx, orders)
    answers, taken, changed = list[Answer | Problem](), list[Taken](), dict[str, PickupCode]()
    for asked in batch:
        order_id = asked.command.order_id
        refusal = _why_not_here(orders, asked)
        if refusal:
            answers.append(refused(refusal))
            continue
        checked = shown(codes.get(order_id), asked.command.code, tx.now)
        if checked.kept:
            codes[order_id] = changed[order_id] = checked.kept
        steps = checked.refusal or advance(orders, asked, [order_id], "fulfilled", by_code=True)
        if isinstance(steps, Refusal):
            answers.append(_not_handed_over(asked, checked, steps))
            continue
        taken += steps
        answers.append(stepped(tx, asked, steps, {"order_id": order_id, "state": "fulfilled"}))
    await store.save_codes(tx, changed.values())
    if taken:
        await order_store.advance(tx, {each.row.order_id: each.step for each in taken})
        news = await close_reservations(tx, [each.row.order_id for each in taken], "shipped")
        tx.outgoing += [taken[-1].asked.causes(event) for event in news]
    return answers


def _why_not_here(orders: dict[str, OrderRow], asked: Asked[CollectOrder]) -> Refusal | None:
    order_id, location_id, _ = asked.command
    row = theirs(orders, asked.who, order_id)
    if isinstance(row, Refusal):
        return row
    if refusal := why_not_there(row, location_id):
        return refusal
    if row.state != "ready_for_pickup":
        return Refusal("wrong_step", f"order {order_id!r} is {row.state}: it is not there to be picked up")
    return None


def _not_handed_over(asked: Asked[CollectOrder], checked: CheckedCode, refusal: Refusal) -> Answer:
    """A refusal that has an effect: the guess is counted, and staff is on record."""
    change = Change("order.refuse_code", f"order:{asked.command.order_id}", None, None, {"state": "ready_for_pickup"})
    record = [change] if asked.who.is_staff else []
    return Answer(None, (), record, changed=checked.kept is not None, refusal=refused(refusal))
