"""What opens in the app that a reader is in: read, tapped and ordered alike, and a reason where nothing does."""

import json
from typing import Any

import httpx

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, deliver, http_client
from lutong_contracts.hosts import HostCapability, HostChanged, HostRegistered, HostRetired, Needs, Scene
from lutong_contracts.registry import VersionForcedOffline, VersionHosted, VersionUnhosted
from lutong_contracts.values import Money, Offer
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, discovered

AMAP = {"host_id": "amap", "title_zh": "高德", "title_en": "Amap"}
SEARCH = Scene(scene_id="1005", title_zh="搜索结果", title_en="search result")
DEARER = (Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=9900, currency="CNY")),)
PAYS = RELEASED.model_copy(update={"needs": Needs(capabilities=("pay",))})


def registered(revision: int = 1, **able: int) -> HostChanged:
    capabilities = tuple(HostCapability(capability=name, platform_version=number) for name, number in able.items())
    return HostChanged(**AMAP, revision=revision, capabilities=capabilities, scenes=(SEARCH,))


def hosted(**needs: Any) -> VersionHosted:
    """Version 3, for amap alone."""
    facts = {"program_id": RELEASED.program_id, "merchant_id": RELEASED.merchant_id, "offers": DEARER}
    return VersionHosted(version=3, title="In amap", page="pages/amap", needs=Needs(hosts=("amap",), **needs), **facts)


async def card_of(client: httpx.AsyncClient, post_id: str, **query: object) -> dict[str, Any]:
    return dict((await client.get(f"/v1/posts/{post_id}", params={k: str(v) for k, v in query.items()})).json()["card"])


async def test_a_card_states_why_it_does_not_open_here(service: Service, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, PAYS, discovered(post_id), HostRegistered(**AMAP, revision=1))
    assert (await card_of(client, post_id))["state"] == "active"  # who does not state where they are
    async with http_client(service, pool, a_member("bo")) as bo:
        await bo.put("/v1/accounts/bo/follows/ann")
        for change, platform, reason in (
            (None, 12, "no_capability"),
            (registered(2, pay=12), 11, "platform_too_old"),
            (None, 12, None),
            (HostRetired(**AMAP, revision=3, retired_for="end_of_life"), 12, "host_retired"),
        ):
            await deliver(pool, handlers, *([change] if change else []))
            where: dict[str, Any] = {"host": "amap", "platform": platform}
            timeline = (await bo.get("/v1/accounts/bo/timeline", params=where)).json()["posts"][0]["card"]
            assert timeline == await card_of(bo, post_id, **where)
            assert (timeline["reason"], timeline["state"]) == (reason, "unavailable" if reason else "active")
            tap = await bo.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo", **where})
            assert (tap.status_code, tap.json().get("reason")) == (409 if reason else 201, reason)
            if reason == "platform_too_old":
                assert timeline["blocked"]["platform_version"] == 12
                assert "12" in timeline["blocked"]["text"]["zh"]
        assert (await card_of(bo, post_id, host="nobody"))["reason"] == "unknown_host"


async def test_a_host_shows_and_sells_its_own_version(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id), registered(), hosted(platform_version=5))
    order: dict[str, Any] = {"viewer_id": "bo", "lines": [{"sku": "tea", "units": 1}]}
    order |= {"destination": {"latitude": 31.2, "longitude": 121.4}}
    own: dict[str, Any] = {"host": "amap", "platform": 5}
    others: tuple[dict[str, Any], ...] = ({}, {"host": "amap", "platform": 4}, {"host": "uc"})
    assert [(await card_of(client, post_id, **where))["version"] for where in (own, *others)] == [3, 1, 1, 1]
    assert (await card_of(client, post_id, **own))["live"]["amount_minor"] == 9900
    totals = [
        (await client.post(f"/v1/posts/{post_id}/card/requests", json=order | where)).json()["total_minor"]
        for where in (own, *others)
    ]
    assert totals == [9900, *[RELEASED.offers[0].unit_price.amount_minor] * 3]
    await deliver(pool, handlers, VersionUnhosted(program_id=RELEASED.program_id, version=3, reason="rolled_back"))
    assert (await card_of(client, post_id, **own))["version"] == 1


async def test_a_hosts_version_ends_with_a_newer_one_or_forbidden(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id, own = await a_post(client), {"host": "amap", "platform": 5}
    for end, version in (
        (RELEASED.model_copy(update={"version": 4}), 4),
        (VersionForcedOffline(program_id=RELEASED.program_id, version=3, reason="false_promises"), 1),
    ):
        await deliver(pool, handlers, RELEASED, discovered(post_id), registered(), hosted())
        assert (await card_of(client, post_id, **own))["version"] == 3
        await deliver(pool, handlers, end)
        assert (await card_of(client, post_id, **own))["version"] == version
        assert await pool.fetchval("SELECT hosted IS NULL AND hosted_offers IS NULL FROM program")


async def test_a_tap_tells_from_which_scene_it_came(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id), registered())
    for name, body in (("bo", {"host": "amap", "scene": "1005"}), ("cy", {"host": "amap", "scene": "9"})):
        answer = await client.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": name, **body})
        assert answer.status_code == 201, answer.text
    tapped = await pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%card-tapped%' ORDER BY id")
    taps = [json.loads(row[0]) for row in tapped]
    assert [(tap["host_id"], tap.get("scene_id")) for tap in taps] == [("amap", "1005"), ("amap", None)]
