"""What the road runs through: a brand with one store and one card, viewers without number, posts that all lead to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import asyncpg
import httpx

from lutong_chassis.auth import Principal
from lutong_local.stack import Stack
from tests.bench.road.clients import Ask
from tests.support.harness import until

VIEWERS: Final = 60_000
MEMBERS: Final = 12_000
"""Viewers that membership knows: every order of a round may be another one's."""

POSTS: Final = 10_000
PLENTY: Final = 1_000_000
_PROFILE: Final = {
    "months_known": 60, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 5, "declared_limit_minor": 9_000_000,
}  # fmt: skip
_PLACE: Final = {"latitude": 31.23, "longitude": 121.47}
TIMELINES: Final = 1_000
"""How many viewers follow the brand: they read timelines."""

TAP: Final = '{"viewer_id":"viewer-{n}"}'
STEPS: Final = ("accepted", "picked", "handed_over", "fulfilled")


def order(post_id: str) -> Ask:
    """A request for one thing, near the store."""
    where = '{"latitude":31.23,"longitude":121.47}'
    body = '{"viewer_id":"viewer-{n}","lines":[{"sku":"tea","units":1}],"destination":' + where + "}"
    return Ask("POST", f"/v1/posts/{post_id}/card/requests", body)


def token(stack: Stack) -> str:
    """An operator's, for an hour."""
    return stack.signer.token(Principal("bench", "operator"), 3600)


def client(stack: Stack) -> httpx.AsyncClient:
    """The operator who arranges things and moves orders on."""
    headers = {"authorization": f"Bearer {token(stack)}", "lutong-reason": "a benchmark"}
    return httpx.AsyncClient(headers=headers, timeout=60, trust_env=False)


async def ask(asking: httpx.AsyncClient, url: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # JSON
    """One request that must go well."""
    answer = await asking.request(method, f"{url}{path}", json=body)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
    return answer.json() if answer.content else None


async def build(stack: Stack, members: int) -> str:
    """Arrange everything; gives the post that is viral. Members are called `viewer-0`, `viewer-1`, …"""
    async with client(stack) as asking:
        url = {name: stack.url(name) for name in ("feed", "registry", "membership", "inventory")}
        await ask(asking, url["registry"], "PUT", "/v1/merchants/brand", {"name": "brand"})
        offer = {"sku": "tea", "title": "Tea", "unit_price": {"amount_minor": 500, "currency": "CNY"}}
        manifest = {"title": "Brand", "page": "pages/shop", "offers": [offer]}
        program = {"program_id": "brand", "merchant_id": "brand", "manifest": manifest}
        await ask(asking, url["registry"], "POST", "/v1/programs/batch", {"programs": [program]})
        plan = {"merchant_id": "brand", "title": "light", "line_limit_minor": PLENTY}
        await ask(asking, url["membership"], "PUT", "/v1/plans/light", plan)
        for begin in range(0, members, 500):
            names = [f"viewer-{n}" for n in range(begin, min(begin + 500, members))]
            profiles = [{"member_id": name, **_PROFILE} for name in names]
            await ask(asking, url["membership"], "POST", "/v1/members/profiles/batch", {"profiles": profiles})
        site = {"merchant_id": "brand", "kind": "store", "name": "store", **_PLACE}
        await ask(asking, url["inventory"], "PUT", "/v1/locations/store", site)
        await ask(asking, url["inventory"], "PUT", "/v1/locations/store/stock/tea", {"on_hand": PLENTY})
        await ask(asking, url["feed"], "PUT", "/v1/accounts/brand", {"name": "brand"})
        post = {"author_id": "brand", "text": "tea", "program_id": "brand"}
        viral: str = (await ask(asking, url["feed"], "POST", "/v1/posts", post))["post_id"]

        async def active() -> bool:
            return bool((await ask(asking, url["feed"], "GET", f"/v1/posts/{viral}"))["card"]["state"] == "active")

        await until(active, "the card is active")
    await _fill(stack, viral)
    return viral


async def _fill(stack: Stack, viral: str) -> None:
    """Viewers and posts, as SQL: how they came to be is not measured."""
    connection = await asyncpg.connect(stack.database_urls["feed"])
    await connection.execute(
        f"""
        INSERT INTO account SELECT 'viewer-' || n, 'v', 'personal' FROM generate_series(0, {VIEWERS - 1}) AS n;
        INSERT INTO post (post_id, author_id, text, published_at)
        SELECT 'post-' || n, 'brand', 'tea', now() FROM generate_series(0, {POSTS - 1}) AS n;
        INSERT INTO counter (post_id) SELECT post_id FROM post WHERE post_id LIKE 'post-%';
        INSERT INTO card (post_id, state, program_id, merchant_id, correlation_id)
        SELECT post.post_id, 'active', card.program_id, merchant_id, post.post_id
          FROM post, card WHERE post.post_id LIKE 'post-%' AND card.post_id = '{viral}';
        INSERT INTO follow (follower_id, followee_id) SELECT 'viewer-' || n, 'brand' FROM generate_series(0, {TIMELINES - 1}) AS n;
        ANALYZE
        """
    )
    await connection.close()


async def fulfil(stack: Stack, orders: int) -> None:
    """Move every order to its end as soon as it is sourced, and wait until so many are captured."""
    async with moving_on(stack):
        await all_captured(stack, orders)


@asynccontextmanager
async def moving_on(stack: Stack) -> AsyncIterator[None]:
    """Move orders to their ends as they are sourced, until the block ends: by then all of them have to be there."""
    moving = asyncio.create_task(_move_on(stack))
    try:
        yield
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)


async def _move_on(stack: Stack) -> NoReturn:
    """As the systems of stores do: each step for what waits for it."""
    stock, url = await asyncpg.connect(stack.database_urls["inventory"]), stack.url("inventory")
    try:
        async with client(stack) as asking:
            while True:
                rows = await stock.fetch("SELECT order_id FROM customer_order WHERE state = 'sourced' LIMIT 200")
                chunk = [row["order_id"] for row in rows]
                for step in STEPS if chunk else ():
                    await ask(asking, url, "POST", "/v1/orders/steps/batch", {"order_ids": chunk, "step": step})
                if not chunk:
                    await asyncio.sleep(0.05)  # a poll of the statement above
    finally:
        await stock.close()


async def all_captured(stack: Stack, orders: int) -> None:
    """Wait until so many holds are captured."""

    async def are_captured() -> bool:
        return await captured(stack) >= orders

    await until(are_captured, f"{orders} orders are captured", 300)


async def captured(stack: Stack) -> int:
    """How many holds are captured."""
    holds = await asyncpg.connect(stack.database_urls["membership"])
    try:
        return int(await holds.fetchval("SELECT count(*) FROM hold WHERE state = 'captured'"))
    finally:
        await holds.close()


def arranged(stack: Stack, members: int) -> str:
    """`build`, from outside of a loop."""
    return asyncio.run(build(stack, members))


def folder(base: Path, name: str) -> Path:
    """Where a suite of the benchmark lives."""
    return base / f"road-{name}"
