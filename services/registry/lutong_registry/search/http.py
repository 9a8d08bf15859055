"""Questions of people: which services answer them."""

from typing import Annotated, Any

from fastapi import Query

from lutong_chassis import TxDependency, allowed
from lutong_contracts.values import Text
from lutong_registry.bodies import router
from lutong_registry.search import store as search_store


@router.get("/v1/search")
@allowed("anybody")
async def search_services(
    q: Annotated[Text, Query(min_length=1, max_length=200, examples=["公积金"])],
    tx: TxDependency,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[dict[str, Any]]:
    """Services for a question in Chinese or English, best first; `matched` says how."""
    return [dict(row) for row in await search_store.search(tx, q, limit)]
