"""What brands and operators say of shelves, and what is on them."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.inventory import StockAdjusted
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.http import check_locations
from lutong_inventory.stock import store
from lutong_inventory.stock.domain import shelf_news
from lutong_inventory.stock.store import Count, Counted

Units = Annotated[int, Field(ge=0, le=10**9)]


class CountBody(Command):
    """What was counted on a shelf."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on_hand": 12, "safety_stock": 2}]})

    on_hand: Units = Field(examples=[12])
    safety_stock: Units | None = Field(
        default=None, description="units that are never promised; absent: as it was, and 0 for a new shelf"
    )


class ShelfCount(CountBody):
    """A count with its shelf."""

    location_id: Identifier
    sku: Identifier


class ShelfCounts(Command):
    """Several counts at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"shelves": [{"location_id": "store-1", "sku": "mask", "on_hand": 12}]}]}
    )

    shelves: list[ShelfCount] = Field(min_length=1, max_length=2000)


@router.put("/v1/locations/{location_id}/stock/{sku}")
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=("on_hand", "safety_stock"))
async def put_stock(
    location_id: Identifier, sku: Identifier, count: CountBody, who: Who, tx: TxDependency
) -> dict[str, Any]:
    """Say what was counted on a shelf. Below what is promised to orders it is refused."""
    rows = await _count(tx, who, [ShelfCount(location_id=location_id, sku=sku, **count.model_dump())])
    return {"sku": sku, "on_hand": rows[0].on_hand, "available": rows[0].available}


@router.post("/v1/stock/batch", status_code=201)
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=("on_hand", "safety_stock"))
async def put_stocks(command: ShelfCounts, who: Who, tx: TxDependency) -> dict[str, int]:
    """Say what was counted on many shelves; all or none."""
    return {"counted": len(await _count(tx, who, command.shelves))}


@router.get("/v1/locations/{location_id}/stock")
@allowed("merchant", "operator")
async def list_stock(location_id: Identifier, who: Who, tx: TxDependency) -> list[dict[str, Any]]:
    """What is on a location's shelves."""
    await check_locations(tx, who, [location_id])
    return [row._asdict() for row in await store.stock_of(tx, location_id)]


async def _count(tx: Tx, who: Who, counts: list[ShelfCount]) -> list[Counted]:
    await check_locations(tx, who, [count.location_id for count in counts])
    wanted = {(c.location_id, c.sku): Count(c.location_id, c.sku, c.on_hand, c.safety_stock) for c in counts}
    rows = await store.count_stock(tx, list(wanted.values()))
    refused = wanted.keys() - {(row.location_id, row.sku) for row in rows}
    if refused:
        location_id, sku = min(refused)
        raise Problem(409, "promised", f"more of {sku!r} at {location_id!r} is promised to orders than was counted")
    for row in rows:
        if row.on_hand != row.on_hand_before:
            tx.publish(
                StockAdjusted(
                    location_id=row.location_id,
                    sku=row.sku,
                    delta=row.on_hand - row.on_hand_before,
                    on_hand=row.on_hand,
                    reason="counted",
                )
            )
    tx.publish(*shelf_news(row.change for row in rows))
    if who.is_staff:
        await record(tx, who, *_counted_on_record(rows))
    return rows


def _counted_on_record(rows: Iterable[Counted]) -> Iterator[Change]:
    """Shelves that were counted."""
    for row in rows:
        before = {"on_hand": row.on_hand_before, "safety_stock": row.safety_stock_before}
        after = {"on_hand": row.on_hand, "safety_stock": row.safety_stock}
        yield Change("stock.count", f"shelf:{row.location_id}:{row.sku}", None, before, after)
