"""Slots as merchants have them: areas, times and capacities; and what is withdrawn of them."""

from typing import Annotated

from fastapi import Query

from lutong_chassis import Problem, Tx, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Day, Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain.location import Location
from lutong_inventory.locations.domain.places import to_wgs84
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.slots import Ground, Slot
from lutong_inventory.slots.http.bodies import AreaBody, SlotBody, SlotsBody, SlotView
from lutong_inventory.slots.store import slots as store
from lutong_inventory.slots.store.slots import KeptSlot


@router.put("/v1/locations/{location_id}/areas/{area}")
@allowed("merchant", "operator")
@audited("area.put", own="merchant", shows=("corners",))
async def put_area(
    location_id: Identifier, area: Identifier, body: AreaBody, who: Who, tx: TxDependency, owner: Owner = None
) -> dict[str, int | str]:
    """Set where a location delivers by slots. Orders that are booked stay so."""
    location = await find_location(tx, who, location_id, owner)
    corners = domain.area(
        [to_wgs84(each.latitude, each.longitude, body.datum or location.datum) for each in body.corners]
    )
    if isinstance(corners, Refusal):
        raise Problem(422, corners.kind, corners.detail)
    await store.save_area(tx, location.key, area, corners)
    if who.is_staff:
        await record(tx, who, Change("area.put", f"location:{location_id}", None, None, {"corners": len(corners)}))
    return {"area": area, "corners": len(corners)}


@router.post("/v1/locations/{location_id}/slots", status_code=201)
@allowed("merchant", "operator")
@audited("slot.put", own="merchant", shows=("slots",))
async def put_slots(
    location_id: Identifier, body: SlotsBody, who: Who, tx: TxDependency, owner: Owner = None
) -> dict[str, int]:
    """Open slots or change them, on the clock of the location; all or none. One of the same start and area is the same."""
    location = await find_location(tx, who, location_id, owner, lock=True)  # none is opened while it closes for good
    slots = await _decide(tx, location, body.slots)
    await store.save_slots(tx, [_kept(each) for each in slots])
    if who.is_staff:
        await record(tx, who, Change("slot.put", f"location:{location_id}", None, None, {"slots": len(slots)}))
    return {"slots": len(slots)}


@router.get("/v1/locations/{location_id}/slots")
@allowed("merchant", "operator")
async def list_slots(
    location_id: Identifier,
    day: Annotated[Day, Query(description="the first day, on the clock of the location")],
    who: Who,
    tx: TxDependency,
    owner: Owner = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[SlotView]:
    """The slots of a location from a day on, and how many of their places are taken."""
    location = await find_location(tx, who, location_id, owner)
    found = await store.slots_of(tx, location.key, day, limit, settings_of(InventorySettings).delivery_reach_m)
    return [_view(slot) for slot in found]


async def _decide(tx: Tx, location: Location, wanted: list[SlotBody]) -> list[Slot]:
    """Slots as they will be; raises where one cannot be."""
    if location.closed_at is not None or "delivery" not in location.modes:
        raise Problem(409, "delivers_not", f"location {location.location_id!r} is closed for good, or does not deliver")
    grounds = await store.areas_of(tx, location.key)
    days = sorted(each.day for each in wanted)
    reach_m = settings_of(InventorySettings).delivery_reach_m
    known = {(s.area, s.day, s.starts): s for s in await store.lock_slots_of(tx, location.key, days, reach_m)}
    decided: dict[tuple[object, ...], Slot] = {}
    for each in wanted:
        if each.area is not None and each.area not in grounds:
            raise Problem(409, "no_area", f"location {location.location_id!r} has no area {each.area!r}: put it first")
        start, end = each.minutes
        if each.cut_off_minute > start:
            raise Problem(422, "bad_cut_off", "the cut-off of a slot is not after its beginning")
        ground = Ground(location.key, location.merchant_id, location.zone, location.place)
        slot = Slot(tx.new_id(), ground, each.area, each.day, start, end, each.cut_off_minute, each.capacity)
        key = (slot.area, slot.day, slot.starts)
        if key in decided:
            raise Problem(422, "named_twice", f"the slot of {each.day} {each.opens} is there twice")
        put = domain.put(known.get(key), slot, tx.now)
        if isinstance(put, Refusal):
            raise Problem(409, put.kind, put.detail)
        decided[key] = put
    return list(decided.values())


def _kept(slot: Slot) -> KeptSlot:
    times = (slot.area, slot.day, slot.starts, slot.ends, slot.cut_off)
    return KeptSlot(slot.slot_id, slot.ground.location_key, *times, slot.capacity)


def _view(slot: Slot) -> SlotView:
    own = {name: getattr(slot, name) for name in SlotView.model_fields if hasattr(slot, name)}
    return SlotView(**own, **slot.window.model_dump())
