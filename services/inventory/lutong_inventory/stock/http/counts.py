"""What brands and operators report of shelves: counts, corrections, safety stock; and what is on them."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier, Moment, Reason
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.locations.http.find import Owner, find_location, find_locations
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock import handlers
from lutong_inventory.stock.domain.counts import Correction, Evidence
from lutong_inventory.stock.domain.shelves import Shelf
from lutong_inventory.stock.handlers import Changes, Corrected, Counted
from lutong_inventory.stock.store import shelves as store

Units = Annotated[int, Field(ge=0, le=10**9)]
_SHOWN = ("on_hand", "safety_stock", "unavailable", "reserved")
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


@router.put("/v1/locations/{location_id}/stock/{sku}")
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=_SHOWN)
async def put_stock(
    location_id: Identifier, sku: Identifier, count: CountBody, who: Who, tx: TxDependency, owner: Owner = None
) -> dict[str, Any]:
    """Report what was counted on a shelf. The truth is taken: orders that it cannot serve any more go elsewhere."""
    changes = await _count(tx, who, [ShelfCount(location_id=location_id, sku=sku, **count.model_dump())], owner)
    (stock,) = changes.after.values()
    return {"sku": sku, "on_hand": stock.on_hand, "available": stock.available, "broken": _orders(changes)}


@router.post("/v1/stock/batch", status_code=201)
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=_SHOWN)
async def put_stocks(command: ShelfCounts, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Report what was counted on many shelves; all or none. Of several counts of one shelf the last one holds."""
    changes = await _count(tx, who, command.shelves, command.merchant_id)
    return {"counted": len(changes.after), "broken": _orders(changes)}


@router.post("/v1/stock/movements", status_code=201)
@allowed("merchant", "operator")
@audited("stock.correct", own="merchant", shows=_SHOWN)
async def move_stock(command: CorrectionsBody, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Report what came, what broke, what is held back for a check and cleared again; all or none."""
    for each in command.movements:
        if each.units == 0 or (each.units < 0 and each.kind != "adjusted"):
            raise Problem(
                422, "bad_units", f"{each.kind} of {each.units} units: only what is adjusted can be below zero"
            )
        _check_past(tx, each.occurred_at)
    known = await find_locations(tx, who, [each.location_id for each in command.movements], command.merchant_id)
    changes = await handlers.correct(
        tx,
        [
            Corrected(
                Shelf(known[each.location_id].key, each.sku),
                each.kind,
                each.units,
                Evidence(who.subject, each.reason, each.reference, each.occurred_at),
            )
            for each in command.movements
        ],
    )
    if isinstance(changes, Refusal):
        raise Problem(409, changes.kind, changes.detail)
    await _put_on_record(tx, who, "stock.correct", changes)
    return {"moved": len(command.movements), "broken": _orders(changes)}


@router.put("/v1/locations/{location_id}/stock/{sku}/safety")
@allowed("merchant", "operator")
@audited("stock.protect", own="merchant", shows=_SHOWN)
async def put_safety(
    location_id: Identifier, sku: Identifier, body: SafetyBody, who: Who, tx: TxDependency, owner: Owner = None
) -> dict[str, Any]:
    """Set how many units of a shelf are never promised. What is promised already stays so."""
    location = await find_location(tx, who, location_id, owner)
    changes = await handlers.protect(tx, Shelf(location.key, sku), body.units)
    await _put_on_record(tx, who, "stock.protect", changes)
    (stock,) = changes.after.values()
    return {"sku": sku, "safety_stock": stock.safety_stock, "available": stock.available}


@router.get("/v1/locations/{location_id}/stock")
@allowed("merchant", "operator")
async def list_stock(  # a path, who asks, and which page
    location_id: Identifier,
    who: Who,
    tx: TxDependency,
    owner: Owner = None,
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last SKU of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> list[dict[str, Any]]:
    """What is on a location's shelves, by SKU; pass the last SKU as `after` for more."""
    location = await find_location(tx, who, location_id, owner)
    return [row._asdict() for row in await store.stock_of(tx, location.key, after, limit)]


@router.get("/v1/locations/{location_id}/stock/{sku}/movements")
@allowed("merchant", "operator")
async def list_movements(  # a path, who asks, and which page
    location_id: Identifier,
    sku: Identifier,
    who: Who,
    tx: TxDependency,
    owner: Owner = None,
    before: Annotated[int, Query(ge=1, description="the last movement_id of the page before")] = 2**63 - 1,
) -> list[dict[str, Any]]:
    """What happened to a shelf, the latest first, a hundred at a time."""
    location = await find_location(tx, who, location_id, owner)
    return [row._asdict() for row in await store.movements_of(tx, Shelf(location.key, sku), before, 100)]


async def _count(tx: Tx, who: Who, counts: Sequence[ShelfCount], owner: str | None) -> Changes:
    for count in counts:
        _check_past(tx, count.counted_at)
    known = await find_locations(tx, who, [count.location_id for count in counts], owner)
    wanted = {}
    for count in counts:
        shelf = Shelf(known[count.location_id].key, count.sku)
        seen = Evidence(who.subject, "counted", None, count.counted_at)
        wanted[shelf] = Counted(shelf, count.on_hand, seen, count.safety_stock)
    changes = await handlers.count(tx, list(wanted.values()))
    await _put_on_record(tx, who, "stock.count", changes)
    return changes


def _check_past(tx: Tx, at: Moment | None) -> None:
    if at is not None and at > tx.now:
        raise Problem(422, "future", "that is yet to come: give when it happened, or leave it out")


def _orders(changes: Changes) -> list[str]:
    """The orders that go elsewhere."""
    return sorted({row.promise.order_id for row in changes.broken})


async def _put_on_record(tx: Tx, who: Who, action: str, changes: Changes) -> None:
    """Shelves as they were, and as they are."""
    if who.is_staff:
        rows = []
        for shelf, stock in sorted(changes.after.items()):
            before, after = ({name: getattr(side, name) for name in _SHOWN} for side in (changes.before[shelf], stock))
            subject = f"shelf:{location_id_of(shelf.location_key)}:{shelf.sku}"
            rows.append(Change(action, subject, None, before, after))
        await record(tx, who, *rows)
