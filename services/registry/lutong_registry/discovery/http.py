"""Where posts led."""

from typing import Any

from lutong_chassis import Read, allowed, not_found
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.discovery import store


@router.get("/v1/discoveries/{post_id}")
@allowed("anybody")
async def get_discovery(post_id: Identifier, read: Read) -> dict[str, Any]:
    """Where a post led, or why nowhere."""
    return dict(await store.discovery(read, post_id) or not_found("discovery for post", post_id))


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(read: Read) -> dict[str, Any]:
    """Counts of programs and discoveries."""
    return await store.summary(read)
