"""Locations: opened, changed, paused, closed for good, and read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import Query

from lutong_chassis import Problem, Tx, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier, Place
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain import location as domain
from lutong_inventory.locations.domain.location import Location
from lutong_inventory.locations.domain.places import Doubt, doubt
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.locations.http.bodies import (
    DoubtView,
    LocationView,
    NamedSite,
    Pause,
    PutsView,
    PutView,
    Schedule,
    Site,
    Sites,
)
from lutong_inventory.locations.store import locations as store
from lutong_inventory.locations.store.locations import LocationName
from lutong_inventory.refusal import Refusal

_DOUBTS: Final[Mapping[Doubt, str]] = {
    "null_island": "latitude and longitude are 0: were they left out?",
    "swapped": "latitude and longitude look swapped",
    "outside_zone": "that is not where {zone} is: is it the right zone, and the right datum?",
}
SHOWN: Final = (
    "merchant_id", "kind", "open", "zone", "opening_hours", "holidays", "cut_off", "daily_capacity", "radius_m", "modes",
    "paused_until", "closed_at", "datum",
)  # fmt: skip


@router.put("/v1/locations/{location_id}")
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=SHOWN)
async def put_location(location_id: Identifier, site: Site, who: Who, tx: TxDependency) -> PutView:
    """Open or change a store, the flagship or a distribution centre. Ids are the merchant's own."""
    named = NamedSite(location_id=location_id, **{name: getattr(site, name) for name in site.model_fields_set})
    return PutView(location_id=location_id, doubts=await _put(tx, who, [named]))


@router.post("/v1/locations/batch", status_code=201)
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=SHOWN)
async def put_locations(command: Sites, who: Who, tx: TxDependency) -> PutsView:
    """Open or change many locations; all or none. No location may be named twice."""
    return PutsView(saved=len(command.locations), doubts=await _put(tx, who, command.locations))


@router.put("/v1/locations/{location_id}/hours")
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=SHOWN)
async def put_hours(
    location_id: Identifier, schedule: Schedule, who: Who, tx: TxDependency, owner: Owner = None
) -> LocationView:
    """Set when a location takes orders, and how many; where it is and what it is called stay as they were."""
    known = await find_location(tx, who, location_id, owner, lock=True)
    return await change(tx, who, known, domain.rescheduled(known, schedule.given), "location.put", None)


@router.post("/v1/locations/{location_id}/pause")
@allowed("merchant", "operator")
@audited("location.pause", own="merchant", shows=SHOWN)
async def pause_location(
    location_id: Identifier, command: Pause, who: Who, tx: TxDependency, owner: Owner = None
) -> LocationView:
    """Take no orders for a while: rush hour, no staff. What was ordered before still leaves."""
    if command.until is not None and command.until <= tx.now:
        raise Problem(422, "past", "until is over: leave it out, or give a moment to come")
    known = await find_location(tx, who, location_id, owner, lock=True)
    return await change(tx, who, known, domain.pause(known, command.until), "location.pause", command.reason)


@router.delete("/v1/locations/{location_id}/pause")
@allowed("merchant", "operator")
@audited("location.resume", own="merchant", shows=SHOWN)
async def resume_location(location_id: Identifier, who: Who, tx: TxDependency, owner: Owner = None) -> LocationView:
    """Take orders again."""
    known = await find_location(tx, who, location_id, owner, lock=True)
    return await change(tx, who, known, domain.resume(known), "location.resume", None)


@router.get("/v1/locations/{location_id}")
@allowed("merchant", "viewer")
async def get_location(location_id: Identifier, who: Who, tx: TxDependency, owner: Owner = None) -> LocationView:
    """A location."""
    return _view(await find_location(tx, who, location_id, owner), tx.now)


@router.get("/v1/locations")
@allowed("merchant", "viewer")
async def list_locations(
    merchant_id: Identifier,
    who: Who,
    tx: TxDependency,
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last location_id of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[LocationView]:
    """A merchant's locations by id; pass the last id as `after` for more."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return [_view(each, tx.now) for each in await store.list_locations(tx, merchant_id, after, limit)]


async def _put(tx: Tx, who: Who, sites: Sequence[NamedSite]) -> list[DoubtView]:
    """Decide on each site, in order, and save all; gives what is doubtful about them."""
    for site in sites:
        who.require(merchant=site.merchant_id, hide=("merchant", site.merchant_id))
    names = [LocationName(site.merchant_id, site.location_id) for site in sites]
    if len(set(names)) < len(names):
        raise Problem(422, "named_twice", f"location {max(names, key=names.count).location_id!r} is there twice")
    await tx.lock(
        "location", [name.location_id for name in names]
    )  # two merchants may open one of an id at the same time
    known = await store.locations_named(tx, names, lock=True)
    taken = await store.keys_taken(tx, [name.location_id for name in names])
    wanted = []
    for name, site in zip(names, sites, strict=True):
        key = domain.location_key(*name, taken)
        taken.add(key)
        place = Place(latitude=site.latitude, longitude=site.longitude)
        new = Location(key, site.location_id, site.merchant_id, site.kind, site.name, place)
        wanted.append(_agreed(domain.put(known.get(name), new, site.given)))
    await _check_flagships(tx, wanted)
    await _save(tx, wanted)
    if who.is_staff:
        changes = (
            _on_record("location.put", None, known.get(name), new) for name, new in zip(names, wanted, strict=True)
        )
        await record(tx, who, *changes)
    return [view for location in wanted if (view := _doubtful(location))]


def _agreed(decided: Location | Refusal) -> Location:
    if isinstance(decided, Refusal):
        raise Problem(409, decided.kind, decided.detail)
    return decided


async def _check_flagships(tx: Tx, wanted: Sequence[Location]) -> None:
    """A merchant has one open flagship."""
    flagships = await store.flagships(tx, [location.merchant_id for location in wanted])
    for location in wanted:
        if location.kind != "flagship" or not location.open:
            continue
        merchant, other = location.merchant_id, flagships.setdefault(location.merchant_id, location.location_id)
        if other != location.location_id:
            raise Problem(409, "flagship_exists", f"{merchant!r} has flagship {other!r}: close it first")


async def change(
    tx: Tx, who: Who, known: Location, decided: Location | Refusal, action: str, reason: str | None
) -> LocationView:
    """Save what was decided on one location, and answer with it; staff is on record."""
    location = _agreed(decided)
    await _check_flagships(tx, [location])
    await _save(tx, [location])
    if who.is_staff:
        await record(tx, who, _on_record(action, reason, known, location))
    return _view(location, tx.now)


async def _save(tx: Tx, locations: Sequence[Location]) -> None:
    """Save locations, and publish what became of those that changed."""
    tx.publish(*(domain.location_event(changed, tx.now) for changed in await store.save_locations(tx, locations)))


def _doubtful(location: Location) -> DoubtView | None:
    kind = doubt(location.place, location.zone)
    detail = _DOUBTS[kind].format(zone=location.zone) if kind else ""
    return DoubtView(location_id=location.location_id, kind=kind, detail=detail) if kind else None


def _view(location: Location, now: datetime) -> LocationView:
    own = {name: getattr(location, name) for name in LocationView.model_fields if hasattr(location, name)}
    place = {"latitude": location.place.latitude, "longitude": location.place.longitude}
    return LocationView(**own | place | {"state": location.state(now)})


def _on_record(action: str, reason: str | None, before: Location | None, after: Location) -> Change:
    """A location that changed; its name and where it is are masked."""
    return Change(action, f"location:{after.location_id}", reason, _facts(before) if before else None, _facts(after))


def _facts(location: Location) -> dict[str, object]:
    """What may stand in the audit, or be masked there."""
    facts = {name: getattr(location, name) for name in (*SHOWN, "name")}
    facts |= {"latitude": location.place.latitude, "longitude": location.place.longitude}
    for name in ("opening_hours", "holidays"):
        facts[name] = None if facts[name] is None else [each.model_dump(mode="json") for each in facts[name]]
    return facts | {"modes": list(location.modes)}
