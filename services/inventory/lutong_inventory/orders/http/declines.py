"""Locations that decline orders: a shelf that shows more than there is, or a store that is closed and listed as open."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from lutong_chassis import Problem, TxDependency, Who, allowed
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.orders.store import declines as store


class DeclinesView(BaseModel):
    """How many orders a location declined since then, with all reasons that it gave."""

    merchant_id: str
    location_id: str
    declined: int
    reasons: list[str]
    last_at: AwareDatetime


@router.get("/v1/declines")
@allowed("merchant", "viewer")
async def list_declines(
    who: Who,
    tx: TxDependency,
    merchant_id: Annotated[Identifier | None, Query(description="all merchants, for staff that names none")] = None,
    hours: Annotated[int, Query(ge=1, le=72, description="of the last so many hours")] = 24,
) -> list[DeclinesView]:
    """Locations that declined orders lately, the one that declined most first; at most 500."""
    if merchant_id is None and not who.is_staff:
        raise Problem(422, "whose_declines", "give merchant_id: your own")
    if merchant_id is not None:
        who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    rows = await store.declines(tx, merchant_id, tx.now - timedelta(hours=hours))
    return [
        DeclinesView(
            merchant_id=row.merchant_id,
            location_id=location_id_of(row.location_key),
            declined=row.declined,
            reasons=row.reasons,
            last_at=row.last_at,
        )
        for row in rows
    ]
