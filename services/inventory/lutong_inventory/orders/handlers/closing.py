"""A location does not deliver in some of its slots after all: their members are asked, and not surprised."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from lutong_chassis import Tx
from lutong_chassis.settings import settings_of
from lutong_contracts.inventory import SlotAnswerLapsed, SlotWithdrawn
from lutong_inventory.orders.domain.steps import CANCELLABLE
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots.domain.slots import Slot, is_within
from lutong_inventory.slots.places import released
from lutong_inventory.slots.store import places as hold_store
from lutong_inventory.slots.store import slots as store
from lutong_inventory.slots.store.places import Settled


class BookedOrder(NamedTuple):
    """An order, and the slot that is booked for it."""

    row: OrderRow
    slot: Slot


@dataclass(frozen=True, slots=True)
class Closed:
    """The slots that were withdrawn, and the orders whose members are asked."""

    slots: list[Slot]
    asked: list[OrderRow]


async def withdraw(tx: Tx, location_key: str, starts_at: datetime, ends_at: datetime | None, reason: str) -> Closed:
    """Offer the slots between two moments no more. Places that were only held are free; members of orders are asked.

    An order keeps its place until its member has taken another one, or has not answered by the deadline.
    """
    last = (ends_at or starts_at + timedelta(days=400)) + timedelta(days=1)
    days = (starts_at.date() - timedelta(days=3), last.date())
    reach_m = settings_of(InventorySettings).delivery_reach_m
    of_location = await store.lock_slots_of(tx, location_key, days, reach_m)
    slots = {
        each.slot_id: each for each in of_location if not each.withdrawn_for and is_within(each, starts_at, ends_at)
    }
    await store.withdraw_slots(tx, list(slots), reason)
    taken = await hold_store.holds_on(tx, list(slots))
    held = [hold for hold in taken if hold.state == "held"]
    await hold_store.settle(tx, [Settled(h.hold_id, h.slot_id, "held", "released", None, reason) for h in held])
    tx.publish(*(released(slots[h.slot_id], h.hold_id, reason) for h in held))
    booked = {str(hold.order_id): hold for hold in taken if hold.state == "booked"}
    rows = [row for row in await order_store.orders(tx, list(booked)) if row.state in CANCELLABLE]
    _ask(tx, (BookedOrder(row, slots[booked[row.order_id].slot_id]) for row in rows), reason)
    return Closed(list(slots.values()), rows)


def _ask(tx: Tx, asked: Iterable[BookedOrder], reason: str) -> None:
    """Ask the members of orders, each on the journey that brought the order."""
    answer_by = tx.now + timedelta(seconds=settings_of(InventorySettings).slot_answer_s)
    for row, slot in asked:
        by = max(tx.now, min(answer_by, slot.window.starts_at))
        withdrawn = SlotWithdrawn(
            order_id=row.order_id,
            member_id=row.member_id,
            merchant_id=row.merchant_id,
            location_id=slot.location_id,
            window=slot.window,
            reason=reason,
            answer_by=by,
        )
        tx.publish(withdrawn, cause=row.cause)
        tx.publish(SlotAnswerLapsed(order_id=row.order_id, slot_id=slot.slot_id), cause=row.cause, due_at=by)
