"""Slots as members have them: which there are, and the places that they hold."""

from typing import Annotated, Final

from fastapi import Query, Response

from lutong_chassis import Ask, Read, Who, allowed, audited
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Identifier, Place
from lutong_inventory.bodies import router
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots.domain.commands import HoldSlot, ReleaseHold
from lutong_inventory.slots.domain.sentences import offered
from lutong_inventory.slots.http.bodies import (
    HoldBody,
    HoldView,
    NearbyQuery,
    OfferedSlotView,
    ReleaseBody,
    ReleasedView,
    WhySlotView,
)
from lutong_inventory.slots.store import slots as store
from lutong_inventory.slots.store.slots import Nearby

LOCATIONS_MAX: Final = 20
"""Stores whose slots are looked up, the nearest ones: a member wants a time, not a list of a city."""


@router.get("/v1/slots")
@allowed("merchant", "member", "viewer")
async def find_slots(wanted: Annotated[NearbyQuery, Query()], read: Read) -> list[OfferedSlotView]:
    """The slots that deliver to a place, by time; those that take no order have a reason. Slots for other places are left out."""
    place = Place(latitude=wanted.latitude, longitude=wanted.longitude).coarse()
    reach_m = settings_of(InventorySettings).delivery_reach_m
    nearby = Nearby(wanted.merchant_id, place, wanted.day, wanted.until)
    now, slots = await store.slots_near(read, nearby, LOCATIONS_MAX, reach_m)
    views = []
    for slot in slots:
        reason, why = offered(slot, place, now)
        if slot.ground.serves(place):
            view = OfferedSlotView(
                slot_id=slot.slot_id, location_id=slot.location_id, **slot.window.model_dump(),
                cut_off_at=slot.cut_off_at, left=max(0, slot.left), reason=reason, why=WhySlotView(en=why.en, zh=why.zh),
            )  # fmt: skip
            views.append(view)
    return views


@router.post("/v1/slots/{slot_id}/holds", status_code=201, response_model=HoldView)
@allowed("member", "operator")
@audited("slot.hold", own="member")
async def hold_slot(slot_id: Identifier, body: HoldBody, who: Who, ask: Ask) -> Response:
    """Hold a place in a slot for a while, before ordering: name its `hold_id` in the request for the service."""
    who.require(member=body.member_id, hide=("member", body.member_id))
    return await ask(HoldSlot(slot_id, body.member_id, body.destination.coarse()))


@router.post("/v1/slot-holds/{hold_id}/release", response_model=ReleasedView)
@allowed("member", "operator")
@audited("slot.release", own="member")
async def release_hold(hold_id: Identifier, body: ReleaseBody, who: Who, ask: Ask) -> Response:
    """Give back a place that is held. One that is an order's goes back with the order."""
    who.require(member=body.member_id, hide=("member", body.member_id))
    return await ask(ReleaseHold(hold_id, body.member_id))
