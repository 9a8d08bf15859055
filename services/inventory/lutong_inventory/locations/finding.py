"""Finding the locations that callers name: ids are their merchant's own."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from fastapi import Query

from lutong_chassis import Reads
from lutong_chassis.auth import Principal
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import refused
from lutong_inventory.locations.domain.location import Location
from lutong_inventory.locations.store import locations as store
from lutong_inventory.locations.store.locations import LocationName
from lutong_inventory.refusal import Refusal

Owner = Annotated[
    Identifier | None,
    Query(alias="merchant_id", description="whose location, when several merchants have one of this id"),
]


class Naming(NamedTuple):
    """Locations that a caller names: their own, or those of `owner`. Staff need not name the owner, where only one has such an id."""

    who: Principal
    location_ids: Sequence[str]
    owner: str | None = None

    @property
    def merchant_id(self) -> str | None:
        """Whose they are, as far as the caller names them."""
        return self.owner or self.who.merchant_id


async def find(tx: Reads, namings: Sequence[Naming], *, lock: bool = False) -> list[dict[str, Location] | Refusal]:
    """Locations by id, for each naming; or why not: one does not exist, belongs to others, or may be that of several."""
    unowned = {each for naming in namings if not naming.merchant_id for each in naming.location_ids}
    owners = await store.owners(tx, unowned) if unowned else {}
    named = [_names(naming, owners) for naming in namings]
    every = [name for names in named if not isinstance(names, Refusal) for name in names.values()]
    known = await store.locations_named(tx, every, lock=lock)
    return [
        names if isinstance(names, Refusal) else _found(naming, names, known)
        for naming, names in zip(namings, named, strict=True)
    ]


async def find_location(
    tx: Reads, who: Principal, location_id: str, owner: str | None = None, *, lock: bool = False
) -> Location:
    """A location of the caller's, or of `owner`. Staff need not name the owner, where only one merchant has such an id.

    404 when it does not exist or belongs to another merchant; 409 where staff has to name the owner.
    """
    (found,) = await find(tx, [Naming(who, [location_id], owner)], lock=lock)
    if isinstance(found, Refusal):
        raise refused(found)
    return found[location_id]


def _names(naming: Naming, owners: Mapping[str, Sequence[str]]) -> dict[str, LocationName] | Refusal:
    """What is looked for, by id; ids that nobody has are left out."""
    wanted = dict.fromkeys(naming.location_ids)
    if naming.merchant_id:
        return {each: LocationName(naming.merchant_id, each) for each in wanted}
    doubtful = next((each for each in wanted if len(owners.get(each, ())) > 1), None)
    if doubtful:
        return Refusal("whose_location", f"several merchants have a location {doubtful!r}: give merchant_id")
    return {each: LocationName(owners[each][0], each) for each in wanted if each in owners}


def _found(
    naming: Naming, names: Mapping[str, LocationName], known: Mapping[LocationName, Location]
) -> dict[str, Location] | Refusal:
    found = {each: known[name] for each, name in names.items() if name in known}
    for each in naming.location_ids:
        if each not in found or not naming.who.acts_for(merchant=found[each].merchant_id):
            return Refusal("not_found", f"there is no location {each!r}")
    return found
