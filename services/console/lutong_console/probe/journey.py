"""One synthetic journey: each step is asked for or waited for as people do it, over the public routes, within a bound."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, NamedTuple

import httpx

from lutong_console.cli.errors import ConsoleError
from lutong_console.probe.world import PLACE, Rights, rights
from lutong_console.targets import Suite, call
from lutong_contracts.feed import PostAudience
from lutong_contracts.synthetic import PROBE

BOUND_S: Final = 20.0
"""How long a step may take. On an idle machine a whole journey takes one or two seconds."""
_NOT_YET: Final = 404
_BACK: Final = {"lutong-reason": "synthetic journey"}


@dataclass(slots=True)
class Road:
    """A journey under way: who makes it, and the ids that it has so far."""

    client: httpx.AsyncClient
    urls: Mapping[str, str]
    rights: Rights
    name: str = PROBE
    audience: PostAudience = "only_me"
    """Nobody else reads its posts: its account is author and reader."""
    journey: str = ""
    post_id: str = ""
    order_id: str = ""
    owed_minor: int = 0
    last: object = None
    """What was last seen where something was waited for."""

    async def publish(self) -> None:
        """The account publishes a post with the program's card."""
        post = {"author_id": self.name, "text": self.name, "program_id": self.name, "audience": self.audience}
        answer = await self._member("POST", "feed", "/v1/posts", **post)
        self.post_id, self.journey = answer["post_id"], answer["journey"]

    async def discover(self) -> None:
        """The registry led the post to the program, and its card can be opened."""
        await self._until("feed", f"/v1/posts/{self.post_id}", lambda post: post["card"]["state"], "active")

    async def tap(self) -> None:
        """The reader opens the card."""
        await self._member("POST", "feed", f"/v1/posts/{self.post_id}/card/taps", viewer_id=self.name)

    async def request(self) -> None:
        """The member joins on credit and orders one piece."""
        wanted = {"viewer_id": self.name, "lines": [{"sku": self.name, "units": 1}], "destination": PLACE}
        answer = await self._member("POST", "feed", f"/v1/posts/{self.post_id}/card/requests", **wanted)
        self.order_id = answer["order_id"]

    async def hold(self) -> None:
        """Membership holds credit for it."""
        self.owed_minor = await self._owed_minor()
        await self._until("membership", f"/v1/holds/{self.order_id}", lambda hold: hold["state"], "held")

    async def source(self) -> None:
        """Inventory found the store that serves it."""
        await self._until("inventory", f"/v1/orders/{self.order_id}", lambda order: order["state"], "sourced")

    async def deliver(self) -> None:
        """The store's staff brings the goods."""
        for step in ("accepted", "picked", "handed_over", "fulfilled"):
            await self._merchant(f"/v1/orders/{self.order_id}/steps", step=step, location_id=self.name)

    async def capture(self) -> None:
        """Membership made the hold a debt."""
        await self._until("membership", f"/v1/holds/{self.order_id}", lambda hold: hold["state"], "captured")

    async def show(self) -> None:
        """The feed shows the reader that the goods came."""
        await self._until("feed", f"/v1/requests/{self.order_id}", lambda request: request["status"], "fulfilled")

    async def refund(self) -> None:
        """The store takes the goods back onto the shelf, and the member owes no more than before."""
        lines = [{"sku": self.name, "units": 1}]
        back = {"refund_id": self.order_id, "lines": lines, "restock": True}
        await self._merchant(f"/v1/orders/{self.order_id}/refunds", **back)
        await self._until("membership", f"/v1/members/{self.name}", self._debt, "as before")

    async def close(self) -> None:
        """The account deletes the post."""
        await self._member("DELETE", "feed", f"/v1/posts/{self.post_id}")

    async def _member(self, method: str, service: str, path: str, **body: object) -> Any:  # noqa: ANN401  # JSON
        url = f"{self.urls[service]}{path}"
        return await call(self.client, method, url, json=body or None, auth=self.rights.member)

    async def _merchant(self, path: str, **body: object) -> None:
        url = f"{self.urls['inventory']}{path}"
        await call(self.client, "POST", url, json=body, auth=self.rights.merchant, headers=_BACK)

    async def _until(self, service: str, path: str, seen: Callable[[Any], object], wanted: object) -> None:
        """Look until a service shows the member what is wanted; what is not there yet may come."""
        while True:
            try:
                self.last = seen(await self._member("GET", service, path))
            except ConsoleError as error:
                if error.status != _NOT_YET:
                    raise
                self.last = "nothing"
            if self.last == wanted:
                return
            await asyncio.sleep(0.05)  # a poll of the condition above

    async def _owed_minor(self) -> int:
        try:
            return _owed_minor(await self._member("GET", "membership", f"/v1/members/{self.name}"))
        except ConsoleError as error:
            if error.status != _NOT_YET:
                raise
            return 0  # a member who has not joined yet

    def _debt(self, member: Any) -> str:  # noqa: ANN401  # JSON
        return "as before" if _owed_minor(member) <= self.owed_minor else "more than before"


def _owed_minor(member: Any) -> int:  # noqa: ANN401  # JSON
    return sum(line["owed_minor"] for line in member["lines"])


STEPS: Final[tuple[Callable[[Road], Awaitable[None]], ...]] = (
    Road.publish, Road.discover, Road.tap, Road.request, Road.hold, Road.source, Road.deliver, Road.capture,
    Road.show, Road.refund, Road.close,
)  # fmt: skip
NAMES: Final = tuple(step.__name__ for step in STEPS)


class Taken(NamedTuple):
    """A step that came, and how long it took."""

    step: str
    took_s: float


class Outcome(NamedTuple):
    """What became of a journey: the steps that came and, if it failed, the one that did not, and why."""

    at: datetime
    journey: str
    post_id: str
    order_id: str
    steps: tuple[Taken, ...]
    failed: str | None = None
    why: str = ""

    @property
    def took_s(self) -> float:
        """How long its steps took."""
        return sum(step.took_s for step in self.steps)


async def walk(road: Road, bound_s: float = BOUND_S) -> Outcome:
    """Take each step once; the first that does not come within the bound, or is refused, ends the journey.

    What a failed journey leaves is not cleared away: it is evidence, and deadlines of the services end it.
    """
    at, taken = datetime.now(UTC), list[Taken]()
    failed: str | None = None
    why = ""
    for step in STEPS:
        began, road.last = monotonic(), None
        try:
            async with asyncio.timeout(bound_s):
                await step(road)
        except TimeoutError:
            seen = "" if road.last is None else f"; what was seen last: {road.last}"
            failed, why = step.__name__, f"it did not come within {bound_s:g} s{seen}"
        except ConsoleError as error:
            failed, why = step.__name__, str(error)
        except (LookupError, TypeError, ValueError) as error:
            failed, why = step.__name__, f"what was answered is not what a reader needs ({type(error).__name__})"
        if failed:
            break
        taken.append(Taken(step.__name__, monotonic() - began))
    return Outcome(at, road.journey, road.post_id, road.order_id, tuple(taken), failed, why)


async def probe(target: Suite, bound_s: float = BOUND_S) -> Outcome:
    """One journey through a suite. Whom nobody signs a token for publishes nothing: that is its first step."""
    try:
        async with target.client(bound_s) as client:
            return await walk(Road(client, target.urls, rights(target)), bound_s)
    except ConsoleError as error:
        return Outcome(datetime.now(UTC), "", "", "", (), NAMES[0], str(error))
