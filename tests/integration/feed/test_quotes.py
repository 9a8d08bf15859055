"""Quotes: a post with words and a card of its own shows another one below, as it is now."""

from typing import Any

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, an_operator, bearer, deliver
from lutong_contracts.feed import PostPublished, PostRefused
from lutong_contracts.timelines import FanOutAsked
from lutong_feed.handlers import handlers
from tests.support.builders import beside_timelines


async def publish(client: httpx.AsyncClient, author_id: str, post_id: str, **more: Any) -> httpx.Response:
    post = {"author_id": author_id, "text": f"words of {author_id}", "card": "none", "post_id": post_id} | more
    return await client.post("/v1/posts", json=post)


async def shown(client: httpx.AsyncClient, post_id: str, who: str = "cy") -> dict[str, Any]:
    answer = await client.get(f"/v1/posts/{post_id}", headers=bearer(a_member(who)))
    post: dict[str, Any] = answer.raise_for_status().json()
    return post


@pytest.fixture(autouse=True)
async def quoted(client: httpx.AsyncClient) -> None:
    """Bo quotes Ann."""
    (await publish(client, "ann", "p-1")).raise_for_status()
    (await publish(client, "bo", "q-1", quote_id="p-1")).raise_for_status()


async def test_a_quote_shows_what_it_quotes_and_is_no_repost(client: httpx.AsyncClient) -> None:
    post = await shown(client, "q-1")
    assert post["quote"] == {
        "post_id": "p-1", "author_id": "ann", "author_name": "ann", "text": "words of ann", "deleted": False,
        "limited": False,
    }  # fmt: skip
    assert (post["text"], post["repost"]) == ("words of bo", None)


async def test_a_quote_of_a_deleted_post_shows_that_it_is_gone(client: httpx.AsyncClient) -> None:
    (await client.delete("/v1/posts/p-1", headers=bearer(a_member("ann")))).raise_for_status()
    quote = (await shown(client, "q-1"))["quote"]
    assert (quote["text"], quote["deleted"]) == ("", True)
    refused = await publish(client, "cy", "q-2", quote_id="p-1")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:lutong:problem:quoted_deleted")


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"quote_id": "none"}, 422, "no_quoted"),
        ({"quote_id": "q-9"}, 422, "no_quoted"),
        ({"quote_id": "p-1", "parent_id": "p-1"}, 422, "reposts_and_quotes"),
    ],
    ids=["nothing", "itself", "a repost as well"],
)
async def test_what_cannot_be_quoted_is_refused(
    more: dict[str, str], status: int, kind: str, client: httpx.AsyncClient
) -> None:
    refused = await publish(client, "cy", "q-9", **more)
    assert (refused.status_code, refused.json()["type"]) == (status, f"urn:lutong:problem:{kind}")


async def test_other_publishers_quote_what_is_there(client: httpx.AsyncClient, pool: Pool) -> None:
    good = PostPublished(post_id="theirs", author_id="bo", text="x", card="none", quote_id="p-1")
    bad = good.model_copy(update={"post_id": "lost", "quote_id": "none"})
    refused = beside_timelines(await deliver(pool, handlers, good, bad))
    assert refused == [PostRefused(post_id="lost", author_id="bo", reason="no_quoted")]
    assert (await shown(client, "theirs"))["quote"]["post_id"] == "p-1"


async def test_a_quote_is_counted_once_and_beside_reposts(client: httpx.AsyncClient, pool: Pool) -> None:
    (await publish(client, "cy", "r-1", parent_id="p-1")).raise_for_status()
    for post_id in ("q-1", "q-1", "r-1"):
        await deliver(pool, handlers, FanOutAsked(author_id="bo", post_id=post_id))
    assert (await shown(client, "p-1"))["counters"]["quoted"] == 1


async def test_words_of_who_is_kept_apart_are_shown_nowhere(client: httpx.AsyncClient) -> None:
    cy = bearer(a_member("cy"))
    (await client.put("/v1/accounts/cy/follows/bo", headers=cy)).raise_for_status()
    timeline = "/v1/accounts/cy/timeline"
    assert len((await client.get(timeline, headers=cy)).json()["posts"]) == 1
    (await client.put("/v1/accounts/cy/blocks/ann", headers=cy)).raise_for_status()
    assert (await client.get(timeline, headers=cy)).json()["posts"] == []
    assert (await client.get("/v1/posts/q-1", headers=cy)).status_code == 404
    assert (await client.get("/v1/accounts/bo/posts", headers=cy)).json()["posts"] == []
    refused = await publish(client, "cy", "q-2", quote_id="p-1")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:kept_apart")
    assert len((await client.get(timeline, headers=bearer(an_operator()))).json()["posts"]) == 0


async def test_a_draft_may_quote(client: httpx.AsyncClient) -> None:
    place, ann = "/v1/accounts/ann/drafts/d-1", bearer(a_member("ann"))
    (await client.put(place, json={"text": "later", "quote_id": "q-1"}, headers=ann)).raise_for_status()
    (await client.post(f"{place}/publication", headers=ann)).raise_for_status()
    assert (await shown(client, "d-1"))["quote"]["post_id"] == "q-1"
