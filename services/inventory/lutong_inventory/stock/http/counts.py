"""What brands and operators report of shelves: counts, corrections, safety stock; and what is on them."""

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import ConfigDict, Field

from lutong_chassis import Ask, Command, Read, Who, allowed, audited
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier, Moment, Reason
from lutong_inventory.bodies import router
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.stock.domain.commands import (
    CorrectShelves,
    CountShelf,
    CountShelves,
    Happened,
    ProtectShelf,
    Seen,
)
from lutong_inventory.stock.domain.counts import Correction
from lutong_inventory.stock.domain.shelves import Shelf
from lutong_inventory.stock.handlers import SHOWN
from lutong_inventory.stock.store import shelves as store

Units = Annotated[int, Field(ge=0, le=10**9)]
_WHOSE = Field(default=None, description="whose locations, when several merchants have such ids")


class CountBody(Command):
    """What was counted on a shelf."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on_hand": 12, "safety_stock": 2}]})

    on_hand: Units = Field(examples=[12])
    safety_stock: Units | None = Field(
        default=None, description="units that are never promised; absent: as it was, and 0 for a new shelf"
    )
    counted_at: Moment | None = Field(default=None, description="absent: now. What was sold after it stays sold")


class ShelfCount(CountBody):
    """A count with its shelf."""

    location_id: Identifier
    sku: Identifier


class ShelfCounts(Command):
    """Several counts at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"shelves": [{"location_id": "store-1", "sku": "mask", "on_hand": 12}]}]}
    )

    merchant_id: Identifier | None = _WHOSE
    shelves: list[ShelfCount] = Field(min_length=1, max_length=2000)


class CorrectionBody(Command):
    """What happened to a shelf, in units. `adjusted` adds (or takes, below zero); all others give how many it was about."""

    location_id: Identifier
    sku: Identifier
    kind: Correction
    units: int = Field(ge=-(10**9), le=10**9)
    reason: Reason | None = None
    reference: Identifier | None = Field(default=None, description="a delivery note, a till's receipt")
    occurred_at: Moment | None = Field(default=None, description="absent: now")


class CorrectionsBody(Command):
    """Several corrections at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "movements": [
                        {"location_id": "store-1", "sku": "mask", "kind": "received", "units": 24, "reference": "DN-7"}
                    ]
                }
            ]
        }
    )

    merchant_id: Identifier | None = _WHOSE
    movements: list[CorrectionBody] = Field(min_length=1, max_length=2000)


class SafetyBody(Command):
    """How many units of a shelf are never promised."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"units": 2}]})

    units: Units = Field(examples=[2])


@router.put("/v1/locations/{location_id}/stock/{sku}", response_model=dict[str, Any])
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=SHOWN)
async def put_stock(
    location_id: Identifier, sku: Identifier, count: CountBody, ask: Ask, owner: Owner = None
) -> Response:
    """Report what was counted on a shelf. The truth is taken: orders that it cannot serve any more go elsewhere."""
    return await ask(CountShelf(owner, _seen(location_id, sku, count)))


@router.post("/v1/stock/batch", status_code=201, response_model=dict[str, Any])
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=SHOWN)
async def put_stocks(command: ShelfCounts, ask: Ask) -> Response:
    """Report what was counted on many shelves; all or none. Of several counts of one shelf the last one holds."""
    seen = tuple(_seen(each.location_id, each.sku, each) for each in command.shelves)
    return await ask(CountShelves(command.merchant_id, seen))


@router.post("/v1/stock/movements", status_code=201, response_model=dict[str, Any])
@allowed("merchant", "operator")
@audited("stock.correct", own="merchant", shows=SHOWN)
async def move_stock(command: CorrectionsBody, ask: Ask) -> Response:
    """Report what came, what broke, what is held back for a check and cleared again; all or none."""
    return await ask(
        CorrectShelves(command.merchant_id, tuple(Happened(**each.model_dump()) for each in command.movements))
    )


@router.put("/v1/locations/{location_id}/stock/{sku}/safety", response_model=dict[str, Any])
@allowed("merchant", "operator")
@audited("stock.protect", own="merchant", shows=SHOWN)
async def put_safety(
    location_id: Identifier, sku: Identifier, body: SafetyBody, ask: Ask, owner: Owner = None
) -> Response:
    """Set how many units of a shelf are never promised. What is promised already stays so."""
    return await ask(ProtectShelf(owner, location_id, sku, body.units))


def _seen(location_id: str, sku: str, count: CountBody) -> Seen:
    return Seen(location_id, sku, count.on_hand, count.safety_stock, count.counted_at)


@router.get("/v1/locations/{location_id}/stock")
@allowed("merchant", "operator")
async def list_stock(  # a path, who asks, and which page
    location_id: Identifier,
    who: Who,
    read: Read,
    owner: Owner = None,
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last SKU of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> list[dict[str, Any]]:
    """What is on a location's shelves, by SKU; pass the last SKU as `after` for more."""
    location = await find_location(read, who, location_id, owner)
    return [row._asdict() for row in await store.stock_of(read, location.key, after, limit)]


@router.get("/v1/locations/{location_id}/stock/{sku}/movements")
@allowed("merchant", "operator")
async def list_movements(  # a path, who asks, and which page
    location_id: Identifier,
    sku: Identifier,
    who: Who,
    read: Read,
    owner: Owner = None,
    before: Annotated[int, Query(ge=1, description="the last movement_id of the page before")] = 2**63 - 1,
) -> list[dict[str, Any]]:
    """What happened to a shelf, the latest first, a hundred at a time."""
    location = await find_location(read, who, location_id, owner)
    return [row._asdict() for row in await store.movements_of(read, Shelf(location.key, sku), before, 100)]
