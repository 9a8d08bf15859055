"""Orders, read."""

from typing import Annotated, Any, Literal

from fastapi import Query

from lutong_chassis import TxDependency, Who, allowed, not_found
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.http import check_locations
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store import refunds as refund_store


@router.get("/v1/orders/{order_id}")
@allowed("merchant", "member", "viewer")
async def get_order(order_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """An order: where it is sourced and how far it is."""
    row = await order_store.order(tx, order_id) or not_found("order", order_id)
    who.require(merchant=row.merchant_id, member=row.member_id, hide=("order", order_id))
    return {
        name: getattr(row, name)
        for name in (
            *("order_id", "state", "reason", "location_id", "location_kind", "distance_m", "mode", "accept_by"),
            *("amount_minor", "refunded_minor", "currency"),
        )
    } | {"refunds": [refund._asdict() for refund in await refund_store.refunds_of(tx, order_id)]}


@router.get("/v1/locations/{location_id}/orders")
@allowed("merchant", "operator")
async def list_orders(
    location_id: Identifier,
    who: Who,
    tx: TxDependency,
    state: Literal[
        "sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled", "cancelled"
    ] = "sourced",
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last order_id of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """A location's orders in one state, by id; pass the last id as `after` for more."""
    await check_locations(tx, who, [location_id])
    return [
        {"order_id": row.order_id, "mode": row.mode}
        for row in await order_store.orders_at(tx, location_id, state, after, limit)
    ]


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts. `shelves_off_movements` and `reservations_off_shelves` must be 0."""
    return await order_store.summary(tx)
