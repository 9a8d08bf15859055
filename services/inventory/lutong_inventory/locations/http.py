"""What brands and operators say of locations."""

from collections.abc import Iterable

from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier, LocationKind, Title
from lutong_inventory.bodies import router
from lutong_inventory.locations import store
from lutong_inventory.locations.store import LocationRow


class Site(Command):
    """A place that goods come from, in WGS-84 degrees."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "merchant_id": "watsons",
                    "kind": "store",
                    "name": "屈臣氏 南京西路店",
                    "latitude": 31.23,
                    "longitude": 121.46,
                }
            ]
        }
    )

    merchant_id: Identifier
    kind: LocationKind
    name: Title = Field(examples=["屈臣氏 南京西路店"])
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])
    open: bool | None = Field(default=None, description="absent: as it was, and open for a new location")


class NamedSite(Site):
    """A site with its id."""

    location_id: Identifier


class Sites(Command):
    """Several sites at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "locations": [
                        {
                            "location_id": "store-1",
                            "merchant_id": "watsons",
                            "kind": "store",
                            "name": "屈臣氏",
                            "latitude": 31.23,
                            "longitude": 121.46,
                        }
                    ]
                }
            ]
        }
    )

    locations: list[NamedSite] = Field(min_length=1, max_length=1000)


@router.put("/v1/locations/{location_id}")
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=("merchant_id", "kind", "open"))
async def put_location(location_id: Identifier, site: Site, who: Who, tx: TxDependency) -> dict[str, str]:
    """Open or change a store or the flagship."""
    await _save_sites(tx, who, [NamedSite(location_id=location_id, **site.model_dump())])
    return {"location_id": location_id}


@router.post("/v1/locations/batch", status_code=201)
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=("merchant_id", "kind", "open"))
async def put_locations(command: Sites, who: Who, tx: TxDependency) -> dict[str, int]:
    """Open or change many locations."""
    await _save_sites(tx, who, command.locations)
    return {"saved": len(command.locations)}


async def check_locations(tx: Tx, who: Who, location_ids: Iterable[str]) -> None:
    """Refuse locations that do not exist or belong to another merchant."""
    known = await store.locations(tx, location_ids)
    for location_id in location_ids:
        row = known.get(location_id) or not_found("location", location_id)
        who.require(merchant=row.merchant_id, hide=("location", location_id))


async def _save_sites(tx: Tx, who: Who, sites: list[NamedSite]) -> None:
    """A merchant has one flagship, and a location never changes its merchant or kind."""
    for site in sites:
        who.require(merchant=site.merchant_id, hide=("merchant", site.merchant_id))
    await tx.lock("location", [site.location_id for site in sites])  # two merchants may open one at the same time
    known = await store.locations(tx, [site.location_id for site in sites])
    flagships = await store.flagships(tx, [site.merchant_id for site in sites])
    for site in sites:
        row = known.get(site.location_id)
        if row and (row.merchant_id, row.kind) != (site.merchant_id, site.kind):
            raise Problem(
                409, "location_taken", f"location {site.location_id!r} is another merchant's, or of another kind"
            )
        is_open = (row.open if row else True) if site.open is None else site.open
        if (
            site.kind == "flagship"
            and is_open
            and flagships.setdefault(site.merchant_id, site.location_id) != site.location_id
        ):
            raise Problem(
                409,
                "flagship_exists",
                f"{site.merchant_id!r} has flagship {flagships[site.merchant_id]!r}: close it first",
            )
    await store.save_locations(tx, [LocationRow(**site.model_dump()) for site in sites])
    if who.is_staff:
        await record(tx, who, *(_put_on_record(site, known.get(site.location_id)) for site in sites))


def _put_on_record(site: NamedSite, row: LocationRow | None) -> Change:
    """A location that was opened or changed; its name and where it is are masked."""
    before = None if row is None else {name: getattr(row, name) for name in Site.model_fields}
    after = {name: getattr(site, name) for name in Site.model_fields}
    return Change("location.put", f"location:{site.location_id}", None, before, after)
