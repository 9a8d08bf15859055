"""Posts, cards and readers for tests of placements, and walks down them."""

from typing import Any

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.registry import ServiceDiscovered, VersionReleased
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import consume_own_events

BO, CY = a_member("bo"), a_member("cy")
HOME = "/v1/accounts/bo/placements/home"


async def ask(client: httpx.AsyncClient, path: str, who: Principal = BO, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params=query, headers=bearer(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(page: dict[str, Any]) -> list[str]:
    return [item["post"]["post_id"] for item in page["items"]]


async def walked(client: httpx.AsyncClient, path: str, who: Principal = BO, **query: Any) -> list[str]:
    found, cursor = list[str](), dict[str, Any]()
    while True:
        page = await ask(client, path, who, **query, **cursor)
        found += ids(page)
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def post(client: httpx.AsyncClient, author: str, post_id: str, **more: Any) -> str:
    body = {"author_id": author, "text": f"words of {post_id}", "post_id": post_id} | more
    (await client.post("/v1/posts", json=body)).raise_for_status()
    return post_id


def released(program_id: str) -> VersionReleased:
    return VersionReleased(
        program_id=program_id, merchant_id="shop", version=1, title=program_id.title(), page="pages/x", offers=()
    )


async def a_card(
    client: httpx.AsyncClient, pool: Pool, author: str, program_id: str, post_id: str | None = None
) -> str:
    """A post whose card leads to a program that is in force."""
    post_id = await post(client, author, post_id or f"{author}-{program_id}")
    found = {"program_id": program_id, "merchant_id": "shop", "version": 1, "title": "x", "page": "pages/x"}
    await deliver(
        pool, handlers, released(program_id), ServiceDiscovered(post_id=post_id, matched_by="program", **found)
    )
    return post_id


async def use(client: httpx.AsyncClient, pool: Pool, viewer: str, *post_ids: str, how: str = "taps") -> None:
    for post_id in post_ids:
        (await client.post(f"/v1/posts/{post_id}/card/{how}", json={"viewer_id": viewer})).raise_for_status()
    await consume_own_events(pool)


async def follow(client: httpx.AsyncClient, reader: str, *authors: str) -> None:
    for author in authors:
        (await client.put(f"/v1/accounts/{reader}/follows/{author}")).raise_for_status()


async def less_of(client: httpx.AsyncClient, pool: Pool, page: dict[str, Any], post_id: str) -> None:
    touch = next(item["post"]["touch"] for item in page["items"] if item["post"]["post_id"] == post_id)
    body = {"viewer_id": "bo", "interactions": [{"touch": touch, "kind": "show_less"}]}
    (await client.post("/v1/interactions", json=body)).raise_for_status()
    await consume_own_events(pool)
