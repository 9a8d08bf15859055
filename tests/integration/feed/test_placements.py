"""Placements on a real PostgreSQL: ranked, explained, walked to the end, and nothing that must not be shown."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.settings import settings_of
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ProgramSuspended, ServiceDiscovered, VersionForcedOffline, VersionReleased
from lutong_contracts.touches import read
from lutong_feed.handlers import handlers
from lutong_feed.placements import domain
from lutong_feed.settings import FeedSettings
from tests.integration.feed.test_feed import consume_own_events

BO, CY = a_member("bo"), a_member("cy")
SetTo = Callable[..., None]
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


async def hide(client: httpx.AsyncClient, pool: Pool, how: str, post_id: str) -> None:
    author, program_id = post_id.split("-")
    if how == "deleted":
        (await client.delete(f"/v1/posts/{post_id}", headers=bearer(a_member(author)))).raise_for_status()
    elif how in ("blocks", "mutes"):
        (await client.put(f"/v1/accounts/bo/{how}/{author}")).raise_for_status()
    elif how == "blocked":
        (await client.put(f"/v1/accounts/{author}/blocks/bo")).raise_for_status()
    elif how == "suspended":
        await deliver(pool, handlers, ProgramSuspended(program_id=program_id, reason="security_incident"))
    elif how == "offline":
        await deliver(pool, handlers, VersionForcedOffline(program_id=program_id, version=1, reason="false_promises"))
    else:
        (await client.post(f"/v1/posts/{post_id}/card/removal", json={"reason": "not_related"})).raise_for_status()


@pytest.mark.parametrize("how", ["deleted", "blocks", "blocked", "mutes", "suspended", "offline", "taken off"])
async def test_what_must_not_be_shown_is_in_no_placement(client: httpx.AsyncClient, pool: Pool, how: str) -> None:
    """Neither at the beginning of a walk nor in the rest of one that began before."""
    await follow(client, "bo", "ann", "cy")
    hidden, kept = await a_card(client, pool, "ann", "tea"), await a_card(client, pool, "cy", "milk")
    last = await a_card(client, pool, "bo", "fund")
    await use(client, pool, "bo", hidden, kept, last)
    (await client.put("/v1/accounts/cy", json={"name": "cy", "program_ids": ["tea", "milk"]})).raise_for_status()
    paths = [
        "/v1/accounts/cy/programs",
        *(f"/v1/accounts/bo/placements/{name}" for name in ("home", "square", "recent", "hottest", "for_you")),
    ]
    begun = {path: await ask(client, path, limit=1) for path in paths}
    for path in paths:
        assert hidden in await walked(client, path), path  # the control
    await hide(client, pool, how, hidden)
    for path in paths:
        still = await walked(client, path)
        post_stays = path == HOME and how in ("suspended", "offline", "taken off")
        own_page = how == "mutes" and path == paths[0]
        assert (hidden in still) == (post_stays or own_page), path
        if begun[path]["next_cursor"] and ids(begun[path]) != [hidden]:
            rest = (
                await walked(client, path, limit=1)
                if own_page
                else await _rest(client, path, begun[path]["next_cursor"])
            )
            assert (hidden in rest) == (post_stays or own_page), path
            assert kept in [*rest, *ids(begun[path])]


async def _rest(client: httpx.AsyncClient, path: str, cursor: str) -> list[str]:
    found = list[str]()
    while cursor:
        page = await ask(client, path, cursor=cursor, limit=1)
        found += ids(page)
        cursor = page["next_cursor"]
    return found


async def test_a_repost_of_who_is_blocked_is_not_ranked(client: httpx.AsyncClient) -> None:
    await follow(client, "bo", "cy")
    await post(client, "ann", "original")
    await post(client, "cy", "again", parent_id="original")
    assert ids(await ask(client, HOME)) == ["again"]
    (await client.put("/v1/accounts/ann/blocks/bo")).raise_for_status()
    assert ids(await ask(client, HOME)) == []


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


@pytest.mark.parametrize("seed", range(3))
async def test_random_readers_are_served_nothing_hidden(client: httpx.AsyncClient, pool: Pool, seed: int) -> None:
    """F1: whatever is deleted, blocked, muted and taken off, in any order; walks that began before see it, too."""
    rng = random.Random(seed)
    people = ("ann", "bo", "cy")
    for reader in people:
        await follow(client, reader, *(each for each in people if each != reader))
    programs, alive = ("tea", "milk", "fund", "bath"), dict[str, str]()
    begun: list[tuple[str, str, str]] = []
    for step in range(24):
        author, program = rng.choice(people), rng.choice(programs)
        post_id = await a_card(client, pool, author, program, f"{author}-{program}{step}")
        alive[post_id] = author
        if rng.random() < 0.5:
            gone = rng.choice(sorted(alive))
            (await client.delete(f"/v1/posts/{gone}", headers=bearer(a_member(alive.pop(gone))))).raise_for_status()
        if rng.random() < 0.15:
            one, other = rng.sample(people, 2)
            method = rng.choice(["PUT", "PUT", "DELETE"])
            (await client.request(method, f"/v1/accounts/{one}/blocks/{other}")).raise_for_status()
        blocks = {(row[0], row[1]) for row in await pool.fetch("SELECT account_id, other_id FROM kept_apart")}
        for reader in people:
            who = a_member(reader)
            path = f"/v1/accounts/{reader}/placements/{rng.choice(['home', 'square', 'for_you'])}"
            page = await ask(client, path, who, limit=2)
            later = [await ask(client, old, who, cursor=cursor) for name, old, cursor in begun if name == reader]
            for found in (page, *later):
                _nothing_hidden(found, reader, alive, blocks)
            begun += [(reader, path, found["next_cursor"]) for found in (page, *later) if found["next_cursor"]][:3]
        begun = begun[-9:]


def _nothing_hidden(page: dict[str, Any], reader: str, alive: dict[str, str], blocks: Sequence[Any] | set[Any]) -> None:
    for each in ids(page):
        assert each in alive
        assert not {(reader, alive[each]), (alive[each], reader)} & set(blocks)


async def test_posts_of_other_publishers_are_ranked(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, PostPublished(post_id="x-1", author_id="bo", text="of another publisher"))
    assert ids(await ask(client, HOME)) == ["x-1"]


async def test_a_placement_of_nobody_is_not_there(client: httpx.AsyncClient) -> None:
    for path in ("/v1/accounts/nobody/placements/home", "/v1/accounts/nobody/programs"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/v1/accounts/bo/placements/other")).status_code == 422
