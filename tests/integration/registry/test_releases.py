"""Versions on their way to everybody, over HTTP and on their topic."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from tests.support.builders import a_post

FUND: dict[str, Any] = {"title": "公积金提取", "page": "pages/fund/index", "keywords": ["公积金"]}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        await client.put("/v1/programs/fund", json={"merchant_id": "gov"})
        yield client


async def hand_in(client: httpx.AsyncClient, version: int, *verbs: str) -> None:
    manifest = FUND | {"title": f"公积金提取 {version}"}
    answer = await client.post("/v1/programs/fund/versions", json={"version": version, "manifest": manifest})
    assert answer.status_code == 201, answer.text
    for verb in verbs:
        assert (await act(client, version, verb)).status_code == 200


async def act(client: httpx.AsyncClient, version: int, verb: str, **body: object) -> httpx.Response:
    return await client.post(f"/v1/programs/fund/versions/{version}/{verb}", json=body or None)


async def seen(client: httpx.AsyncClient, version: int) -> dict[str, Any]:
    answer = await client.get(f"/v1/programs/fund/versions/{version}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def leads_to(pool: Pool, post_id: str, **chosen: str) -> str:
    (found,) = await deliver(pool, handlers, a_post(post_id, "公积金提取新政策", **chosen))
    return str(getattr(found, "version", None) or getattr(found, "reason", None))


async def test_gray_goes_10_30_50_and_everybody(client: httpx.AsyncClient, pool: Pool) -> None:
    await hand_in(client, 1, "approval", "release")
    await hand_in(client, 2, "approval")
    assert (await act(client, 2, "gray", percent=30)).json()["type"] == "urn:lutong:problem:wrong_step"
    for percent in (10, 30, 50):
        answer = await act(client, 2, "gray", percent=percent, regions=["浙江"], viewers=["amy"])
        assert answer.json()["released_version"] == 1, answer.text
    assert await seen(client, 2) == {
        "program_id": "fund", "version": 2, "state": "gray", "promoted": True, "control_version": 1, "ended_for": None,
        "audience": {"percent": 50, "viewers": 1, "regions": ["浙江"], "devices": []}, "evidence": None, "guardrails": [],
    }  # fmt: skip
    assert (await leads_to(pool, "p-1")) == "1"
    assert (await act(client, 2, "release")).json()["released_version"] == 2
    assert (await leads_to(pool, "p-2")) == "2"
    rows = await pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%version-grayed%' ORDER BY id")
    grayed = [json.loads(row["payload"]) for row in rows]
    assert [data["audience"]["percent"] for data in grayed] == [10, 30, 50]
    assert len({data["audience"]["salt"] for data in grayed}) == 1


async def test_a_version_in_gray_is_in_flight(client: httpx.AsyncClient) -> None:
    await hand_in(client, 1, "approval", "release")
    await hand_in(client, 2, "approval")
    await act(client, 2, "gray", percent=10)
    answer = await client.post("/v1/programs/fund/versions", json={"version": 3, "manifest": FUND})
    assert answer.json()["type"] == "urn:lutong:problem:in_review"
    stopped = await act(client, 2, "rollback", reason="wrong_prices")
    assert [version["state"] for version in stopped.json()["versions"]] == ["released", "rolled_back"]
    assert (await seen(client, 2))["ended_for"] == "wrong_prices"
    await hand_in(client, 3)


async def test_rolling_back_two_steps_at_once(client: httpx.AsyncClient, pool: Pool) -> None:
    for version in (1, 2, 3):
        await hand_in(client, version, "approval", "release")
    answer = await act(client, 3, "rollback", to=1)
    assert answer.json()["released_version"] == 1
    assert await leads_to(pool, "p-1") == "1"
    assert (await act(client, 1, "rollback")).json()["type"] == "urn:lutong:problem:nothing_to_roll_back_to"


async def test_one_audit_is_enough_for_those_who_name_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await hand_in(client, 1, "admission", "release")
    assert not (await seen(client, 1))["promoted"]
    assert await leads_to(pool, "p-1") == "no_match"
    assert await leads_to(pool, "p-2", program_id="fund") == "1"
    assert (await client.get("/v1/search", params={"q": "公积金提取"})).json() == []
    await act(client, 1, "approval")
    assert await leads_to(pool, "p-3") == "1"
    assert [hit["program_id"] for hit in (await client.get("/v1/search", params={"q": "公积金提取"})).json()]


async def test_forced_offline_reaches_search_at_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await hand_in(client, 1, "approval", "release")
    assert await leads_to(pool, "p-1") == "1"
    answer = await act(client, 1, "offline", reason="false_promises")
    assert answer.json()["released_version"] is None
    assert (await seen(client, 1))["ended_for"] == "false_promises"
    assert await leads_to(pool, "p-2") == "no_match"
    assert await leads_to(pool, "p-3", program_id="fund") == "not_released"
    assert (await client.get("/v1/search", params={"q": "公积金提取"})).json() == []
    await client.post("/v1/programs/fund/suspension", json={"reason": "security_incident"})
    await client.delete("/v1/programs/fund/suspension")
    assert await leads_to(pool, "p-4") == "no_match"
    await hand_in(client, 2, "approval", "release")
    assert await leads_to(pool, "p-5") == "2"


async def test_what_is_left_of_withdrawals_can_be_asked_for(client: httpx.AsyncClient) -> None:
    await hand_in(client, 1)
    for left in (4, 3, 2, 1, 0):
        assert (await act(client, 1, "withdrawal")).status_code == 200
        rest = (await client.get("/v1/programs/fund/withdrawals")).json()
        assert (rest["day"]["left"], rest["month"]["left"]) == (left, left + 5)
        assert (await act(client, 1, "resubmission")).status_code == 200
    refused = await act(client, 1, "withdrawal")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:no_withdrawal_left")
    assert rest["day"]["resets_at"] in refused.json()["detail"]
    assert (await seen(client, 1))["state"] == "submitted"
