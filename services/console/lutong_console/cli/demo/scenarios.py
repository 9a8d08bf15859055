"""A scenario of the demo: a way through the suite, watched event by event.

Everything goes through the public interfaces, as an author, a viewer and store staff would; only
the final states are read from the four databases.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import asyncpg
import httpx
from uuid_utils.compat import uuid7

from lutong_chassis.auth import Principal
from lutong_console.cli.commands.journey import Step, journey_of
from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import Suite, call

DEADLINE_S: Final = 30.0
SHANGHAI: Final = {"latitude": 31.2304, "longitude": 121.4737}
MERCHANT: Final = "watsons"
UTILITY: Final = "shanghai-water"
"""A merchant that sells no goods."""
_WHY: Final = {"lutong-reason": "walking a road"}

Show = Callable[[Step, int], None]


@dataclass(frozen=True, slots=True)
class Road:
    """One road: its letter, which its viewer has, what happens on it, the events it must consist of, and the walk."""

    letter: str
    story: str
    events: tuple[str, ...]
    walk: "Callable[[Scenario], Awaitable[None]]"
    good_credit: bool = True
    """What the bureau has of its viewer."""

    @property
    def title(self) -> str:
        """How it is headed."""
        return f"{self.letter}  {self.story}"


@dataclass(slots=True)
class Scenario:
    """A scenario that is played: a client of the services, which watches the journey as it grows."""

    client: httpx.AsyncClient
    target: Suite
    show: Show
    viewer: str
    journey: str = ""
    post: str = ""
    seen: list[Step] = field(default_factory=list)
    ends: dict[str, bool] = field(default_factory=dict)

    async def ask(self, service: str, method: str, path: str, **body: Any) -> Any:  # noqa: ANN401  # JSON
        """Call a service."""
        return await call(self.client, method, f"{self.target.urls[service]}{path}", json=body or None, headers=_WHY)

    async def ask_as(self, who: Principal, service: str, method: str, path: str, **body: Any) -> Any:  # noqa: ANN401  # JSON
        """Call a service as a person who has rights of their own: a member, or staff of a merchant."""
        url = f"{self.target.urls[service]}{path}"
        return await call(self.client, method, url, json=body or None, auth=self.target.acting_as(who))

    @property
    def member(self) -> Principal:
        """The viewer, as a member under their own id."""
        return Principal(self.viewer, "member", member_id=self.viewer)

    async def publish(self, author: str, text: str, program: str | None = None) -> None:
        """Publish a post and wait until its card can be tapped."""
        answer = await self.ask("feed", "POST", "/v1/posts", author_id=author, text=text, program_id=program)
        self.post, self.journey = answer["post_id"], answer["journey"]
        await self.until("ServiceDiscovered")
        await self.settled(f"/v1/posts/{self.post}", lambda post: post["card"]["state"] == "active")

    async def tap(self) -> None:
        """Open the mini-program from the card."""
        await self.ask("feed", "POST", f"/v1/posts/{self.post}/card/taps", viewer_id=self.viewer)

    async def order(self, sku: str, units: int, **more: Any) -> str:  # further fields of the request
        """Join the light membership on credit and order; gives the order."""
        answer = await self.ask(
            "feed",
            "POST",
            f"/v1/posts/{self.post}/card/requests",
            viewer_id=self.viewer,
            lines=[{"sku": sku, "units": units}],
            **{"destination": SHANGHAI} | more,
        )
        order_id: str = answer["order_id"]
        return order_id

    async def fulfil(self, order_id: str) -> None:
        """Bring the goods, as the staff of the location that was chosen."""
        await self.step(order_id, "accepted", "picked", "handed_over", "fulfilled")

    async def step(self, order_id: str, *steps: str) -> None:
        """Take steps with an order, as the staff of the location that it is at."""
        order = await self.ask("inventory", "GET", f"/v1/orders/{order_id}")
        for step in steps:
            await self.ask(
                "inventory", "POST", f"/v1/orders/{order_id}/steps", step=step, location_id=order["location_id"]
            )

    async def until(self, event: str, times: int = 1) -> None:
        """Wait until an event is on the journey, showing each one as it comes."""
        began = monotonic()
        while Counter(step.name for step in self.seen)[event] < times:
            if monotonic() - began > DEADLINE_S:
                raise ConsoleError(
                    f"{event} did not come within {DEADLINE_S:.0f} s", then=f"lutong journey {self.journey}"
                )
            await self.look()
            await asyncio.sleep(0.02)  # a poll of the condition above

    async def look(self) -> None:
        """Show what is new on the journey."""
        known = {step.event_id for step in self.seen}
        for step in await journey_of(self.client, self.target, self.journey):
            if step.event_id not in known:
                self.seen.append(step)
                self.show(step, round((step.at - self.seen[0].at).total_seconds() * 1000))

    async def settled(self, path: str, condition: Callable[[Any], bool], service: str = "feed") -> None:
        """Wait until a service shows what it must."""
        began = monotonic()
        while not condition(await self.ask(service, "GET", path)):
            if monotonic() - began > DEADLINE_S:
                raise ConsoleError(f"{path} did not become what it must", then="lutong status")
            await asyncio.sleep(0.02)  # a poll of the condition above

    async def check(self, service: str, what: str, sql: str, *arguments: object) -> None:
        """Look into a service's database whether something is so."""
        connection = await asyncpg.connect(self.target.database_urls[service])
        try:
            self.ends[f"{service}: {what}"] = bool(await connection.fetchval(sql, *arguments))
        finally:
            await connection.close()


def new_run() -> str:
    """A name for the viewers of one run, so that a suite that stays up can be walked again."""
    return uuid7().hex[-8:]
