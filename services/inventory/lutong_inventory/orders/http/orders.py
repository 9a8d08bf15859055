"""Orders, read."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from lutong_chassis import Read, TxDependency, Who, allowed, not_found
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.locations.store import locations as location_store
from lutong_inventory.orders.domain.outcome import state_of
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store import report as report_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.refunds import store as refund_store
from lutong_inventory.stock.store import reservations as reservation_store
from lutong_inventory.stock.store import shelves as shelf_store


@router.get("/v1/orders/{order_id}")
@allowed("merchant", "member", "viewer")
async def get_order(order_id: Identifier, who: Who, read: Read) -> dict[str, Any]:
    """An order: where it is sourced and how far it is. One that several locations serve has its parts in `fulfilments`; a part
    that is asked for by its own id is shown as it is."""
    row = await order_store.order(read, order_id) or not_found("order", order_id)
    who.require(merchant=row.merchant_id, member=row.member_id, hide=("order", order_id))
    parts = await order_store.parts_of(read, [order_id]) if row.part_of == order_id else []
    served = parts or [row]
    titles = await location_store.titles(read, [part.location_key for part in served if part.location_key])
    shown = {name: getattr(row, name) for name in _OF_ORDER} | {"order_id": order_id}
    refunds = await refund_store.refunds_of(read, [part.order_id for part in served])
    fulfilments = [{"fulfilment_id": part.order_id} | _part(part, titles) for part in served]
    return (
        shown
        | _part(row, titles)
        | _whole(parts)
        | {
            "merchant_id": row.merchant_id,
            "lines": orjson.loads(row.lines),
            "fulfilments": fulfilments,
            "refunds": [refund._asdict() for refund in refunds],
        }
    )


_LISTED: Final = ("order_id", "mode", "part_of", "accept_by", "window_starts_at", "window_ends_at")
_OF_ORDER: Final = ("mode", "currency", "window_starts_at", "window_ends_at", "part_of")
_OF_PART: Final = (
    *("state", "reason", "location_id", "location_kind", "distance_m", "accept_by", "amount_minor", "refunded_minor"),
)


def _part(row: OrderRow, titles: Mapping[str, str]) -> dict[str, Any]:
    """Where a part is served from, and how far it is."""
    return {name: getattr(row, name) for name in _OF_PART} | {"location_name": titles.get(row.location_key or "")}


def _whole(parts: Sequence[OrderRow]) -> dict[str, Any]:
    """What parts are together, where there are several: at no location, and as far as the last of them."""
    if not parts:
        return {}
    sums = {name: sum(getattr(part, name) for part in parts) for name in ("amount_minor", "refunded_minor")}
    nowhere = dict.fromkeys(("location_id", "location_name", "location_kind", "distance_m", "accept_by", "part_of"))
    return nowhere | sums | {"state": state_of([part.state for part in parts])}


class Page(BaseModel):
    """Which orders of a location are wanted: those in a state, by id, after the last one of the page before."""

    state: Literal["sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled", "cancelled"] = (
        "sourced"
    )
    after: Annotated[str, StringConstraints(pattern=rf"^$|{IDENTIFIER_PATTERN}")] = Field(
        default="", description="the last order_id of the page before"
    )
    limit: int = Field(default=100, ge=1, le=500)


@router.get("/v1/locations/{location_id}/orders")
@allowed("merchant", "operator")
async def list_orders(
    location_id: Identifier, page: Annotated[Page, Query()], who: Who, read: Read, owner: Owner = None
) -> list[dict[str, Any]]:
    """A location's orders in one state, by id, with what to pick; pass the last id as `after` for more."""
    location = await find_location(read, who, location_id, owner)
    found = await report_store.orders_at(read, location.key, page.state, page.after, page.limit)
    return [{name: getattr(row, name) for name in _LISTED} | {"lines": orjson.loads(row.lines)} for row in found]


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts. `shelves_off_movements` and `reservations_off_shelves` must be 0."""
    return {
        "orders": await report_store.states(tx),
        "locations": await location_store.count_locations(tx),
        "shelves_off_movements": await shelf_store.drift(tx),
        "reservations_off_shelves": await reservation_store.reservations_off_shelves(tx),
        "fulfilled_minor": await report_store.fulfilled_minor(tx),
    }
