"""A version in gray: each viewer reads, opens and pays for their own; and one that is forbidden closes all cards."""

import json
from typing import Any

import httpx

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, deliver, http_client
from lutong_contracts.gray import Audience
from lutong_contracts.registry import VersionForcedOffline, VersionGrayed, VersionGrayStopped, VersionReleased
from lutong_contracts.values import Money, Offer
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, discovered

DEARER = (Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=9900, currency="CNY")),)


def grayed(**audience: Any) -> VersionGrayed:
    """The released version once more, as number 2, for bo."""
    return VersionGrayed(
        program_id=RELEASED.program_id, merchant_id=RELEASED.merchant_id, version=2, control_version=RELEASED.version,
        title="In gray", page="pages/gray", offers=DEARER,
        audience=Audience(**({"salt": "s-1", "percent": 1, "viewers": ("bo",)} | audience)),
    )  # fmt: skip


async def card_of(client: httpx.AsyncClient, post_id: str, **query: str) -> dict[str, Any]:
    return dict((await client.get(f"/v1/posts/{post_id}", params=query)).json()["card"])


async def test_each_viewer_reads_and_opens_their_version(
    service: Service, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id), grayed())
    assert (await card_of(client, post_id))["version"] == 1  # staff reads as nobody in particular
    for name, version in (("bo", 2), ("cy", 1)):
        async with http_client(service, pool, a_member(name)) as reader:
            await reader.put(f"/v1/accounts/{name}/follows/ann")
            timeline = (await reader.get(f"/v1/accounts/{name}/timeline")).json()["posts"]
            cards = [await card_of(reader, post_id), *(post["card"] for post in timeline)]
            cards.append((await reader.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": name})).json())
            assert [(card["version"], card["title"]) for card in cards] == [
                (version, "In gray" if version == 2 else RELEASED.title)
            ] * 3
    tapped = await pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%card-tapped%' ORDER BY id")
    assert [json.loads(row[0])["version"] for row in tapped] == [2, 1]


async def test_a_region_is_read_and_tapped_alike(service: Service, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id), grayed(percent=100, viewers=(), regions=("浙江",)))
    async with http_client(service, pool, a_member("bo")) as bo:
        assert (await card_of(bo, post_id, region="浙江"))["version"] == 2
        assert (await card_of(bo, post_id, region="上海"))["version"] == 1
        body = {"viewer_id": "bo", "region": "浙江"}
        assert (await bo.post(f"/v1/posts/{post_id}/card/taps", json=body)).json()["version"] == 2


async def test_what_is_ordered_costs_what_the_viewer_saw(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id), grayed())
    order = {"lines": [{"sku": "tea", "units": 1}], "destination": {"latitude": 31.2, "longitude": 121.4}}
    totals = {}
    for name in ("bo", "cy"):
        answer = await client.post(f"/v1/posts/{post_id}/card/requests", json=order | {"viewer_id": name})
        assert answer.status_code == 202, answer.text
        totals[name] = answer.json()["total_minor"]
    assert totals == {"bo": 9900, "cy": RELEASED.offers[0].unit_price.amount_minor}
    requested = await pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%service-requested%' ORDER BY id")
    assert [json.loads(row[0])["version"] for row in requested] == [2, 1]


async def test_a_version_in_gray_ends_for_everybody(service: Service, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id), grayed())
    stopped = {"program_id": RELEASED.program_id, "control_version": 1, "by": "merchant", "reason": "rolled_back"}
    async with http_client(service, pool, a_member("bo")) as bo:
        await deliver(pool, handlers, VersionGrayStopped(version=9, **stopped))
        assert (await card_of(bo, post_id))["version"] == 2
        await deliver(pool, handlers, VersionGrayStopped(version=2, **stopped))
        assert (await card_of(bo, post_id))["version"] == 1


async def test_forced_offline_reaches_every_card_with_its_reason(client: httpx.AsyncClient, pool: Pool) -> None:
    posts = [await a_post(client) for _ in range(3)]
    await deliver(pool, handlers, RELEASED, *(discovered(post_id) for post_id in posts), grayed())
    program = {"program_id": RELEASED.program_id, "reason": "false_promises"}
    await deliver(pool, handlers, VersionForcedOffline(version=9, **program))
    assert (await card_of(client, posts[0]))["state"] == "active"
    await deliver(pool, handlers, VersionForcedOffline(version=RELEASED.version, **program))
    cards = [await card_of(client, post_id) for post_id in posts]
    assert {(card["state"], card["reason"]) for card in cards} == {("unavailable", "false_promises")}
    tap = await client.post(f"/v1/posts/{posts[0]}/card/taps", json={"viewer_id": "bo"})
    assert (tap.status_code, tap.json()["reason"]) == (409, "false_promises")
    better = VersionReleased(**RELEASED.model_dump() | {"version": 3})
    await deliver(pool, handlers, better)
    card = await card_of(client, posts[0])
    assert (card["state"], card["version"], card["reason"]) == ("active", 3, None)
