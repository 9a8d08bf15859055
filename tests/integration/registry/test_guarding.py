"""A version in gray that sells less, or cannot be served, is taken back by itself; one that does as well stays."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_contracts import Event
from lutong_contracts.feed import CardTapped, ServiceRequested
from lutong_contracts.inventory import LocationDeclined, OrderRefunded, OrderRejected
from lutong_contracts.registry import VersionGrayStopped
from lutong_contracts.values import Money
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from tests.support.builders import a_request, fulfilled

FUND: dict[str, Any] = {"title": "公积金提取", "page": "pages/fund/index"}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """Version 2 of a program is in gray, at 10 %."""
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        await client.put("/v1/programs/fund", json={"merchant_id": "gov"})
        for version, verbs in ((1, ("approval", "release")), (2, ("approval",))):
            body = {"version": version, "manifest": FUND}
            assert (await client.post("/v1/programs/fund/versions", json=body)).status_code == 201
            for verb in verbs:
                await client.post(f"/v1/programs/fund/versions/{version}/{verb}")
        assert (await client.post("/v1/programs/fund/versions/2/gray", json={"percent": 10})).status_code == 200
        yield client


async def seen(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/v1/programs/fund/versions/2")).json())


def taps(version: int, viewers: int) -> Iterator[CardTapped]:
    for n in range(viewers):
        yield CardTapped(viewer_id=f"v{version}-{n}", post_id="p-1", program_id="fund", version=version)


def orders(version: int | None, viewers: int) -> Iterator[ServiceRequested]:
    for n in range(viewers):
        yield a_request(f"o{version}-{n}", viewer_id=f"v{version}-{n}").model_copy(
            update={"program_id": "fund", "post_id": "p-1", "version": version}
        )


def stopped(published: list[Event]) -> list[VersionGrayStopped]:
    return [event for event in published if isinstance(event, VersionGrayStopped)]


def counts(view: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {
        each["metric"]: tuple(each[arm][what] for arm in ("gray", "control") for what in ("trials", "hits"))
        for each in view["guardrails"]
    }


async def test_a_version_that_sells_less_is_taken_back_with_its_reason(client: httpx.AsyncClient, pool: Pool) -> None:
    assert not stopped(await deliver(pool, handlers, *taps(1, 1_000), *orders(1, 300), *taps(2, 99), *orders(2, 5)))
    (event,) = stopped(await deliver(pool, handlers, *list(taps(2, 150))[99:]))
    assert (event.version, event.control_version, event.by, event.reason) == (2, 1, "guardrail", "conversion_fell")
    assert event.evidence is not None
    assert (event.evidence.gray_trials, event.evidence.gray_hits) == (150, 5)
    view = await seen(client)
    assert (view["state"], view["ended_for"]) == ("rolled_back", "conversion_fell")
    assert view["evidence"]["text_zh"].startswith("灰度版本150 次打开成交 5 单")
    assert (
        await pool.fetchval("SELECT count(*) FROM gray_tap") + await pool.fetchval("SELECT count(*) FROM gray_order")
        == 0
    )
    assert not await deliver(pool, handlers, *orders(1, 3), *taps(2, 3))  # nothing is watched any more
    assert counts(await seen(client)) == counts(view)


async def test_a_version_that_does_as_well_stays(client: httpx.AsyncClient, pool: Pool) -> None:
    assert not stopped(await deliver(pool, handlers, *taps(1, 900), *taps(2, 300), *orders(1, 180), *orders(2, 60)))
    assert (await seen(client))["state"] == "gray"


async def test_orders_that_nobody_can_serve_end_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *orders(1, 900), *orders(2, 200))
    rejected = [
        OrderRejected(order_id=f"o{version}-{n}", merchant_id="gov", reason="out_of_stock")
        for version, orders_rejected in ((1, 20), (2, 60))
        for n in range(orders_rejected)
    ]
    (event,) = stopped(await deliver(pool, handlers, *rejected))
    assert event.reason == "rejections_rose"


async def test_refunds_count_once_for_each_order_that_was_fulfilled(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(
        pool, handlers, *orders(1, 3), *orders(2, 3), fulfilled("o1-0"), fulfilled("o2-0"), fulfilled("other")
    )
    paid = Money(amount_minor=1, currency="CNY")
    refunds = [
        OrderRefunded(order_id=order, refund_id=refund, member_id="m", merchant_id="gov", amount=paid)
        for order, refund in (("o2-0", "r-1"), ("o2-0", "r-2"), ("o2-1", "r-3"), ("other", "r-4"))
    ]
    await deliver(pool, handlers, *refunds)
    assert counts(await seen(client)) == {
        "rejections": (3, 0, 3, 0), "short_picks": (3, 0, 3, 0), "refunds": (1, 1, 1, 0),
    }  # fmt: skip


async def test_partitions_at_once_count_each_tap_while_the_audience_widens(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    every = [*taps(1, 240), *taps(2, 240)]
    widening = asyncio.create_task(client.post("/v1/programs/fund/versions/2/gray", json={"percent": 30}))
    await asyncio.gather(*(deliver(pool, handlers, *every[n::12], *every[n::24]) for n in range(12)))
    widened = await widening
    assert widened.status_code == 200, widened.text
    stages = (await seen(client))["guardrails"]
    assert [sum(each[arm]["trials"] for each in stages) for arm in ("gray", "control")] == [240, 240]


async def test_a_release_meanwhile_leaves_nobody_watched(client: httpx.AsyncClient, pool: Pool) -> None:
    releasing = asyncio.create_task(client.post("/v1/programs/fund/versions/2/release"))
    await asyncio.gather(*(deliver(pool, handlers, *list(taps(2, 120))[n::12]) for n in range(12)))
    released = await releasing
    assert released.status_code == 200, released.text
    assert await pool.fetchval("SELECT count(*) FROM gray_tap") == 0


async def test_a_location_without_the_goods_counts_once_and_a_busy_one_not(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await deliver(pool, handlers, *orders(2, 3))
    declines = [
        LocationDeclined(order_id=order, merchant_id="gov", location_id=location, reason=reason)
        for order, location, reason in (
            ("o2-0", "near", "sold_out"), ("o2-0", "far", "sold_out"), ("o2-1", "near", "rush_hour"),
        )
    ]  # fmt: skip
    await deliver(pool, handlers, *declines)
    assert counts(await seen(client))["short_picks"] == (3, 1, 0, 0)


async def test_what_is_of_neither_version_is_not_counted(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *taps(7, 3), *orders(7, 3), *orders(None, 2))
    assert (await seen(client))["guardrails"] == []


async def test_each_stage_is_measured_by_itself(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *taps(1, 2), *taps(2, 2))
    await client.post("/v1/programs/fund/versions/2/gray", json={"percent": 30})
    await deliver(pool, handlers, *list(taps(2, 5))[2:], *orders(2, 1))
    assert [(each["stage"], each["metric"], each["gray"]) for each in (await seen(client))["guardrails"]] == [
        (1, "conversion", {"trials": 2, "hits": 1}),
        (2, "conversion", {"trials": 3, "hits": 0}),
        (2, "rejections", {"trials": 1, "hits": 0}),
        (2, "short_picks", {"trials": 1, "hits": 0}),
    ]
    assert (await client.post("/v1/programs/fund/versions/2/release")).status_code == 200
    assert await pool.fetchval("SELECT count(*) FROM gray_tap") == 0
