"""What becomes of places in slots: held before credit is asked for, released in time, changed for others."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_chassis.settings import settings_of
from lutong_contracts.inventory import SlotHeld, SlotHoldLapsed
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.commands import HoldSlot, ReleaseHold
from lutong_inventory.slots.domain.slots import Slot, SlotHold
from lutong_inventory.slots.places import lock_places, released
from lutong_inventory.slots.store import places as hold_store
from lutong_inventory.slots.store.places import Settled

handlers = Handlers()


@handlers.on(HoldSlot)
async def hold_slots(batch: Sequence[Asked[HoldSlot]], tx: Tx) -> list[Answer | Problem]:
    """Members hold places in slots: those who come first, until all are taken."""
    settings = settings_of(InventorySettings)
    held = await hold_store.held_by(tx, sorted({asked.command.member_id for asked in batch}), tx.now)
    slots = await hold_store.lock_slots(tx, (asked.command.slot_id for asked in batch), settings.delivery_reach_m)
    answers: list[Answer | Problem] = []
    given: list[SlotHold] = []
    for asked in batch:
        slot_id, member_id, destination = asked.command
        slot = slots.get(slot_id)
        if slot is None:
            answers.append(Problem(404, "not_found", f"there is no slot {slot_id!r}"))
            continue
        refusal = domain.hold(slot, destination, held[member_id], settings.slot_holds_max, tx.now)
        refusal = refusal or domain.too_early(slot, tx.now, settings.slot_days_ahead)
        if refusal:
            answers.append(_refused(refusal))
            continue
        expires_at = domain.expires_at(slot, tx.now, timedelta(seconds=settings.slot_hold_s))
        hold = SlotHold(asked.new_id(), slot_id, member_id, "held", expires_at)
        slots[slot_id] = replace(slot, held=slot.held + 1)
        held[member_id] += 1
        given.append(hold)
        answers.append(_held(asked, slot, hold))
    await hold_store.save_holds(tx, given)
    return answers


@handlers.on(ReleaseHold)
async def release_holds(batch: Sequence[Asked[ReleaseHold]], tx: Tx) -> list[Answer | Problem]:
    """Members do not want places after all."""
    slots, holds = await lock_places(tx, (asked.command.hold_id for asked in batch))
    answers: list[Answer | Problem] = []
    settled: list[Settled] = []
    for asked in batch:
        hold = holds.get(asked.command.hold_id)
        if hold is None or hold.member_id != asked.command.member_id:
            answers.append(Problem(404, "not_found", f"there is no hold {asked.command.hold_id!r}"))
        elif hold.state == "booked":
            detail = f"the place is order {hold.order_id!r}'s: cancel that, or have it in another slot"
            answers.append(Problem(409, "slot_taken", detail))
        elif hold.state == "released":
            answers.append(Answer({"hold_id": hold.hold_id, "state": "released"}, changed=False))
        else:
            settled.append(Settled(hold.hold_id, hold.slot_id, "held", "released", None, "given_back"))
            holds[hold.hold_id] = hold._replace(state="released")
            event = asked.causes(released(slots[hold.slot_id], hold.hold_id, "given_back"))
            record = [Change("slot.release", f"slot:{hold.slot_id}")] if asked.who.is_staff else []
            answers.append(Answer({"hold_id": hold.hold_id, "state": "released"}, [event], record))
    await hold_store.settle(tx, settled)
    return answers


@handlers.on(SlotHoldLapsed)
async def release_lapsed_holds(batch: Sequence[Received[SlotHoldLapsed]], tx: Tx) -> list[Outgoing]:
    """Members had their time to order: what they did not book is free again. A place that was booked stays so."""
    causes = {received.event.hold_id: received for received in batch}
    slots, holds = await lock_places(tx, causes)
    lapsed = [hold for hold in holds.values() if hold.state == "held" and hold.expires_at <= tx.now]
    await hold_store.settle(tx, [Settled(h.hold_id, h.slot_id, "held", "released", None, "expired") for h in lapsed])
    return [causes[h.hold_id].causes(released(slots[h.slot_id], h.hold_id, "expired")) for h in lapsed]


def _held(asked: Asked[HoldSlot], slot: Slot, hold: SlotHold) -> Answer:
    event = SlotHeld(
        slot_id=slot.slot_id,
        hold_id=hold.hold_id,
        merchant_id=slot.ground.merchant_id,
        location_id=slot.location_id,
        expires_at=hold.expires_at,
    )
    lapse = Outgoing(SlotHoldLapsed(slot_id=slot.slot_id, hold_id=hold.hold_id), asked.cause, hold.expires_at)
    record = [Change("slot.hold", f"slot:{slot.slot_id}")] if asked.who.is_staff else []
    body = {"hold_id": hold.hold_id, "slot_id": slot.slot_id, "location_id": slot.location_id}
    return Answer(
        body | slot.window.model_dump() | {"expires_at": hold.expires_at}, [asked.causes(event), lapse], record
    )


def _refused(refusal: Refusal) -> Problem:
    return Problem(409, refusal.kind, refusal.detail)
