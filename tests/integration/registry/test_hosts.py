"""Apps that programs run in, over HTTP and on their topic; and versions that some of them have of their own."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, entities_published, http_client
from lutong_contracts import Event
from lutong_contracts.hosts import HostCapability, HostChanged, HostRegistered, HostRetired
from lutong_contracts.topics import HOSTS
from lutong_registry.app import service
from lutong_registry.handlers import handlers

AMAP = {"title_zh": "高德", "title_en": "Amap"}
FACTS = {"host_id": "amap", **AMAP}
PAYS = [{"capability": "pay", "platform_version": 12}]


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        await client.put("/v1/programs/fund", json={"merchant_id": "gov"})
        yield client


async def hand_in(client: httpx.AsyncClient, version: int, *verbs: str, **fields: object) -> httpx.Response:
    manifest = {"title": f"公积金 {version}", "page": f"pages/v{version}", **fields}
    answer = await client.post("/v1/programs/fund/versions", json={"version": version, "manifest": manifest})
    for verb in verbs:
        answer = await client.post(f"/v1/programs/fund/versions/{version}/{verb}")
        assert answer.is_success, answer.text
    return answer


async def opened_in(client: httpx.AsyncClient, host_id: str) -> object:
    answer = await client.get(f"/v1/hosts/{host_id}/programs/fund")
    return answer.json()["version"] if answer.is_success else answer.status_code


async def test_a_host_is_published_when_it_changes_and_only_then(client: httpx.AsyncClient, pool: Pool) -> None:
    for body in (AMAP, AMAP, {**AMAP, "capabilities": PAYS}):
        assert (await client.put("/v1/hosts/amap", json=body)).status_code == 200
    for _ in range(2):
        assert (await client.post("/v1/hosts/amap/retirement", json={"reason": "end_of_life"})).is_success
    pays = (HostCapability(capability="pay", platform_version=12),)
    expected: list[Event] = [
        HostRegistered(**FACTS, revision=1),
        HostChanged(**FACTS, revision=2, capabilities=pays),
        HostRetired(**FACTS, revision=3, capabilities=pays, retired_for="end_of_life"),
    ]
    assert await entities_published(pool, HOSTS) == expected
    again = await client.put("/v1/hosts/amap", json=AMAP)
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:host_retired")
    assert (await client.get("/v1/hosts")).json()[0]["retired_for"] == "end_of_life"
    assert (await client.post("/v1/hosts/nobody/retirement", json={"reason": "gone"})).status_code == 404


async def test_a_registry_knows_its_hosts_from_their_topic(client: httpx.AsyncClient, pool: Pool) -> None:
    later = HostChanged(**FACTS, revision=2, capabilities=(HostCapability(capability="pay", platform_version=12),))
    await deliver(pool, handlers, HostChanged(**FACTS, revision=3), later, HostRegistered(**FACTS, revision=1))
    assert (await client.get("/v1/hosts/amap")).json()["capabilities"] == []


async def test_some_hosts_have_a_version_of_their_own(client: httpx.AsyncClient) -> None:
    await client.put("/v1/hosts/amap", json={**AMAP, "capabilities": PAYS})
    await hand_in(client, 1, "approval", "release")
    needs = {"platform_version": {"min_code": 9}, "req_permissions": [{"name": "pay", "reason": "缴费"}]}
    await hand_in(client, 2, "approval", hosts=["amap"], **needs)
    assert (await client.put("/v1/programs/fund/capabilities/pay", json={"reason": "reviewed"})).is_success
    answer = await client.post("/v1/programs/fund/versions/2/release")
    assert (answer.json()["released_version"], [each["state"] for each in answer.json()["versions"]]) == (
        1,
        ["released", "hosted"],
    )
    assert [await opened_in(client, host) for host in ("amap", "weibo")] == [2, 1]
    shown = (await client.get("/v1/hosts/amap/programs/fund")).json()
    assert shown["needs"] == {"hosts": ["amap"], "platform_version": 9, "capabilities": ["pay"]}
    assert (await client.post("/v1/programs/fund/versions/2/rollback")).is_success
    assert await opened_in(client, "amap") == 1


async def test_a_manifest_for_hosts_that_are_not_there_is_refused(client: httpx.AsyncClient) -> None:
    await client.put("/v1/hosts/old", json=AMAP)
    await client.post("/v1/hosts/old/retirement", json={"reason": "end_of_life"})
    for host in ("nowhere", "old"):
        answer = await hand_in(client, 1, hosts=[host])
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:unknown_host")
        assert "/hosts" in answer.json()["detail"]
    wrongs: tuple[dict[str, Any], ...] = (
        {"hosts": ["a", "a"]},
        {"hosts": []},
        {"platform_version": {"min_code": -7}},
        {"req_permissions": {}},
    )
    for wrong in wrongs:
        assert (await hand_in(client, 1, **wrong)).status_code == 422


async def test_a_program_for_one_host_alone_is_in_force_there_alone(client: httpx.AsyncClient) -> None:
    await client.put("/v1/hosts/amap", json=AMAP)
    answer = await hand_in(client, 1, "approval", "release", hosts=["amap"])
    assert answer.json()["released_version"] == 1
    assert [await opened_in(client, host) for host in ("amap", "weibo")] == [1, 404]
