"""An edited post shows its last words; what it was stays to be read, until it is deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, an_operator, bearer, deliver
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, card, discovered

ANN = a_member("ann")
Edit = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def edit(client: httpx.AsyncClient) -> Edit:
    async def edited(post_id: str, text: str, who: Principal = ANN, **more: Any) -> httpx.Response:  # JSON
        return await client.patch(f"/v1/posts/{post_id}", json={"text": text} | more, headers=bearer(who))

    return edited


async def revisions(client: httpx.AsyncClient, post_id: str) -> list[tuple[int, str]]:
    found = (await client.get(f"/v1/posts/{post_id}/revisions")).raise_for_status().json()
    assert [each["written_at"] for each in found] == sorted(each["written_at"] for each in found)
    return [(each["revision"], each["text"]) for each in found]


async def published(pool: Pool) -> list[tuple[int, str]]:
    rows = await pool.fetch("SELECT payload FROM outbox WHERE type = 'lutong.feed.post-revised.v1' ORDER BY id")
    return [(event["revision"], event["text"]) for row in rows if (event := orjson.loads(row["payload"]))]


async def test_a_post_shows_its_last_words_and_keeps_all(edit: Edit, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client, text="tee")
    repost = await client.post("/v1/posts", json={"author_id": "bo", "text": "look", "parent_id": post_id})
    assert [(await edit(post_id, text)).json()["revision"] for text in ("tea", "tea", "green tea")] == [2, 2, 3]
    shown = (await client.get(f"/v1/posts/{post_id}")).json()
    assert (shown["text"], shown["revision"], shown["revised_at"] is None) == ("green tea", 3, False)
    assert (await client.get("/v1/accounts/ann/timeline")).json()["posts"][0]["text"] == "green tea"
    below = (await client.get(f"/v1/posts/{repost.json()['post_id']}")).json()
    assert (below["repost"]["root_text"], below["revision"], below["revised_at"]) == ("green tea", 1, None)
    assert await revisions(client, post_id) == [(1, "tee"), (2, "tea"), (3, "green tea")]
    assert await published(pool) == [(2, "tea"), (3, "green tea")]


async def test_what_a_post_was_goes_with_it(edit: Edit, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client, text="tee")
    await edit(post_id, "tea")
    assert await pool.fetchval("SELECT count(*) FROM post_revision") == 1
    await client.delete(f"/v1/posts/{post_id}", headers=bearer(ANN))
    assert await pool.fetchval("SELECT count(*) FROM post_revision") == 0
    gone = [await client.get(f"/v1/posts/{post_id}/revisions"), await edit(post_id, "again")]
    assert [answer.status_code for answer in gone] == [410, 410]
    assert (await client.get("/v1/posts/nothing/revisions")).status_code == 404


@pytest.mark.parametrize(("who", "status"), [(a_member("bo"), 404), (an_operator(), 403), (a_merchant("shop"), 403)])
async def test_nobody_puts_words_into_an_authors_mouth(
    who: Principal, status: int, edit: Edit, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client, text="tee")
    assert (await edit(post_id, "tea", who)).status_code == status
    assert (await client.get(f"/v1/posts/{post_id}")).json()["text"] == "tee"
    assert await published(pool) == []


async def test_an_edit_of_what_was_edited_meanwhile_is_refused(edit: Edit, client: httpx.AsyncClient) -> None:
    post_id = await a_post(client, text="tee")
    answers = await asyncio.gather(*(edit(post_id, f"tea {n}", revision=1) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert len(await revisions(client, post_id)) == 2


async def test_all_edits_at_once_are_kept_in_order(edit: Edit, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client, text="tea")
    answers = await asyncio.gather(*(edit(post_id, f"tea {n}") for n in range(8)))
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(2, 10))
    assert [number for number, _ in await revisions(client, post_id)] == list(range(1, 10))
    assert (await revisions(client, post_id))[1:] == await published(pool)


async def test_a_card_follows_what_is_found_for_the_new_words(
    edit: Edit, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    await edit(post_id, "nothing to sell")
    assert await card(client, post_id) == ("active", None)  # until the registry has read it
