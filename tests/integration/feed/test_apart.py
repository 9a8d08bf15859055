"""Accounts that are kept apart: a block holds both ways, a mute keeps posts out of one timeline."""

from typing import Any

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, an_operator, bearer, deliver
from lutong_contracts.feed import PostPublished
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import a_post

BO, CY = a_member("bo"), a_member("cy")


@pytest.fixture
async def posts(client: httpx.AsyncClient) -> dict[str, str]:
    """All follow each other; ann's post, cy's repost of it, and bo's own."""
    for one in ("ann", "bo", "cy"):
        for other in {"ann", "bo", "cy"} - {one}:
            await client.put(f"/v1/accounts/{one}/follows/{other}")
    found = {"ann": await a_post(client, "ann")}
    again = {"author_id": "cy", "text": "look", "parent_id": found["ann"]}
    found["again"] = (await client.post("/v1/posts", json=again)).json()["post_id"]
    return found | {"bo": await a_post(client, "bo")}


async def read(client: httpx.AsyncClient, path: str, who: Principal) -> Any:  # noqa: ANN401  # JSON
    return (await client.get(path, headers=bearer(who))).raise_for_status().json()


async def timeline(client: httpx.AsyncClient, name: str) -> list[str]:
    return [each["post_id"] for each in (await read(client, f"/v1/accounts/{name}/timeline", a_member(name)))["posts"]]


async def keep(client: httpx.AsyncClient, what: str, method: str = "PUT") -> None:
    (await client.request(method, f"/v1/accounts/{what}")).raise_for_status()


async def test_a_block_holds_both_ways(client: httpx.AsyncClient, posts: dict[str, str]) -> None:
    await keep(client, "bo/blocks/ann")
    assert await timeline(client, "bo") == [posts["bo"]]  # the repost shows ann's words
    assert await timeline(client, "ann") == [posts["again"], posts["ann"]]
    assert await timeline(client, "cy") == [posts["bo"], posts["again"], posts["ann"]]  # the control
    for reader, author in (("bo", "ann"), ("ann", "bo")):
        who = a_member(reader)
        assert (await client.get(f"/v1/posts/{posts[author]}", headers=bearer(who))).status_code == 404
        assert (await read(client, f"/v1/accounts/{author}/posts", who))["posts"] == []
    assert (await client.get(f"/v1/posts/{posts['again']}", headers=bearer(BO))).status_code == 404
    assert (await client.get(f"/v1/posts/{posts['ann']}", headers=bearer(an_operator()))).status_code == 200


@pytest.mark.parametrize(("blocker", "blocked"), [("ann", "bo"), ("bo", "ann")])
async def test_a_block_ends_follows_and_forbids_new_ones(
    blocker: str, blocked: str, client: httpx.AsyncClient, pool: Pool, posts: dict[str, str]
) -> None:
    await keep(client, f"{blocker}/blocks/{blocked}")
    both = "follower_id IN ('ann', 'bo') AND followee_id IN ('ann', 'bo')"
    assert await pool.fetchval(f"SELECT count(*) FROM follow WHERE {both}") == 0
    follows = {"follows": [{"follower_id": "ann", "followee_id": "bo"}]}
    refused = [
        await client.put("/v1/accounts/ann/follows/bo"),
        await client.put("/v1/accounts/bo/follows/ann"),
        await client.post("/v1/follows/batch", json=follows),
    ]
    assert [(each.status_code, each.json()["type"]) for each in refused] == [(409, "urn:lutong:problem:kept_apart")] * 3
    await keep(client, f"{blocker}/blocks/{blocked}", "DELETE")
    assert (await client.put("/v1/accounts/ann/follows/bo")).status_code == 204
    assert (await client.get(f"/v1/posts/{posts['ann']}", headers=bearer(BO))).status_code == 200


async def test_the_blocked_repost_nothing_of_the_blocker(
    client: httpx.AsyncClient, pool: Pool, posts: dict[str, str]
) -> None:
    await keep(client, "ann/blocks/bo")
    for parent_id in (posts["ann"], posts["again"]):
        body = {"author_id": "bo", "text": "look", "parent_id": parent_id}
        refused = await client.post("/v1/posts", json=body)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:kept_apart")
    await deliver(pool, handlers, PostPublished(post_id="x", author_id="bo", text="look", parent_id=posts["ann"]))
    reason = await pool.fetchval("SELECT payload::json ->> 'reason' FROM outbox WHERE type LIKE '%post-refused%'")
    assert reason == "kept_apart"
    allowed = {"author_id": "cy", "text": "look", "parent_id": posts["ann"]}
    assert (await client.post("/v1/posts", json=allowed)).status_code == 201  # the control


async def test_a_mute_leaves_out_of_one_timeline(client: httpx.AsyncClient, posts: dict[str, str]) -> None:
    await keep(client, "bo/mutes/ann")
    assert await timeline(client, "bo") == [posts["bo"]]
    assert await timeline(client, "ann") == [posts["bo"], posts["again"], posts["ann"]]
    assert (await client.get(f"/v1/posts/{posts['ann']}", headers=bearer(BO))).status_code == 200
    assert (await read(client, "/v1/accounts/ann", BO))["followed"]
    await keep(client, "bo/mutes/ann", "DELETE")
    assert await timeline(client, "bo") == [posts["bo"], posts["again"], posts["ann"]]


async def test_a_page_is_full_whatever_is_left_out(client: httpx.AsyncClient, posts: dict[str, str]) -> None:
    for _ in range(5):
        await a_post(client, "ann")
    await keep(client, "bo/mutes/ann")
    found = await read(client, "/v1/accounts/bo/timeline?limit=1", BO)
    assert ([each["post_id"] for each in found["posts"]], found["next_cursor"]) == ([posts["bo"]], None)


async def test_whom_an_account_keeps_apart_is_its_own(client: httpx.AsyncClient, posts: dict[str, str]) -> None:
    assert posts
    for what in ("bo/blocks/ann", "bo/mutes/cy", "bo/mutes/ann"):
        await keep(client, what)
    assert await read(client, "/v1/accounts/bo/apart", BO) == {"blocks": ["ann"], "mutes": ["ann", "cy"]}
    assert (await client.get("/v1/accounts/bo/apart", headers=bearer(CY))).status_code == 404
    assert (await client.put("/v1/accounts/bo/blocks/bo")).status_code == 422
    assert (await client.put("/v1/accounts/bo/blocks/nobody")).status_code == 404
