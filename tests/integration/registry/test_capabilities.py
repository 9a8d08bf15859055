"""Capabilities over HTTP: a version that uses what is not granted is not released, and each decision is published and on record."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, entities_published, http_client
from lutong_contracts import Event
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_contracts.topics import GRANTS
from lutong_registry.app import service
from lutong_registry.handlers import handlers

OFFER = {"sku": "fee", "title": "水费", "unit_price": {"amount_minor": 5000, "currency": "CNY"}}
SELLS = [{"name": "pay", "reason": "缴费"}, {"name": "credit", "reason": "先享后付"}]
WHY = {"reason": "reviewed"}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        await client.put("/v1/programs/fund", json={"merchant_id": "gov"})
        yield client


async def hand_in(client: httpx.AsyncClient, version: int, **fields: Any) -> httpx.Response:
    manifest = {"title": "水费", "page": "pages/fee", "offers": [OFFER], **fields}
    body = {"version": version, "manifest": manifest}
    answer = await client.post("/v1/programs/fund/versions", json=body)
    if answer.is_success:
        assert (await client.post(f"/v1/programs/fund/versions/{version}/approval")).is_success
    return answer


async def act(client: httpx.AsyncClient, path: str, method: str = "POST") -> str:
    answer = await client.request(method, f"/v1/programs/fund/{path}", json=WHY if "capabilities" in path else None)
    return "done" if answer.is_success else str(answer.json()["type"]).rpartition(":")[2]


async def test_what_is_declared_must_be_granted_before_release(client: httpx.AsyncClient, pool: Pool) -> None:
    refused = await hand_in(client, 1, req_permissions=SELLS[:1])
    assert (refused.status_code, "/req_permissions" in refused.json()["detail"]) == (422, True)
    assert await act(client, "capabilities/pay", "PUT") == "not_declared"
    await hand_in(client, 1, req_permissions=SELLS)
    assert await act(client, "versions/1/release") == "not_granted"
    for name in ("pay", "credit", "pay"):
        assert await act(client, f"capabilities/{name}", "PUT") == "done"
    assert await act(client, "versions/1/release") == "done"
    assert await act(client, "capabilities/credit/revocation") == "done"
    assert await act(client, "capabilities/credit/revocation") == "not_granted"
    await hand_in(client, 2)  # to declare nothing any more wins nothing
    assert await act(client, "versions/2/release") == "not_granted"
    expected: list[Event] = [
        CapabilitiesChanged(program_id="fund", granted=("pay",), revision=1),
        CapabilitiesChanged(program_id="fund", granted=("credit", "pay"), revision=2),
        CapabilitiesChanged(program_id="fund", granted=("credit", "pay"), enforced=True, revision=3),
        CapabilitiesChanged(program_id="fund", granted=("pay",), enforced=True, revision=4),
    ]
    assert await entities_published(pool, GRANTS) == expected
    shown = (await client.get("/v1/programs/fund/capabilities")).json()
    assert {each["name"]: each["state"] for each in shown["capabilities"]} == {
        "pay": "granted", "credit": "declared", "identity": "none", "coupons": "none", "location": "none",
    }  # fmt: skip
    actions = [row["action"] for row in await pool.fetch("SELECT action FROM audit WHERE action LIKE 'capability%'")]
    assert sorted(actions) == ["capability.grant"] * 3 + ["capability.revoke"]


async def test_a_program_that_declares_nothing_is_released_as_before(client: httpx.AsyncClient, pool: Pool) -> None:
    await hand_in(client, 1)
    assert await act(client, "versions/1/release") == "done"
    assert await entities_published(pool, GRANTS) == []


async def test_operators_grant_what_they_onboard(client: httpx.AsyncClient, pool: Pool) -> None:
    manifest = {"title": "水费", "page": "pages/fee", "offers": [OFFER], "req_permissions": SELLS}
    program = {"program_id": "water", "merchant_id": "gov", "manifest": manifest}
    assert (await client.post("/v1/programs/batch", json={"programs": [program]})).is_success
    (event,) = await entities_published(pool, GRANTS)
    assert event == CapabilitiesChanged(program_id="water", granted=("credit", "pay"), enforced=True, revision=1)
    later = event.model_copy(update={"granted": ("pay",), "revision": 5})
    await deliver(pool, handlers, later, event)
    shown = (await client.get("/v1/programs/water/capabilities")).json()["capabilities"]
    assert [each["name"] for each in shown if each["state"] == "granted"] == ["pay"]
