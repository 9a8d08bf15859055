"""What routes sign and check touches with: the keys, read once a minute, so that a tap asks the database for none."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Request
from uuid_utils import uuid7

from lutong_chassis import Problem
from lutong_chassis.database import Pool
from lutong_chassis.http.direct import direct
from lutong_chassis.reading import Reader
from lutong_chassis.settings import settings_of
from lutong_contracts.touches import Placement, ranked_id
from lutong_feed.domain import Refusal
from lutong_feed.settings import FeedSettings
from lutong_feed.touches import store
from lutong_feed.touches.domain import CLICK_WINDOW, NEVER_SERVED, Answer, Check, Keys

_FRESH_S: Final = 60.0


@dataclass(slots=True)
class _Known:
    """The keys of this process's database, and when they were read. Requests that come meanwhile wait for one reading."""

    pool: "Pool | None" = None
    reading: "asyncio.Task[Keys] | None" = None
    read_at_s: float = 0.0

    async def of(self, pool: Pool) -> Keys:
        """The keys of a database, at most a minute old."""
        now_s = time.monotonic()
        if self.reading is None or self.pool is not pool or now_s - self.read_at_s > _FRESH_S or _failed(self.reading):
            self.pool, self.read_at_s = pool, now_s
            self.reading = asyncio.create_task(store.keys(Reader(pool)))
        return self.reading.result() if self.reading.done() else await asyncio.shield(self.reading)


def _failed(reading: "asyncio.Task[Keys]") -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)


_KNOWN: Final = _Known()


class Signing:
    """Signs the items of answers, and checks what comes back."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def answer(self, placement: Placement, viewer_id: str | None, rules: int | None = None) -> Answer:
        """An answer that is served now, to a viewer or to nobody who counts: staff, merchants. `rules` ranked it, if any did."""
        request_id = str(uuid7())
        named = request_id if rules is None else ranked_id(request_id, rules)
        return Answer(self.keys, named, placement, viewer_id, datetime.now(UTC))

    def believed(self, touch: str | None, viewer_id: str, post_id: str) -> str | None:
        """The touch of the item that led a viewer to a post's card: None without one, or when it is older than a click may be.

        Raises a 422 problem for one that the feed did not serve to this viewer with this post.
        """
        if touch is None:
            return None
        verdict = Check(self.keys, datetime.now(UTC), CLICK_WINDOW).verified(touch, viewer_id)
        if isinstance(verdict, Refusal) and verdict.kind == "too_late":
            return None
        if isinstance(verdict, Refusal) or verdict.post_id != post_id:
            raise Problem(422, NEVER_SERVED.kind, NEVER_SERVED.detail)
        return touch

    @property
    def check(self) -> Check:
        """What touches are compared with now."""
        return Check(self.keys, datetime.now(UTC), settings_of(FeedSettings).interactions_late)


async def _signing(request: Request) -> Signing:
    return Signing(await _KNOWN.of(request.app.state.service.required_pool))


direct(_signing)

Touches = Annotated[Signing, Depends(_signing)]
"""Signs and checks touches."""
