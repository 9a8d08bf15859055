"""What readers do while everything dies: they follow and unfollow, publish and delete, come back and read.

More follow the first few than posts are copied to, on and off, so that authors change their tiers. The others have few followers,
however long a run takes: posts are copied until its end.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx

from lutong_chassis.auth import Principal
from lutong_console.targets import Suite
from tests.chaos.chaos_world import Client
from tests.chaos.world import VIEWERS, viewer

_PAUSE_S: Final = 0.1
_HANDS: Final = 4
_POPULAR: Final = 3
_FRIENDS: Final = 10
_SEASON: Final = 1_000
_UNDONE: Final = (0.35, 0.85)
"""How many of the follows are undone, season by season of so many acts."""


@dataclass(slots=True)
class Readers:
    """One thing after the other, until no more orders are placed."""

    client: Client
    suite: Suite
    rng: random.Random
    posts: list[str] = field(default_factory=list)
    done_so_far: int = 0

    async def work(self, done: asyncio.Event) -> None:
        """Several readers at once."""
        await asyncio.gather(*(self._one_after_the_other(done) for _ in range(_HANDS)))

    async def _one_after_the_other(self, done: asyncio.Event) -> None:
        while not done.is_set():
            act = self.rng.choices([self.follow, self.publish, self.delete, self.read], [5, 3, 1, 5])[0]
            self.done_so_far += 1
            await act(f"reader-{self.done_so_far}")
            await asyncio.sleep(_PAUSE_S)  # the pace of readers

    async def follow(self, key: str) -> None:
        """A viewer follows another one, or does no more."""
        reader, popular = self.rng.randrange(VIEWERS), self.rng.random() < 0.6
        author = self.rng.randrange(_POPULAR) if popular else reader + self.rng.randint(1, _FRIENDS)
        undone = _UNDONE[self.done_so_far // _SEASON % len(_UNDONE)]
        method = "DELETE" if self.rng.random() < undone else "PUT"
        path = f"/v1/accounts/{viewer(reader)}/follows/{viewer(author)}"
        await self.client.command("feed", path, None, key, method)

    async def publish(self, key: str) -> None:
        """A viewer publishes."""
        author_id = viewer(self.rng.randrange(_POPULAR if self.rng.random() < 0.5 else VIEWERS))
        post = {"post_id": f"post-{key}", "author_id": author_id, "text": "路通", "card": "none"}
        answer = await self.client.command("feed", "/v1/posts", post, key)
        if answer is not None and answer.status_code == 201:
            self.posts.append(f"post-{key}")

    async def delete(self, key: str) -> None:
        """A post goes."""
        if self.posts:
            post_id = self.posts.pop(self.rng.randrange(len(self.posts)))
            await self.client.command("feed", f"/v1/posts/{post_id}?reason=chaos", None, key, "DELETE")

    async def read(self, _key: str) -> None:
        """A viewer reads, as themselves: their timeline is kept from then on."""
        reader_id = viewer(self.rng.randrange(VIEWERS))
        who = self.suite.acting_as(Principal(reader_id, "member", member_id=reader_id))
        with suppress(httpx.TransportError):
            async with self.client.turns["feed"]:
                await self.client.http.get(
                    f"{self.client.stack.url('feed')}/v1/accounts/{reader_id}/timeline", auth=who
                )
