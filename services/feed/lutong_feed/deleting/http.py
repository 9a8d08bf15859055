"""Where a post is deleted."""

from typing import Annotated

from fastapi import Query, Response

from lutong_chassis import Ask, allowed, audited, routes
from lutong_contracts.values import Identifier, Reason
from lutong_feed.deleting.domain import DeletePost

router = routes("feed")


@router.delete("/v1/posts/{post_id}", status_code=204)
@allowed("member", "operator")
@audited("post.delete", own="member", shows=("by",))
async def delete_post(
    post_id: Identifier,
    ask: Ask,
    reason: Annotated[
        Reason | None, Query(description="why, in a word; staff must give one", examples=["spam"])
    ] = None,
) -> Response:
    """Delete a post, for good: its text and card are gone at once, everywhere; once is enough. Reposts show that it was deleted.

    Orders that were placed from it go on, and what was counted stays counted.
    """
    return await ask(DeletePost(post_id, reason))
