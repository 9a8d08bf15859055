"""Posts that some may see, honoured wherever the feed shows posts: timelines, pages, placements, reposts, quotes and cards."""

from typing import Any

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.feed import PostPublished
from lutong_feed.handlers import handlers
from tests.integration.feed.placing import HOME, a_card, ask, follow, ids, post, walked

ANN, BO, CY = (bearer(a_member(name)) for name in ("ann", "bo", "cy"))


@pytest.fixture(autouse=True)
async def world(client: httpx.AsyncClient) -> None:
    """Bo follows Ann; Cy does not."""
    await follow(client, "bo", "ann")


async def limit(client: httpx.AsyncClient, post_id: str, audience: str, who: dict[str, str] = ANN) -> httpx.Response:
    return await client.put(f"/v1/posts/{post_id}/audience", json={"audience": audience}, headers=who)


async def sees(client: httpx.AsyncClient, reader: str, post_id: str) -> set[str]:
    """Where a reader sees a post."""
    headers = bearer(a_member(reader))
    pages = {
        "timeline": f"/v1/accounts/{reader}/timeline",
        "account": "/v1/accounts/ann/posts",
    }
    found = set[str]()
    for name, path in pages.items():
        posts = (await client.get(path, headers=headers)).raise_for_status().json()["posts"]
        found |= {name} if post_id in [each["post_id"] for each in posts] else set()
    home = (await client.get(f"/v1/accounts/{reader}/placements/home", headers=headers)).raise_for_status().json()
    found |= {"home"} if post_id in ids(home) else set()
    square = (await client.get(f"/v1/accounts/{reader}/placements/square", headers=headers)).raise_for_status().json()
    found |= {"square"} if post_id in ids(square) else set()
    by_id = await client.get(f"/v1/posts/{post_id}", headers=headers)
    revisions = await client.get(f"/v1/posts/{post_id}/revisions", headers=headers)
    assert by_id.status_code == revisions.status_code
    return found | ({"post"} if by_id.status_code == 200 else set())


EVERYWHERE = {"timeline", "account", "home", "square", "post"}


@pytest.mark.parametrize(
    ("audience", "author", "follower", "stranger"),
    [
        ("everybody", EVERYWHERE, EVERYWHERE, {"account", "square", "post"}),
        ("followers", EVERYWHERE - {"square"}, EVERYWHERE - {"square"}, set()),
        ("only_me", EVERYWHERE - {"square"}, set(), set()),
    ],
)
async def test_a_post_is_seen_by_its_audience_alone(
    client: httpx.AsyncClient, pool: Pool, audience: str, author: set[str], follower: set[str], stranger: set[str]
) -> None:
    post_id = await a_card(client, pool, "ann", "tea")
    answer = await limit(client, post_id, audience)
    assert answer.json() == {"post_id": post_id, "audience": audience}
    assert await sees(client, "ann", post_id) == author
    assert await sees(client, "bo", post_id) == follower
    assert await sees(client, "cy", post_id) == stranger
    await limit(client, post_id, "everybody")
    assert await sees(client, "bo", post_id) == EVERYWHERE


@pytest.mark.parametrize("audience", ["everybody", "followers"])
async def test_what_is_limited_during_a_walk_leads_to_no_program(
    client: httpx.AsyncClient, pool: Pool, audience: str
) -> None:
    """Not even its author, who may read it, meets it as the one that stands for a program."""
    posts = {await a_card(client, pool, "ann", program) for program in ("tea", "milk")}
    path, params = "/v1/accounts/ann/placements/square", {"limit": 1}
    first = (await client.get(path, params=params, headers=ANN)).raise_for_status().json()
    [rest] = posts - set(ids(first))
    await limit(client, rest, audience)
    then = await client.get(path, params=params | {"cursor": first["next_cursor"]}, headers=ANN)
    assert (rest in ids(then.json())) is (audience == "everybody")


@pytest.mark.parametrize("by", ["http", "topic"])
async def test_a_post_may_begin_limited(client: httpx.AsyncClient, pool: Pool, by: str) -> None:
    if by == "http":
        await post(client, "ann", "p-1", audience="only_me")
    else:
        await deliver(pool, handlers, PostPublished(post_id="p-1", author_id="ann", text="路通", audience="only_me"))
    assert await sees(client, "bo", "p-1") == set()
    assert await sees(client, "ann", "p-1") == EVERYWHERE - {"square"}


async def test_reposts_and_quotes_stay_and_show_nothing_of_it(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_card(client, pool, "ann", "tea")
    await post(client, "cy", "repost", parent_id=post_id)
    await post(client, "cy", "quote", quote_id=post_id, card="none")
    await limit(client, post_id, "only_me")
    repost = (await client.get("/v1/posts/repost", headers=BO)).json()
    assert (repost["repost"]["root_limited"], repost["repost"]["root_text"]) == (True, "")
    card = repost["card"]
    assert (card["state"], card["program_id"], card["reason"], card["title"]) == ("unavailable", None, "limited", None)
    quote = (await client.get("/v1/posts/quote", headers=BO)).json()["quote"]
    assert (quote["limited"], quote["text"]) == (True, "")
    own = (await client.get("/v1/posts/repost", headers=ANN)).json()
    assert (own["repost"]["root_limited"], own["card"]["state"]) == (False, "active")
    await limit(client, post_id, "followers")
    assert (await client.get("/v1/posts/quote", headers=BO)).json()["quote"]["text"] == f"words of {post_id}"
    assert (await client.get("/v1/posts/quote", headers=CY)).json()["quote"]["text"] == ""


async def test_nobody_in_particular_is_shown_that_it_is_limited(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_card(client, pool, "ann", "tea")
    await post(client, "cy", "repost", parent_id=post_id)
    await post(client, "cy", "quote", quote_id=post_id, card="none")
    await limit(client, post_id, "followers")
    repost = (await client.get("/v1/posts/repost", headers={})).raise_for_status().json()
    assert (repost["repost"]["root_limited"], repost["card"]["state"]) == (True, "unavailable")
    assert (await client.get("/v1/posts/quote", headers={})).raise_for_status().json()["quote"]["limited"] is True
    assert (await client.get(f"/v1/posts/{post_id}/revisions", headers={})).status_code == 404


async def test_what_is_limited_is_neither_reposted_nor_quoted(client: httpx.AsyncClient) -> None:
    await post(client, "ann", "p-1", audience="followers")
    for how in ("parent_id", "quote_id"):
        body = {"author_id": "bo", "text": "x", how: "p-1"}
        refused = await client.post("/v1/posts", json=body)
        assert (refused.status_code, "there is no post" in refused.json()["detail"]) == (422, True)


async def test_cards_are_for_those_who_see_them(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_card(client, pool, "ann", "tea")
    await post(client, "cy", "repost", parent_id=post_id)
    await limit(client, post_id, "followers")
    for where in (post_id, "repost"):
        tap = f"/v1/posts/{where}/card/taps"
        assert (await client.post(tap, json={"viewer_id": "bo"})).status_code == 201
        assert (await client.post(tap, json={"viewer_id": "cy"})).status_code == 404


async def test_a_walk_that_began_before_honours_it(client: httpx.AsyncClient) -> None:
    for number in range(4):
        await post(client, "ann", f"p-{number}")
    page = await ask(client, HOME, limit=1)
    left = {f"p-{number}" for number in range(4)} - set(ids(page))
    await limit(client, min(left), "only_me")
    assert set(await walked(client, HOME, limit=1)) == {f"p-{number}" for number in range(4)} - {min(left)}
    rest = await ask(client, HOME, limit=9, cursor=page["next_cursor"])
    assert set(ids(rest)) == left - {min(left)}


@pytest.mark.parametrize(
    ("who", "post_id", "audience", "status"),
    [
        (BO, "p-1", "only_me", 404),
        (ANN, "p-9", "only_me", 404),
        (ANN, "p-1", "friends", 422),
        (ANN, "gone", "only_me", 410),
    ],
)
async def test_only_an_author_limits_a_post(
    client: httpx.AsyncClient, who: dict[str, str], post_id: str, audience: str, status: int
) -> None:
    await post(client, "ann", "p-1")
    await post(client, "ann", "gone")
    (await client.delete("/v1/posts/gone?reason=spam")).raise_for_status()
    assert (await limit(client, post_id, audience, who)).status_code == status


async def test_each_change_is_published_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await post(client, "ann", "p-1")
    for audience in ("followers", "followers", "only_me"):
        await limit(client, "p-1", audience)
    kinds: list[Any] = await pool.fetch(
        "SELECT payload FROM outbox WHERE type = 'lutong.feed.post-limited.v1' ORDER BY id"
    )
    assert ["only_me" in row["payload"] for row in kinds] == [False, True]
    operators = await client.put("/v1/posts/p-1/audience", json={"audience": "everybody"})
    assert operators.status_code == 200
    assert isinstance(a_member("ann"), Principal)
