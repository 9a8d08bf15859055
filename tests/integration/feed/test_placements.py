"""Placements on a real PostgreSQL: ranked, explained, walked to the end, and a fallback that is visible."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.settings import settings_of
from lutong_chassis.testing import bearer, deliver
from lutong_contracts.feed import PostPublished
from lutong_contracts.touches import read
from lutong_feed.handlers import handlers
from lutong_feed.placements import domain
from lutong_feed.settings import FeedSettings
from tests.integration.feed.placing import BO, CY, HOME, a_card, ask, follow, ids, less_of, post, use, walked

SetTo = Callable[..., None]


async def test_home_is_ranked_signed_and_explained(client: httpx.AsyncClient, pool: Pool) -> None:
    await follow(client, "bo", "ann", "cy")
    liked = await a_card(client, pool, "ann", "tea")
    await use(client, pool, "bo", liked)
    for number in range(3):
        await post(client, "cy", f"cy-{number}")
    page = await ask(client, HOME)
    assert ids(page)[0] == liked
    assert sorted(ids(page)) == ["ann-tea", "cy-0", "cy-1", "cy-2"]
    assert page["ranking"] | {"as_of": ""} == {"version": 2, "order": "ranked", "fallback": None, "as_of": ""}
    first = page["items"][0]
    assert (first["kind"], first["why"]["reason"], first["why"]["zh"]) == ("organic", "interest", "你最近用过 1 次。")
    assert set(first["why"]["factors"]) == {"interest", "graph", "heat", "freshness", "ability", "wanted"}
    served = read(first["post"]["touch"])
    assert served
    assert (served.placement, served.request_id, served.position, served.rules) == ("home", page["request_id"], 0, 2)


async def test_the_newest_come_first_for_who_asks_for_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await follow(client, "bo", "ann", "cy")
    liked = await a_card(client, pool, "ann", "tea")
    await use(client, pool, "bo", liked)
    newer = await post(client, "cy", "cy-0")
    assert await walked(client, HOME, limit=1) == [liked, newer]
    page = await ask(client, HOME, order="newest")
    assert ids(page) == [newer, liked]
    assert (page["ranking"]["order"], page["items"][0]["why"]["reason"]) == ("newest", "newest")


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_a_walk_reaches_all_posts_once_while_others_publish(
    client: httpx.AsyncClient, pool: Pool, limit: int
) -> None:
    await follow(client, "bo", "ann", "cy")
    rng = random.Random(limit)
    count = 2 * domain.WINDOW + 9
    rows = [{"author_id": rng.choice(["ann", "cy"]), "text": "x", "post_id": f"p-{n}"} for n in range(count)]
    (await client.post("/v1/posts/batch", json={"posts": rows})).raise_for_status()
    await pool.execute("UPDATE counter SET taps = floor(random() * 100)")
    found, cursor, pages = list[str](), dict[str, Any](), 0
    while True:
        page = await ask(client, HOME, limit=limit, **cursor)
        found += ids(page)
        pages += 1
        if pages % 5 == 0:
            await post(client, "ann", f"new-{pages}")
            await pool.execute("UPDATE counter SET taps = floor(random() * 100)")
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(found) == len(set(found)) == count
    assert set(found) == {row["post_id"] for row in rows}
    assert found != sorted(found, key=lambda each: -int(each[2:]))  # the control: this is not the order of time


async def test_a_walk_belongs_to_its_reader_and_its_list(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await post(client, "bo", f"p-{number}")
    cursor = (await ask(client, HOME, limit=1))["next_cursor"]
    elsewhere = [
        (HOME, bearer(BO), {"order": "newest"}), ("/v1/accounts/bo/placements/square", bearer(BO), {}),
        (HOME, {}, {}), ("/v1/accounts/cy/placements/home", bearer(CY), {}),
    ]  # fmt: skip
    for path, headers, query in elsewhere:
        refused = await client.get(path, params={"cursor": cursor} | query, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:lutong:problem:bad_cursor")
    assert len((await ask(client, HOME, cursor=cursor))["items"]) == 2  # the control


async def test_no_two_posts_of_an_author_follow_each_other(client: httpx.AsyncClient) -> None:
    await follow(client, "bo", "ann", "cy")
    for number in range(4):
        await post(client, "cy", f"cy-{number}")
        await post(client, "ann", f"ann-{number}")
    for limit in (1, 3, 20):
        authors = [each.split("-")[0] for each in await walked(client, HOME, limit=limit)]
        assert all(one != other for one, other in pairwise(authors)), authors


async def test_less_of_a_program_holds_in_each_placement(client: httpx.AsyncClient, pool: Pool) -> None:
    await follow(client, "bo", "ann", "cy")
    tea, milk = await a_card(client, pool, "ann", "tea"), await a_card(client, pool, "cy", "milk")
    await use(client, pool, "ann", milk)
    await use(client, pool, "cy", tea, milk)
    await use(client, pool, "bo", tea, milk)
    await use(client, pool, "bo", milk, how="solutions")
    paths = [HOME, *(f"/v1/accounts/bo/placements/{name}" for name in ("square", "recent", "hottest", "for_you"))]
    for path in paths:
        assert ids(await ask(client, path)) == [milk, tea], path
    await less_of(client, pool, await ask(client, HOME), milk)
    for path in paths:
        page = await ask(client, path)
        assert ids(page) == [tea, milk], path
        assert [item["why"]["reason"] == "less" for item in page["items"]] == [False, True]
    assert ids(await ask(client, "/v1/accounts/cy/placements/hottest", CY)) == [milk, tea]  # another reader


async def test_each_placement_has_its_programs(client: httpx.AsyncClient, pool: Pool) -> None:
    posts = {each: await a_card(client, pool, "ann", each) for each in ("tea", "milk", "fund")}
    await use(client, pool, "bo", posts["tea"])
    await use(client, pool, "cy", posts["milk"])
    brand = {"name": "Brand", "kind": "enterprise", "program_ids": ["fund"]}
    (await client.put("/v1/accounts/cy", json=brand)).raise_for_status()
    placed = {
        name: ids(await ask(client, f"/v1/accounts/bo/placements/{name}"))
        for name in ("square", "recent", "hottest", "for_you")
    }
    assert sorted(placed["square"]) == sorted(posts.values())
    assert placed["recent"] == [posts["tea"]]
    assert sorted(placed["hottest"]) == sorted([posts["tea"], posts["milk"]])
    assert sorted(placed["for_you"]) == sorted([posts["tea"], posts["milk"]])
    home = await ask(client, "/v1/accounts/cy/programs")
    assert (ids(home), home["placement"]) == ([posts["fund"]], "account_home")
    await follow(client, "bo", "cy")
    assert posts["fund"] in ids(await ask(client, "/v1/accounts/bo/placements/for_you"))


async def test_a_program_stands_by_a_post_of_who_is_followed(client: httpx.AsyncClient, pool: Pool) -> None:
    ann, cy = await a_card(client, pool, "ann", "tea", "a-1"), await a_card(client, pool, "cy", "tea", "z-1")
    square = "/v1/accounts/bo/placements/square"
    assert ids(await ask(client, square)) == [cy]
    await follow(client, "bo", "ann")
    assert ids(await ask(client, square)) == [ann]
    (await client.put("/v1/accounts/cy", json={"name": "cy", "program_ids": ["tea"]})).raise_for_status()
    assert ids(await ask(client, "/v1/accounts/cy/programs")) == [cy]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> SetTo:
    """Sets settings of the feed for one test."""

    def set_to(**values: Any) -> None:
        changed = settings_of(FeedSettings).model_copy(update=values)
        monkeypatch.setattr("lutong_feed.placements.ranking.settings_of", lambda _: changed)

    return set_to


async def fallbacks(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    found = [
        line.rsplit(" ", 1) for line in lines if line.startswith("lutong_feed_rankings_total{") and '"home"' in line
    ]
    return {name.split('outcome="')[1].split('"')[0]: float(value) for name, value in found}


@pytest.mark.parametrize("fallback", ["switched_off", "signals_slow", "signals_failed"])
async def test_a_fallback_is_the_newest_first_and_visible(
    client: httpx.AsyncClient, pool: Pool, settings: SetTo, fallback: str
) -> None:
    await follow(client, "bo", "ann", "cy")
    liked = await a_card(client, pool, "ann", "tea")
    await use(client, pool, "bo", liked)
    newer = await post(client, "cy", "cy-0")
    assert ids(await ask(client, HOME)) == [liked, newer]  # the control
    before = await fallbacks(client)
    if fallback == "signals_failed":
        await pool.execute("ALTER TABLE program_use RENAME TO another")
    else:
        settings(ranking=fallback != "switched_off", ranking_budget_ms=0)
    for page in (
        first := await ask(client, HOME, limit=1),
        await ask(client, HOME, limit=1, cursor=first["next_cursor"]),
    ):
        assert (page["ranking"]["order"], page["ranking"]["fallback"]) == ("newest", fallback)
    assert await walked(client, HOME, limit=1) == [newer, liked]
    assert (await fallbacks(client))[fallback] - before.get(fallback, 0) == 4


async def test_an_order_that_was_shown_goes_on_in_a_fallback(
    client: httpx.AsyncClient, pool: Pool, settings: SetTo
) -> None:
    await follow(client, "bo", "ann", "cy")
    liked = await a_card(client, pool, "ann", "tea")
    await use(client, pool, "bo", liked)
    newer = await post(client, "cy", "cy-0")
    first = await ask(client, HOME, limit=1)
    settings(ranking=False)
    last = await ask(client, HOME, limit=1, cursor=first["next_cursor"])
    assert (ids(first), ids(last), last["ranking"]["order"]) == ([liked], [newer], "ranked")
    assert last["items"][0]["why"]["reason"] == "unknown"


async def test_heat_follows_from_facts(client: httpx.AsyncClient, pool: Pool) -> None:
    tea = await a_card(client, pool, "ann", "tea")
    for viewer in ("bo", "cy"):
        await use(client, pool, viewer, tea)
    await use(client, pool, "bo", tea, how="solutions")
    heat = "SELECT program_id, taps, solved, requested FROM program_use"
    assert [tuple(row) for row in await pool.fetch(heat)] == [("tea", 2, 1, 0)]
    assert await pool.fetchval("SELECT rebuild_program_use()") == 0
    await pool.execute("UPDATE program_use SET taps = 9")
    await pool.execute("INSERT INTO program_use (day, program_id) VALUES (current_date, 'never')")
    assert await pool.fetchval("SELECT rebuild_program_use()") == 2
    assert [tuple(row) for row in await pool.fetch(heat)] == [("tea", 2, 1, 0)]


async def test_posts_of_other_publishers_are_ranked(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, PostPublished(post_id="x-1", author_id="bo", text="of another publisher"))
    assert ids(await ask(client, HOME)) == ["x-1"]


async def test_a_placement_of_nobody_is_not_there(client: httpx.AsyncClient) -> None:
    for path in ("/v1/accounts/nobody/placements/home", "/v1/accounts/nobody/programs"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/v1/accounts/bo/placements/other")).status_code == 422
