"""Which page of posts a reader wants, and the cursor that leads to the next one."""

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from lutong_chassis import Problem, Who
from lutong_feed.domain import Cursor, Refusal
from lutong_feed.paging.domain import Walk
from lutong_feed.touches.http import Signing


class Page(BaseModel):
    """Which page of posts is wanted."""

    cursor: str | None = Field(
        None, max_length=200, description="next_cursor of the page before: good for this reader, this list and a week"
    )
    limit: int = Field(20, ge=1, le=100)

    def before(self, walk: Walk) -> Cursor | None:
        """Where the page before ended; raises a 422 problem for a cursor that this walk cannot go on from."""
        found = walk.place(self.cursor) if self.cursor else None
        if isinstance(found, Refusal):
            raise Problem(422, found.kind, found.detail)
        return found


def walk(touches: Signing, who: Who, listing: str) -> Walk:
    """A caller's walk down a list. A member is one reader, whatever token they hold; staff and merchants are as their tokens name them."""
    return Walk(touches.keys, who.member_id or who.identity, listing, datetime.now(UTC))
