"""Places in slots and the orders that have them: booked when credit is held, released when the order ends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lutong_chassis import Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.inventory import SlotBooked, SlotReleased
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.slots import Booking, HoldState, Slot, SlotHold
from lutong_inventory.slots.store import places as hold_store
from lutong_inventory.slots.store.places import Settled


class TakenPlace(NamedTuple):
    """A place in a slot that an order gets."""

    slot: Slot
    hold: SlotHold


@dataclass(frozen=True, slots=True)
class Fitting:
    """Which orders get the places that were held for them, by order, and why the others do not."""

    places: dict[str, TakenPlace] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)


async def lock_places(tx: Tx, hold_ids: Iterable[str]) -> tuple[dict[str, Slot], dict[str, SlotHold]]:
    """Slots and holds, locked: the slots first, in key order."""
    wanted = list(hold_ids)
    slot_ids = (await hold_store.slots_held(tx, wanted)).values()
    slots = await hold_store.lock_slots(tx, slot_ids, settings_of(InventorySettings).delivery_reach_m)
    return slots, await hold_store.lock_holds(tx, wanted)


async def fit(tx: Tx, bookings: Mapping[str, Sequence[Booking]]) -> Fitting:
    """Which orders get their places; of several that come with one hold, the first. Nothing is written yet."""
    found = Fitting()
    if not bookings:
        return found
    slots, holds = await lock_places(tx, bookings)
    for hold_id, orders in bookings.items():
        hold = holds.get(hold_id)
        slot = slots.get(hold.slot_id) if hold else None
        for order in orders:
            refusal = domain.assign(hold, slot, order, tx.now)
            if refusal or not hold or not slot:
                found.refusals[order.order_id] = refusal or Refusal("slot_unknown", "no place is held under this id")
                continue
            found.places[order.order_id] = TakenPlace(slot, hold)
            hold = hold._replace(state="booked")
    return found


async def settle(tx: Tx, places: Mapping[str, TakenPlace], ends: Mapping[str, str | None]) -> dict[str, Event]:
    """Book the places of orders that are served, and release those of orders that ended for a reason (`ends`, by order)."""
    decided = {order_id: places[order_id] for order_id in ends if order_id in places}
    settled, events = [], dict[str, Event]()
    for order_id, (slot, hold) in decided.items():
        reason = ends[order_id]
        after: HoldState = "released" if reason else "booked"
        settled.append(Settled(hold.hold_id, slot.slot_id, "held", after, order_id, reason))
        events[order_id] = released(slot, hold.hold_id, reason, order_id) if reason else booked(slot, hold, order_id)
    await hold_store.settle(tx, settled)
    return events


async def release_booked(tx: Tx, reasons: Mapping[str, str]) -> dict[str, Event]:
    """Release the places of orders that ended, once; returns the events, by order. `reasons` is by order."""
    known = await hold_store.booked_for(tx, reasons)
    if not known:
        return {}
    slots, holds = await lock_places(tx, [hold.hold_id for hold in known.values()])
    open_holds = [hold for hold in holds.values() if hold.state == "booked" and hold.order_id in reasons]
    settled = [
        Settled(hold.hold_id, hold.slot_id, "booked", "released", hold.order_id, reasons[str(hold.order_id)])
        for hold in open_holds
    ]
    await hold_store.settle(tx, settled)
    return {
        str(hold.order_id): released(slots[hold.slot_id], hold.hold_id, reasons[str(hold.order_id)], hold.order_id)
        for hold in open_holds
    }


async def withdrawn(tx: Tx, slots: Mapping[str, str]) -> list[str]:
    """Which orders still have their place in a slot that was withdrawn; `slots` is by order."""
    known = await hold_store.booked_for(tx, slots)
    found = await hold_store.lock_slots(tx, slots.values(), settings_of(InventorySettings).delivery_reach_m)
    return [
        order_id
        for order_id, slot_id in slots.items()
        if order_id in known and known[order_id].slot_id == slot_id and found[slot_id].withdrawn_for is not None
    ]


def booked(slot: Slot, hold: SlotHold, order_id: str) -> SlotBooked:
    """A place is an order's."""
    return SlotBooked(
        slot_id=slot.slot_id,
        hold_id=hold.hold_id,
        merchant_id=slot.ground.merchant_id,
        location_id=slot.location_id,
        order_id=order_id,
    )


def released(slot: Slot, hold_id: str, reason: str, order_id: str | None = None) -> SlotReleased:
    """A place is free again."""
    return SlotReleased(
        slot_id=slot.slot_id,
        hold_id=hold_id,
        merchant_id=slot.ground.merchant_id,
        location_id=slot.location_id,
        order_id=order_id,
        reason=reason,
    )
