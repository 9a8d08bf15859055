"""A template's next version reaches stores in stages, keeps edits, stops on errors, and leaves alone what was changed by hand."""

import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis import jobs
from lutong_chassis.database import Pool
from lutong_chassis.testing import events_published, http_client, in_transaction, run_jobs
from lutong_registry.app import service
from lutong_registry.light_stores import rolling
from lutong_registry.light_stores.domain.rendering import place_in_line
from tests.integration.registry.chain import (
    FIRST,
    SECOND,
    STORES,
    TEMPLATE,
    TOO_LONG,
    a_brand,
    a_row,
    approve,
    finish,
    progress,
    put,
    roll_out,
    store,
)

COUNT = 120
IN_LINE = sorted(range(COUNT), key=lambda number: place_in_line(TEMPLATE, f"sh-{number:05}"))
"""Numbers of stores in the order in which versions reach them."""


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await a_brand(client, pool, COUNT)
        await put(client, [a_row(number) for number in range(COUNT)])
        yield client


async def programs(pool: Pool) -> dict[str, str]:
    """The manifest in force of every program."""
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT program_id, manifest FROM version WHERE state = 'released'")
    return {row["program_id"]: row["manifest"] for row in rows}


async def upgraded(pool: Pool, version: int) -> set[int]:
    """Stores that have a version."""
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT store_id FROM light_store WHERE version = $1", version)
    return {int(row["store_id"].removeprefix("sh-")) for row in rows}


async def start(client: httpx.AsyncClient, version: int, **options: int) -> httpx.Response:
    return await client.post(f"/v1/templates/{TEMPLATE}/rollouts", json={"version": version, "wait_s": 0} | options)


async def test_stages_contain_each_other_and_reach_all_stores(client: httpx.AsyncClient, pool: Pool) -> None:
    await approve(client, 2, SECOND)
    await start(client, 2)
    seen: list[set[int]] = []
    while (await progress(client))["state"] == "running":
        await run_jobs(pool, rolling.queue())
        if (now := await upgraded(pool, 2)) not in seen:
            seen.append(now)
    assert seen == [set(IN_LINE[:2]), set(IN_LINE[:12]), set(range(COUNT))]  # 1 %, 10 %, all
    rollout = await progress(client)
    assert (rollout["state"], rollout["upgraded"], rollout["errors"]) == ("completed", COUNT, 0)
    assert (await store(client, 1))["manifest"]["description"].startswith("新版")
    assert (await put(client, [a_row(1), a_row(2)]))["unchanged"] == 2


async def test_a_failure_in_the_canary_takes_all_of_it_back(client: httpx.AsyncClient, pool: Pool) -> None:
    planted = IN_LINE[7]  # among the first 10 %, not among the first 1 %
    await put(client, [a_row(planted, name="一家名字很长很长很长很长很长很长的店铺")])
    before = await programs(pool)
    await approve(client, 2, TOO_LONG)
    rollout = await roll_out(client, pool, 2)
    assert (rollout["state"], rollout["percent"], rollout["reason"]) == ("stopped", 10, "render_failed")
    assert f"sh-{planted:05}: name" in rollout["detail"]
    assert (rollout["upgraded"], rollout["reverted"]) == (2, 2)
    assert await upgraded(pool, 2) == set()
    assert await programs(pool) == before
    kinds = [event.type.split(".")[2] for event in await events_published(pool) if event.key == TEMPLATE]
    assert kinds[-4:] == [
        "light-rollout-started",
        "light-rollout-advanced",
        "light-rollout-stopped",
        "light-rollout-ended",
    ]


async def test_errors_within_the_bound_stop_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    """The control of the test before."""
    await put(client, [a_row(IN_LINE[7], name="一家名字很长很长很长很长很长很长的店铺")])
    await approve(client, 2, TOO_LONG)
    rollout = await roll_out(client, pool, 2, errors_max=1)
    assert (rollout["state"], rollout["upgraded"], rollout["errors"]) == ("completed", COUNT - 1, 1)
    left = (await client.get(f"/v1/templates/{TEMPLATE}/drift")).json()["stores"]
    assert [(each["store_id"], each["reason"]) for each in left] == [(f"sh-{IN_LINE[7]:05}", "not_upgraded")]
    assert "at most 80" in left[0]["detail"]


async def test_a_store_suspended_in_the_canary_stops_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await approve(client, 2, SECOND)
    await start(client, 2)
    await run_jobs(pool, rolling.queue())
    program_id = (await store(client, IN_LINE[0]))["program_id"]
    await client.post(f"/v1/programs/{program_id}/suspension", json={"reason": "fraud_found"})
    rollout = await finish(client, pool)
    assert (rollout["state"], rollout["reason"], rollout["reverted"]) == ("stopped", "stores_suspended", 2)


async def test_edits_outlive_upgrades_and_conflicts_are_reported(client: httpx.AsyncClient, pool: Pool) -> None:
    edited = random.Random(7).sample(range(COUNT), 30)  # which stores, not a secret
    for number in edited:
        field = "description" if number % 2 else "title"
        await client.put(f"{STORES}/sh-{number:05}/edits", json={"edits": {field: f"我的{number}"}})
    await approve(client, 2, SECOND)
    plan = (await client.get(f"/v1/templates/{TEMPLATE}/plans/2")).json()
    rollout = await roll_out(client, pool, 2)
    clashing = [number for number in edited if number % 2]  # version 2 changes descriptions, and no titles
    assert rollout["conflicts"] == plan["conflicts"] == len(clashing)
    for number in edited:
        shop = await store(client, number)
        field = "description" if number % 2 else "title"
        assert shop["manifest"][field] == f"我的{number}"
        assert shop["manifest"]["keywords"] == ["屈臣氏", "上海护肤"]  # what nobody edited is the new version's
        assert shop["conflicts"] == (["description"] if number % 2 else [])


async def test_what_was_changed_by_hand_is_left_alone(client: httpx.AsyncClient, pool: Pool) -> None:
    program_id = (await store(client, 5))["program_id"]
    manifest = {"title": "手工版", "page": "pages/own"}
    await client.post(f"/v1/programs/{program_id}/versions", json={"version": 2, "manifest": manifest})
    await approve(client, 2, SECOND)
    await client.post(f"/v1/programs/{program_id}/versions/2/approval")
    await client.post(f"/v1/programs/{program_id}/versions/2/release")
    assert (await store(client, 5))["drifted"] is True
    rollout = await roll_out(client, pool, 2)
    assert (rollout["state"], rollout["upgraded"], rollout["skipped"]) == ("completed", COUNT - 1, 1)
    assert "手工版" in (await programs(pool))[program_id]
    drift = (await client.get(f"/v1/templates/{TEMPLATE}/drift")).json()["stores"]
    assert [(each["store_id"], each["reason"]) for each in drift] == [
        ("sh-00005", "changed_by_hand"), ("sh-00005", "not_upgraded"),
    ]  # fmt: skip
    by_hand = (await store(client, 5))["by_hand"]
    assert (by_hand["title"], by_hand["page"]) == ("手工版", "pages/own")
    healed = await client.put(f"{STORES}/sh-00005/edits", json={"edits": by_hand})
    assert (healed.json()["drifted"], healed.json()["manifest"]["title"]) == (False, "手工版")
    assert (await roll_out(client, pool, 2))["upgraded"] == 1
    assert (await store(client, 5))["manifest"]["title"] == "手工版"


async def test_a_rollout_that_dies_goes_on_where_it_was(client: httpx.AsyncClient, pool: Pool) -> None:
    await approve(client, 2, SECOND)
    await start(client, 2)
    await run_jobs(pool, rolling.queue())
    claimed = await jobs.claim(pool, rolling.queue(), 1)  # claimed, and never recorded: the process died
    assert len(claimed) == 1
    assert (await finish(client, pool))["upgraded"] == COUNT
    released = [event for event in await events_published(pool) if event.type.endswith("version-released.v1")]
    assert len(released) == 1 + 2 * COUNT  # the brand's own, and each store once per version


async def test_a_step_that_two_take_is_taken_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await approve(client, 2, SECOND)
    await start(client, 2, wait_s=3600)
    queue = rolling.queue()
    (job,) = await jobs.claim(pool, queue, 1)
    answer = await jobs.ask(queue, job)
    assert answer is not None
    for _ in range(3):  # the stage, its end, and nothing: the next stage is an hour away
        await jobs.record(pool, queue, [answer])
    assert await upgraded(pool, 2) == set(IN_LINE[:2])
    assert await jobs.claim(pool, queue, 1) == []
    assert (await progress(client))["percent"] == 10


async def test_a_rollout_is_stopped_by_hand(client: httpx.AsyncClient, pool: Pool) -> None:
    await approve(client, 2, SECOND)
    await start(client, 2, wait_s=3600)
    for _ in range(2):
        await run_jobs(pool, rolling.queue())
    stopped = await client.post(f"/v1/templates/{TEMPLATE}/rollouts/stop", json={"reason": "wrong_prices"})
    assert stopped.json()["state"] == "reverting"
    rollout = await finish(client, pool)
    assert (rollout["state"], rollout["reason"], rollout["reverted"]) == ("stopped", "wrong_prices", 2)
    again = await client.post(f"/v1/templates/{TEMPLATE}/rollouts/stop", json={"reason": "wrong_prices"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:no_rollout")


async def test_only_a_reviewed_version_reaches_stores_one_at_a_time(client: httpx.AsyncClient) -> None:
    refused: Any = await start(client, 2)
    assert refused.status_code == 404
    await client.post(
        f"/v1/templates/{TEMPLATE}/versions", json={"merchant_id": "watsons", "version": 2, "template": FIRST}
    )
    refused = await start(client, 2)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:not_reviewed")
    assert (await start(client, 1)).status_code == 202
    refused = await start(client, 1)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:rollout_running")


async def test_a_store_that_comes_meanwhile_gets_the_version(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.post(f"{STORES}/sh-00003/detachment")
    await approve(client, 2, SECOND)
    await start(client, 2)
    await run_jobs(pool, rolling.queue())
    await put(client, [a_row(4, city="苏州")])
    await finish(client, pool)
    assert (await store(client, 4))["manifest"]["keywords"] == ["屈臣氏", "苏州护肤"]
    assert 3 not in await upgraded(pool, 2)
