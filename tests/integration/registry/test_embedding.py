"""Who may embed which program: everybody, those with a permission, or its owner alone."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client, in_transaction, run_jobs
from lutong_contracts.feed import AccountChanged
from lutong_registry.app import service
from lutong_registry.discovery import waiting
from lutong_registry.handlers import handlers
from tests.support.builders import a_post

FUND = "/v1/programs/fund"


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A registry with a program of gov's, whose accounts are `gov-news` by its merchant and `helper` by a binding."""
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        manifest = {"title": "公积金提取", "page": "pages/fund"}
        program = {"program_id": "fund", "merchant_id": "gov", "manifest": manifest}
        assert (await client.post("/v1/programs/batch", json={"programs": [program]})).status_code == 201
        await deliver(
            pool,
            handlers,
            AccountChanged(account_id="gov-news", kind="enterprise", merchant_id="gov", revision=1),
            AccountChanged(account_id="helper", kind="personal", program_ids=("fund",), revision=1),
            AccountChanged(account_id="amy", kind="personal", revision=1),
        )
        yield client


async def restrict(client: httpx.AsyncClient, embedded_by: str) -> None:
    answer = await client.put(f"{FUND}/embedding", json={"embedded_by": embedded_by})
    assert answer.json() == {"program_id": "fund", "embedded_by": embedded_by}


async def led(pool: Pool, author: str, **post: Any) -> str:
    """Where a post of an author led."""
    (answer,) = await deliver(pool, handlers, a_post(author_id=author, **post))
    return str(getattr(answer, "reason", "a card"))


async def published(pool: Pool) -> list[str]:
    """What was said of the embedding of the program."""
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT type FROM outbox WHERE key = 'fund' AND type LIKE '%embedding-%' ORDER BY id")
    return [row["type"].split(".")[2] for row in rows]


AUTHORS = ("gov-news", "helper", "partner", "amy", "nobody-told-of")


@pytest.mark.parametrize(
    ("embedded_by", "allowed"),
    [
        ("public", set(AUTHORS)),
        ("permitted", {"gov-news", "helper", "partner"}),
        ("owner", {"gov-news", "helper"}),
    ],
)
async def test_a_post_embeds_what_its_author_may(
    client: httpx.AsyncClient, pool: Pool, embedded_by: str, allowed: set[str]
) -> None:
    assert (await client.put(f"{FUND}/embedders/partner")).status_code == 204
    await restrict(client, embedded_by)
    named = {author: await led(pool, author, program_id="fund", text="看这里") for author in AUTHORS}
    assert named == {author: "a card" if author in allowed else "not_permitted" for author in AUTHORS}
    guessed = {author: await led(pool, author, text="公积金提取新政策") for author in AUTHORS}
    assert guessed == {author: "a card" if author in allowed else "no_match" for author in AUTHORS}


async def test_a_permission_holds_until_it_is_revoked(client: httpx.AsyncClient, pool: Pool) -> None:
    await restrict(client, "permitted")
    assert await led(pool, "amy", program_id="fund") == "not_permitted"
    await client.put(f"{FUND}/embedders/amy")
    assert await led(pool, "amy", program_id="fund") == "a card"
    await client.delete(f"{FUND}/embedders/amy")
    assert await led(pool, "amy", program_id="fund") == "not_permitted"


async def test_what_is_asked_twice_is_published_once(client: httpx.AsyncClient, pool: Pool) -> None:
    for _ in range(2):
        await restrict(client, "permitted")
        assert (await client.put(f"{FUND}/embedders/amy")).status_code == 204
    for _ in range(2):
        assert (await client.delete(f"{FUND}/embedders/amy")).status_code == 204
    assert await published(pool) == ["embedding-changed", "embedding-permitted", "embedding-revoked"]


async def test_permissions_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    for account in ("c", "a", "b"):
        await client.put(f"{FUND}/embedders/{account}")
    first = (await client.get(f"{FUND}/embedders", params={"limit": 2})).json()
    rest = (await client.get(f"{FUND}/embedders", params={"after": "b"})).json()
    assert [row["account_id"] for row in first["accounts"]] == ["a", "b"]
    assert [row["account_id"] for row in rest["accounts"]] == ["c"]
    assert first["embedded_by"] == "public"


async def test_a_word_that_is_no_rule_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.put(f"{FUND}/embedding", json={"embedded_by": "friends"})).status_code == 422
    assert (await client.put("/v1/programs/none/embedding", json={"embedded_by": "owner"})).status_code == 404


async def test_a_post_that_waited_is_led_only_where_its_author_may(client: httpx.AsyncClient, pool: Pool) -> None:
    for author in ("amy", "helper"):
        assert await led(pool, author, post_id=f"by-{author}", program_id="later") == "unknown_program"
    program = {"program_id": "later", "merchant_id": "gov", "manifest": {"title": "以后", "page": "pages/later"}}
    await client.put("/v1/programs/later", json={"merchant_id": "gov"})
    await client.put("/v1/programs/later/embedding", json={"embedded_by": "permitted"})
    await client.put("/v1/programs/later/embedders/helper")
    assert (await client.post("/v1/programs/batch", json={"programs": [program]})).status_code == 201
    found = {event.key: getattr(event, "reason", "a card") for event in await run_jobs(pool, waiting.queue())}
    assert found == {"by-amy": "not_permitted", "by-helper": "a card"}
