"""Orders in slots move to other slots of their location."""

from collections.abc import Sequence

from lutong_chassis import Answer, Asked, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_inventory.orders.domain.steps import CANCELLABLE
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.refusal import Refusal
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.commands import RebookOrder
from lutong_inventory.slots.domain.slots import Booking, Slot, SlotHold
from lutong_inventory.slots.places import booked, lock_places, released
from lutong_inventory.slots.store import places as hold_store
from lutong_inventory.slots.store.places import Settled

handlers = Handlers()


@handlers.on(RebookOrder)
async def rebook_orders(batch: Sequence[Asked[RebookOrder]], tx: Tx) -> list[Answer | Problem]:
    """Members take another slot of the location that has their order: because theirs was withdrawn, or they like."""
    return [await _rebook(asked, tx) for asked in batch]


async def _rebook(asked: Asked[RebookOrder], tx: Tx) -> Answer | Problem:
    """One order: this is rare, and each moves two places."""
    order_id, hold_id, member_id = asked.command
    row = (await order_store.lock_orders(tx, [order_id])).get(order_id)
    if row is None or row.member_id != member_id:
        return Problem(404, "not_found", f"there is no order {order_id!r}")
    before = (await hold_store.booked_for(tx, [order_id])).get(order_id)
    if before is None or row.state not in CANCELLABLE or row.destination is None:
        return Problem(409, "not_in_a_slot", f"order {order_id!r} is {row.state}: only one in a slot takes another one")
    slots, holds = await lock_places(tx, [hold_id, before.hold_id])
    hold = holds.get(hold_id)
    slot = slots.get(hold.slot_id) if hold else None
    booking = Booking(order_id, member_id, row.merchant_id, row.mode, row.destination)
    refusal = domain.assign(hold, slot, booking, tx.now)
    if refusal or hold is None or slot is None:
        refusal = refusal or Refusal("slot_unknown", "no place is held under this id")
        return Problem(409, refusal.kind, refusal.detail)
    if slot.ground.location_key != row.location_key:
        detail = f"the goods are at location {row.location_id!r}: hold a place in a slot of it"
        return Problem(409, "other_location", detail)
    await hold_store.settle(tx, [Settled(before.hold_id, before.slot_id, "booked", "released", order_id, "rebooked")])
    await hold_store.settle(tx, [Settled(hold_id, slot.slot_id, "held", "booked", order_id)])
    await order_store.set_window(tx, order_id, slot.window)
    return _rebooked(asked, row, slots[before.slot_id], slot, (before, hold))


def _rebooked(
    asked: Asked[RebookOrder], row: OrderRow, left: Slot, taken: Slot, holds: tuple[SlotHold, SlotHold]
) -> Answer:
    before, hold = holds
    events = [
        asked.causes(released(left, before.hold_id, "rebooked", row.order_id), row.cause),
        asked.causes(booked(taken, hold, row.order_id), row.cause),
    ]
    record = [Change("slot.rebook", f"order:{row.order_id}")] if asked.who.is_staff else []
    body = {"order_id": row.order_id, "slot_id": taken.slot_id} | taken.window.model_dump()
    return Answer(body, events, record)
