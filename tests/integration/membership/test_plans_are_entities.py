"""Plans are published when they change, whole, and again when they are asked for."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import entities_published, http_client, in_transaction
from lutong_contracts import Event
from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_contracts.offers import Holdout
from lutong_contracts.topics import PLANS
from lutong_contracts.values import Money
from lutong_membership.app import service
from tests.integration.membership.story import OBLIGED


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        yield client


async def put(client: httpx.AsyncClient, plan_id: str, title: str = "轻会员", **more: object) -> None:
    wanted = {"merchant_id": "shop", "title": title, "line_limit_minor": 100_000} | more
    assert (await client.put(f"/v1/plans/{plan_id}", json=wanted)).status_code == 200


def a_plan(event: type[PlanPublished | PlanClosed], plan_id: str, revision: int, **more: object) -> Event:
    facts = {
        "version": 1,
        "title": "轻会员",
        "charge_cap": cny(0),
        "discount_percent": 0,
        "holdout": Holdout(salt="lutong", percent=0),
    } | more
    return event(plan_id=plan_id, merchant_id="shop", line_limit=cny(100_000), revision=revision, **facts)


def cny(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="CNY")


async def test_a_plan_is_published_when_it_changes_and_only_then(client: httpx.AsyncClient, pool: Pool) -> None:
    for _ in range(2):
        await put(client, "light", terms=OBLIGED)
    await put(client, "light", "路通会员", terms=OBLIGED)
    terms = {"charge_cap": cny(5_000), "discount_percent": 10}
    assert await entities_published(pool, PLANS) == [
        a_plan(PlanPublished, "light", 1, **terms),
        a_plan(PlanPublished, "light", 2, version=2, title="路通会员", **terms),
    ]


async def test_the_plan_that_gives_way_is_published_as_closed(client: httpx.AsyncClient, pool: Pool) -> None:
    for plan_id in ("light", "gold", "light"):
        await put(client, plan_id)
    assert await entities_published(pool, PLANS) == [
        a_plan(PlanPublished, "light", 1),
        a_plan(PlanPublished, "gold", 1),
        a_plan(PlanClosed, "light", 2),
        a_plan(PlanClosed, "gold", 2),
        a_plan(PlanPublished, "light", 3),
    ]


async def test_all_plans_are_published_again_as_they_are(client: httpx.AsyncClient, pool: Pool) -> None:
    """Also what the release before changed, which says nothing: its revision is the higher one."""
    for plan_id in ("gold", "light"):
        await put(client, plan_id)
    async with in_transaction(pool) as tx:
        await tx.execute("TRUNCATE outbox, pending; UPDATE plan SET open = false WHERE plan_id = 'light'")
    command = {"reason": "the topic is new", "topic": PLANS.name, "after": ""}
    assert (await client.post("/operations/entities", json=command)).json() == {"published": 2, "after": None}
    assert await entities_published(pool, PLANS) == [a_plan(PlanClosed, "gold", 2), a_plan(PlanClosed, "light", 2)]


async def test_plans_of_a_merchant_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    await put(client, "autumn")
    await put(client, "spring")
    await put(client, "spring", "新版")
    listed = (await client.get("/v1/merchants/shop/plans")).json()
    assert [(each["plan_id"], each["version"], each["open"]) for each in listed] == [
        ("autumn", 1, False),
        ("spring", 2, True),
    ]
    assert (await client.get("/v1/merchants/shop/plans", params={"after": "autumn"})).json() == listed[1:]
