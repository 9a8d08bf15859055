"""What stores were credited with, read."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from lutong_chassis import Read, Who, allowed
from lutong_contracts.values import Identifier, Moment
from lutong_inventory.bodies import router
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.sales import store
from lutong_inventory.sales.store import PAGE_MAX


class SalesView(BaseModel):
    """What a store was credited with, in one currency: `balance_minor` is sold less refunded. `till`, `handed_on` and `shelf`
    count its sales: ordered at its till, sent by the flagship because its shelf was short, shipped by itself."""

    location_id: str
    currency: str
    sold_minor: int
    refunded_minor: int
    balance_minor: int
    till: int
    handed_on: int
    shelf: int


class SalesEntryView(BaseModel):
    """An entry: `sold` for an order, or `refunded` (negative) for what of it was taken back, by the id of the refund."""

    order_id: str
    kind: str
    reference: str
    currency: str
    amount_minor: int
    reason: str
    booked_at: datetime


class Entries(BaseModel):
    """Which entries are wanted: the latest, or those before the last one of the page before."""

    before: Moment | None = Field(default=None, description="booked_at of the last entry of the page before")
    limit: int = Field(default=100, ge=1, le=PAGE_MAX)


@router.get("/v1/merchants/{merchant_id}/sales")
@allowed("merchant", "viewer")
async def get_sales(
    merchant_id: Identifier,
    who: Who,
    read: Read,
    since: Annotated[Moment | None, Query(description="booked from then on; else all")] = None,
    until: Annotated[Moment | None, Query(description="booked before then; else until now")] = None,
) -> list[SalesView]:
    """What each store of a merchant was credited with. An order is one store's sale, wherever it was shipped from."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return [
        SalesView(**row._asdict(), balance_minor=row.sold_minor - row.refunded_minor)
        for row in await store.balances(read, merchant_id, since, until)
    ]


@router.get("/v1/locations/{location_id}/sales")
@allowed("merchant", "operator")
async def list_sales(
    location_id: Identifier, page: Annotated[Entries, Query()], who: Who, read: Read, owner: Owner = None
) -> list[SalesEntryView]:
    """The entries of a location, the latest first; pass the last `booked_at` as `before` for more."""
    location = await find_location(read, who, location_id, owner)
    found = await store.entries_of(read, location.key, page.before, page.limit)
    return [SalesEntryView(**row._asdict()) for row in found]
