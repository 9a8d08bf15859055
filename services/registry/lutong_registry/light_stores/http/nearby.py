"""The shop around the corner: a brand's light stores by how far they are."""

from typing import Annotated

from fastapi import Query

from lutong_chassis import Read, allowed
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.light_stores.store import stores as store
from lutong_registry.light_stores.views import NearbyStore


@router.get("/v1/merchants/{merchant_id}/light-stores")
@allowed("anybody")
async def list_nearby_stores(
    merchant_id: Identifier,
    read: Read,
    latitude: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])],
    longitude: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[NearbyStore]:
    """The light stores of a merchant that can be opened now, the nearest first; those of closed locations are not among them."""
    found = await store.nearest(read, merchant_id, latitude, longitude, limit)
    return [NearbyStore(**row._asdict()) for row in found]
