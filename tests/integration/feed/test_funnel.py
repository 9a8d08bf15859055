"""A funnel is what was published, counted once: against brute force over the topics, and the ways that lead there."""

import random
from typing import Any

import httpx
import pytest

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, deliver, events_published, http_client
from lutong_contracts.feed import (
    CardTapped,
    PostPublished,
    PostRefused,
)
from lutong_contracts.touches import read
from lutong_feed.attribution import domain, store
from lutong_feed.handlers import handlers
from lutong_feed.touches.domain import Keys
from tests.integration.feed.funnels import (
    HOUR,
    NOW,
    STAGES,
    BruteForce,
    Stages,
    a_chain_of_five,
    a_day_of,
    repost,
    twice_and_in_any_order,
)
from tests.integration.feed.test_engagements import an_active_card
from tests.integration.feed.test_feed import WANTED, a_post, consume_own_events, discovered
from tests.support.builders import beside_timelines
from tests.support.mutants import Mutant, leave_out

MUTANTS = [
    Mutant("refunds are not taken off", store, "_CREDITED", "FILTER (WHERE stage = 'refunded')", "FILTER (WHERE false)"),
    Mutant("what was cancelled or never picked up stands", store, "_CREDITED", "bool_or(stage = 'cancelled')", "bool_or(false)"),
    Mutant("what was reversed keeps its share", domain, "share_of", "if not reached.is_reversed:", "if True:"),
    Mutant("the root has all of a chain", domain, "shares", "found[way[0]] += WHOLE - sum(found.values())", "found = {way[0]: WHOLE}"),
    Mutant("what comes late changes no credit", store, "orders_after", "requested_at >= $2", "requested_at >= $2 AND false"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_each_number_of_a_funnel_equals_brute_force(client: httpx.AsyncClient, pool: Pool, seed: int) -> None:
    await compare(client, pool, seed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
async def test_a_rule_that_is_left_out_is_missed(
    mutant: Mutant, client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(mutant, monkeypatch)
    with pytest.raises(AssertionError):
        await compare(client, pool, seed=0)  # the control: it holds with all rules


async def compare(client: httpx.AsyncClient, pool: Pool, seed: int) -> None:
    """Have a chain of five and its days consumed, twice and in any order, and hold each number to those of the events alone."""
    rng = random.Random(seed)
    posts = await a_chain_of_five(client, pool)
    parents = dict(zip(posts[1:6], posts[:5], strict=True)) | {posts[6]: posts[1]}
    happened = a_day_of(posts, rng)
    received = twice_and_in_any_order(happened, rng)
    while received:
        batch = [received.pop(0) for _ in range(min(len(received), rng.randint(1, 9)))]
        await deliver(pool, handlers, *batch)
    truth = BruteForce(happened, parents)
    shares = 0
    for post_id in posts:
        found = (await client.get(f"/v1/posts/{post_id}/funnel")).json()
        tree = truth.below(post_id)
        assert found["own"] == truth.total([post_id])
        assert found["tree"] == truth.total(tree)
        for each in found["placements"]:
            assert only(each) == truth.total(tree, each["placement"])
        assert {(e["parent_id"], e["post_id"]) for e in found["edges"]} == {(parents[p], p) for p in tree - {post_id}}
        for each in found["edges"]:
            assert only(each) == truth.total(truth.below(each["post_id"]))
        assert found["view_through"] == sum(post in tree for post in truth.views)
        assert (found["credit_ppm"], found["credit_net_minor"]) == truth.credit(post_id)
        shares += found["credit_ppm"]
    whole = truth.total(posts)
    assert shares == (whole["requests"] - whole["reversed"]) * 1_000_000
    assert min(whole[name] for name in ("impressions", "taps", "requests", "sourced")) > 0, (
        "the scenario shows something"
    )


def only(stages: dict[str, Any]) -> Stages:
    return {name: stages[name] for name in STAGES}


async def test_a_tap_and_an_order_carry_the_touch_that_led_to_them(
    service: Service, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await an_active_card(client, pool)
    await client.put("/v1/accounts/bo/follows/ann")
    async with http_client(service, pool, a_member("bo")) as bo:
        first, second = [(await bo.get("/v1/accounts/bo/timeline")).json()["posts"][0]["touch"] for _ in range(2)]
        for touch in (first, second, second):
            answer = await bo.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo", "touch": touch})
            assert answer.status_code == 201
        placed = await bo.post(f"/v1/posts/{post_id}/card/requests", json=WANTED | {"touch": second})
        assert placed.status_code == 202
        assert [kind for kind, key in await events_published(pool) if key == "bo"].count(CardTapped.type) == 1
        await consume_own_events(pool)
        found = (await client.get(f"/v1/posts/{post_id}/funnel")).json()
        assert (found["own"]["taps"], found["own"]["requests"]) == (1, 1)
        assert [each["placement"] for each in found["placements"]] == ["timeline"]


async def test_a_forged_touch_is_refused_and_an_old_one_is_left_out(
    service: Service, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id, other = await an_active_card(client, pool), await a_post(client)
    secret = await pool.fetchval("SELECT secret FROM touch_secret")
    async with http_client(service, pool, a_member("bo")) as bo:
        touch = (await bo.get(f"/v1/posts/{post_id}")).json()["touch"]
        served = read(touch)
        assert served
        foreign = (await bo.get(f"/v1/posts/{other}")).json()["touch"]
        old = Keys({1: secret}, 1).sign(served._replace(served_at=NOW - 169 * HOUR))
        for wrong in (touch[:-1] + ("A" if touch[-1] != "A" else "B"), foreign, "x"):
            answer = await bo.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo", "touch": wrong})
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:never_served")
        assert (await bo.post(f"/v1/posts/{post_id}/card/requests", json=WANTED | {"touch": old})).status_code == 202
    await consume_own_events(pool)
    assert await pool.fetchval("SELECT touch IS NULL FROM order_credit")


async def test_a_repost_shows_the_card_of_its_root_and_may_be_tapped(client: httpx.AsyncClient, pool: Pool) -> None:
    root_id = await a_post(client)
    reposted = await repost(client, await repost(client, root_id))
    await deliver(pool, handlers, discovered(root_id))
    shown = (await client.get(f"/v1/posts/{reposted}")).json()
    assert (shown["card"]["state"], shown["card"]["program_id"]) == ("active", "g-1")
    assert (shown["repost"]["root_id"], shown["repost"]["depth"]) == (root_id, 2)
    assert shown["repost"]["root_author_id"] == "ann"
    nothing = await client.post("/v1/posts", json={"author_id": "bo", "text": "转", "parent_id": "none"})
    assert (nothing.status_code, nothing.json()["type"]) == (422, "urn:lutong:problem:no_parent")


async def test_other_publishers_repost_what_is_there_and_nothing_else(client: httpx.AsyncClient, pool: Pool) -> None:
    root_id = await a_post(client)
    good = PostPublished(post_id="theirs", author_id="bo", text="转", card="none", parent_id=root_id)
    bad = good.model_copy(update={"post_id": "lost", "parent_id": "none"})
    refused = beside_timelines(await deliver(pool, handlers, good, bad))
    assert refused == [PostRefused(post_id="lost", author_id="bo", reason="no_parent")]
    assert (await client.get("/v1/posts/theirs")).json()["repost"]["parent_id"] == root_id
    assert (await client.get("/v1/posts/lost")).status_code == 404
