"""The four roads of the demo: the world they need, how each is walked, and where it must end.

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

from lutong_console.cli.commands.journey import Step, journey_of
from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import Suite, call

DEADLINE_S: Final = 30.0
SHANGHAI: Final = {"latitude": 31.2304, "longitude": 121.4737}
_MERCHANT: Final = "watsons"
_WHY: Final = {"lutong-reason": "walking a road"}

Show = Callable[[Step, int], None]


@dataclass(frozen=True, slots=True)
class Road:
    """One road: its title, the events it must consist of, and the walk."""

    title: str
    events: tuple[str, ...]
    walk: "Callable[[Scenario], Awaitable[None]]"


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
            destination=SHANGHAI,
            **more,
        )
        order_id: str = answer["order_id"]
        return order_id

    async def fulfil(self, order_id: str) -> None:
        """Bring the goods, as the staff of the location that was chosen."""
        order = await self.ask("inventory", "GET", f"/v1/orders/{order_id}")
        for step in ("accepted", "picked", "handed_over", "fulfilled"):
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

    async def settled(self, path: str, condition: Callable[[Any], bool]) -> None:
        """Wait until the feed shows what it must."""
        began = monotonic()
        while not condition(await self.ask("feed", "GET", path)):
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


async def build_world(client: httpx.AsyncClient, target: Suite, run: str) -> None:
    """Merchants, programs, a plan, stores with stock, and this run's viewers. Safe to repeat."""

    async def put(service: str, path: str, **body: object) -> None:
        await call(client, "PUT", f"{target.urls[service]}{path}", json=body)

    async def post(service: str, path: str, **body: object) -> None:
        await call(client, "POST", f"{target.urls[service]}{path}", json=body)

    await put("registry", "/v1/merchants/zhejiang", name="浙江省政务服务")
    await put("registry", f"/v1/merchants/{_MERCHANT}", name="屈臣氏")
    await post("registry", "/v1/programs/batch", programs=_PROGRAMS)
    await put(
        "membership", "/v1/plans/watsons-light", merchant_id=_MERCHANT, title="屈臣氏轻会员", line_limit_minor=100_000
    )
    good = {"months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 20}
    bad = {"months_known": 3, "late_months": 5, "worst_delay_months": 4, "utilisation_percent": 95}
    for viewer, profile in (("b", good), ("c", good), ("d", bad)):
        await put("membership", f"/v1/members/{viewer}-{run}/profile", **profile, declared_limit_minor=2_000_000)
    await post("inventory", "/v1/locations/batch", locations=[{"merchant_id": _MERCHANT, **site} for site in _SITES])
    await post("inventory", "/v1/stock/batch", shelves=_STOCK)
    accounts = [("zheliban", "浙里办", "enterprise"), (_MERCHANT, "屈臣氏", "enterprise")]
    accounts += [(f"{viewer}-{run}", f"读者{viewer}", "personal") for viewer in "abcd"]
    named = [{"account_id": key, "name": name, "kind": kind} for key, name, kind in accounts]
    await post("feed", "/v1/accounts/batch", accounts=named)
    await _listings_known(client, target)


async def _listings_known(client: httpx.AsyncClient, target: Suite) -> None:
    """Wait until the registry's releases can be found."""
    began = monotonic()
    while not await call(client, "GET", f"{target.urls['registry']}/v1/search", params={"q": "公积金"}):
        if monotonic() - began > DEADLINE_S:
            raise ConsoleError("the search does not find what was released", then="lutong logs registry")
        await asyncio.sleep(0.02)  # a poll of the condition above


async def _solved_in_place(scenario: Scenario) -> None:
    await scenario.publish("zheliban", "住房公积金新政策今天起施行：提取材料减半，租房提取额度提高。点开卡片就能办。")
    await scenario.tap()
    await scenario.ask("feed", "POST", f"/v1/posts/{scenario.post}/card/solutions", viewer_id=scenario.viewer)
    await scenario.until("ServiceSolved")
    await scenario.settled(f"/v1/posts/{scenario.post}", lambda post: post["counters"]["solved"] == 1)
    await scenario.check("feed", "card active", "SELECT state = 'active' FROM card WHERE post_id = $1", scenario.post)
    await scenario.check(
        "registry", "found by words", "SELECT program_id = 'demo-fund' FROM discovery WHERE post_id = $1", scenario.post
    )
    await scenario.check("membership", "no hold", "SELECT count(*) = 0 FROM hold WHERE member_id = $1", scenario.viewer)
    await scenario.check(
        "inventory", "no order", "SELECT count(*) = 0 FROM customer_order WHERE member_id = $1", scenario.viewer
    )


async def _nearest_store(scenario: Scenario) -> None:
    await _ordered(scenario, "mask", "store-nanjing-west-road", "store")


async def _flagship(scenario: Scenario) -> None:
    await _ordered(scenario, "shampoo", "watsons-flagship", "flagship")


async def _ordered(scenario: Scenario, sku: str, location: str, kind: str) -> None:
    await scenario.publish(_MERCHANT, "面膜、洗发水，先享后付，附近门店半小时送达。", "demo-watsons")
    await scenario.tap()
    order_id = await scenario.order(sku, 2)
    await scenario.until("OrderSourced")
    await scenario.fulfil(order_id)
    await scenario.until("HoldCaptured")
    await scenario.settled(f"/v1/requests/{order_id}", lambda request: request["status"] == "fulfilled")
    await scenario.check(
        "feed", "fulfilled", "SELECT status = 'fulfilled' FROM service_request WHERE order_id = $1", order_id
    )
    await scenario.check(
        "registry", "found by id", "SELECT program_id = 'demo-watsons' FROM discovery WHERE post_id = $1", scenario.post
    )
    await scenario.check(
        "membership",
        "captured and owed",
        "SELECT state = 'captured' AND amount_minor = owed_minor AND held_minor = 0 "
        "FROM hold JOIN credit_line USING (member_id) WHERE order_id = $1",
        order_id,
    )
    await scenario.check(
        "inventory",
        f"shipped by {kind}",
        "SELECT state = 'fulfilled' AND location_id = $2 FROM customer_order WHERE order_id = $1",
        order_id,
        location,
    )


async def _credit_declined(scenario: Scenario) -> None:
    await scenario.publish(_MERCHANT, "面膜补货了，先享后付。", "demo-watsons")
    await scenario.tap()
    order_id = await scenario.order("mask", 1)
    await scenario.until("CreditDeclined")
    await scenario.settled(f"/v1/requests/{order_id}", lambda request: request["status"] == "declined")
    await scenario.check(
        "feed", "declined", "SELECT status = 'declined' FROM service_request WHERE order_id = $1", order_id
    )
    await scenario.check(
        "registry", "found by id", "SELECT reason IS NULL FROM discovery WHERE post_id = $1", scenario.post
    )
    await scenario.check(
        "membership",
        "nothing held",
        "SELECT state = 'declined' AND amount_minor = 0 FROM hold WHERE order_id = $1",
        order_id,
    )
    await scenario.check(
        "inventory", "no order", "SELECT count(*) = 0 FROM customer_order WHERE order_id = $1", order_id
    )


_FOUND: Final = ("PostPublished", "ServiceDiscovered", "CardTapped")
_FULFILLED: Final = (
    *_FOUND, "ServiceRequested", "AgreementConsulted", "CreditAssessed", "AgreementSigned", "CreditHeld", "OrderSourced",
    "OrderAdvanced", "OrderAdvanced", "OrderAdvanced", "OrderFulfilled", "HoldCaptured",
)  # fmt: skip

ROADS: Final = (
    Road("a  浙里办: a new provident-fund policy, solved in place", (*_FOUND, "ServiceSolved"), _solved_in_place),
    Road("b  屈臣氏: join on credit and order; the nearest store delivers", _FULFILLED, _nearest_store),
    Road("c  屈臣氏: the store's shelf is empty; the flagship ships", _FULFILLED, _flagship),
    Road(
        "d  屈臣氏: credit declined; no order, nothing held",
        (*_FOUND, "ServiceRequested", "AgreementConsulted", "CreditAssessed", "AgreementDeclined", "CreditDeclined"),
        _credit_declined,
    ),
)


def new_run() -> str:
    """A name for the viewers of one run, so that a suite that stays up can be walked again."""
    return uuid7().hex[-8:]


_PROGRAMS: Final = [
    {
        "program_id": "demo-fund",
        "merchant_id": "zhejiang",
        "manifest": {
            "title": "公积金提取",
            "page": "pages/fund/withdraw?from=feed",
            "keywords": ["公积金", "provident fund"],
            "description": "住房公积金提取、贷款、缴存查询",
        },
    },
    {
        "program_id": "demo-watsons",
        "merchant_id": _MERCHANT,
        "manifest": {
            "title": "屈臣氏轻会员",
            "page": "pages/shop/index",
            "keywords": ["屈臣氏", "watsons"],
            "offers": [
                {"sku": "mask", "title": "补水面膜", "unit_price": {"amount_minor": 5900, "currency": "CNY"}},
                {"sku": "shampoo", "title": "洗发水", "unit_price": {"amount_minor": 3900, "currency": "CNY"}},
            ],
        },
    },
]
_SITES: Final = [
    {"location_id": "store-nanjing-west-road", "kind": "store", "name": "屈臣氏 南京西路店", "latitude": 31.2298, "longitude": 121.4585},
    {"location_id": "store-lujiazui", "kind": "store", "name": "屈臣氏 陆家嘴店", "latitude": 31.2397, "longitude": 121.4998},
    {"location_id": "watsons-flagship", "kind": "flagship", "name": "屈臣氏 官方旗舰店", "latitude": 31.1443, "longitude": 121.8083},
]  # fmt: skip
_STOCK: Final = [
    {"location_id": "store-nanjing-west-road", "sku": "mask", "on_hand": 1000, "safety_stock": 2},
    {"location_id": "store-nanjing-west-road", "sku": "shampoo", "on_hand": 2, "safety_stock": 2},
    {"location_id": "store-lujiazui", "sku": "mask", "on_hand": 1000},
    {"location_id": "watsons-flagship", "sku": "mask", "on_hand": 100_000},
    {"location_id": "watsons-flagship", "sku": "shampoo", "on_hand": 100_000},
]  # fmt: skip
