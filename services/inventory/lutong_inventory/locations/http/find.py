"""Finding locations for the caller: ids are their merchant's own."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Query

from lutong_chassis import Problem, Tx, Who, not_found
from lutong_contracts.values import Identifier
from lutong_inventory.locations.domain.location import Location
from lutong_inventory.locations.store import locations as store
from lutong_inventory.locations.store.locations import LocationName

Owner = Annotated[
    Identifier | None,
    Query(alias="merchant_id", description="whose location, when several merchants have one of this id"),
]


async def find_locations(
    tx: Tx, who: Who, location_ids: Iterable[str], owner: str | None = None, *, lock: bool = False
) -> dict[str, Location]:
    """Locations of a merchant by id: of the caller, or of `owner`. Staff need not name the owner, where only one has such an id.

    404 for those that do not exist or belong to another merchant; 409 where staff has to name the owner.
    """
    wanted = list(dict.fromkeys(location_ids))
    merchant_id = owner or who.merchant_id
    names = {each: LocationName(merchant_id, each) for each in wanted} if merchant_id else await _only(tx, wanted)
    known = await store.locations_named(tx, names.values(), lock=lock)
    found = {each: known[name] for each, name in names.items() if name in known}
    for each in wanted:
        location = found.get(each) or not_found("location", each)
        who.require(merchant=location.merchant_id, hide=("location", each))
    return found


async def find_location(
    tx: Tx, who: Who, location_id: str, owner: str | None = None, *, lock: bool = False
) -> Location:
    """One location, as `find_locations` finds it."""
    return (await find_locations(tx, who, [location_id], owner, lock=lock))[location_id]


async def _only(tx: Tx, location_ids: Iterable[str]) -> dict[str, LocationName]:
    """The one merchant of each id; those that nobody has are left out."""
    found = {}
    for location_id, merchants in (await store.owners(tx, location_ids)).items():
        if len(merchants) > 1:
            raise Problem(409, "whose_location", f"several merchants have a location {location_id!r}: give merchant_id")
        found[location_id] = LocationName(merchants[0], location_id)
    return found
