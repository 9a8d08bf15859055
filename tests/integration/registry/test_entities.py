"""Merchants are published when they change, and known again from what was published."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, entities_published, http_client, in_transaction
from lutong_contracts import Event
from lutong_contracts.feed import AccountChanged
from lutong_contracts.inventory import LocationClosed, LocationOpened, LocationPaused
from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_contracts.registry import MerchantChanged, MerchantRegistered
from lutong_contracts.topics import GRANTS, HOSTS, MERCHANTS
from lutong_contracts.values import Money, Place
from lutong_registry.app import service
from lutong_registry.handlers import handlers

LocationEvent = LocationOpened | LocationPaused | LocationClosed
PlanEvent = PlanPublished | PlanClosed


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        yield client


def test_the_service_lists_what_it_owns() -> None:
    assert isinstance(service, Service)
    assert list(service.entities) == [MERCHANTS, HOSTS, GRANTS]


async def test_a_merchant_is_published_when_it_changes_and_only_then(client: httpx.AsyncClient, pool: Pool) -> None:
    for name in ("屈臣氏", "屈臣氏", "屈臣氏中国", "屈臣氏中国"):
        assert (await client.put("/v1/merchants/watsons", json={"name": name})).status_code == 200
    expected: list[Event] = [
        MerchantRegistered(merchant_id="watsons", title="屈臣氏", revision=1),
        MerchantChanged(merchant_id="watsons", title="屈臣氏中国", revision=2),
    ]
    assert await entities_published(pool, MERCHANTS) == expected


async def test_many_merchants_are_saved_at_once_and_each_is_named_once(client: httpx.AsyncClient, pool: Pool) -> None:
    wanted = [{"merchant_id": f"m-{n}", "name": f"Merchant {n}"} for n in range(3)]
    assert (await client.post("/v1/merchants/batch", json={"merchants": wanted})).json() == {"saved": 3}
    assert (await client.post("/v1/merchants/batch", json={"merchants": wanted})).json() == {"saved": 3}
    assert [event.key for event in await entities_published(pool, MERCHANTS)] == ["m-0", "m-1", "m-2"]
    twice = await client.post("/v1/merchants/batch", json={"merchants": [wanted[0], wanted[0]]})
    assert (twice.status_code, "'m-0' is repeated" in twice.text) == (422, True)


async def test_publishing_merchants_publishes_all_of_them_and_changes_none(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    wanted = [{"merchant_id": f"m-{n:04}", "name": f"Merchant {n}"} for n in range(1_000)]
    for batch in (wanted, [{"merchant_id": "m-0000", "name": "Other"}, {"merchant_id": "m-last", "name": "Last"}]):
        await client.post("/v1/merchants/batch", json={"merchants": batch})
    async with in_transaction(pool) as tx:
        await tx.execute("TRUNCATE outbox, pending")
    command = {"reason": "the topic is new", "topic": MERCHANTS.name}
    first = (await client.post("/operations/entities", json=command)).json()
    assert first == {"published": 1000, "after": "m-0999"}
    assert (await client.post("/operations/entities", json=command | {"after": first["after"]})).json() == {
        "published": 1,
        "after": None,
    }
    published = await entities_published(pool, MERCHANTS)
    assert len({event.key for event in published}) == len(published) == 1001
    assert published[0] == MerchantChanged(merchant_id="m-0000", title="Other", revision=2)
    assert published[-1] == MerchantRegistered(merchant_id="m-last", title="Last", revision=1)


async def test_what_the_service_does_not_own_is_not_published(client: httpx.AsyncClient) -> None:
    answer = await client.post("/operations/entities", json={"reason": "lost", "topic": "lutong.feed.accounts"})
    assert (answer.status_code, "unknown_topic" in answer.text) == (404, True)
    assert "lutong.registry.merchants" in answer.json()["detail"]


async def test_the_highest_revision_wins_whatever_comes_last(pool: Pool) -> None:
    new = MerchantChanged(merchant_id="m", title="New", revision=3)
    for batch in ([new], [MerchantChanged(merchant_id="m", title="Old", revision=2), new], [new]):
        await deliver(pool, handlers, *batch)
    await deliver(pool, handlers, MerchantRegistered(merchant_id="m", title="Oldest", revision=1))
    assert await named(pool) == [("m", "New", 3)]


async def test_an_account_is_known_as_the_feed_last_published(pool: Pool) -> None:
    published = [
        AccountChanged(account_id="ann", kind="personal", revision=1),
        AccountChanged(account_id="ann", kind="enterprise", merchant_id="m", program_ids=("p", "q"), revision=3),
        AccountChanged(account_id="ann", kind="enterprise", merchant_id="other", revision=2),
    ]
    await deliver(pool, handlers, *published)
    async with in_transaction(pool) as tx:
        row = await tx.fetchrow("SELECT account_id, kind, merchant_id, program_ids, revision FROM account")
    assert tuple(row or ()) == ("ann", "enterprise", "m", ["p", "q"], 3)


async def test_a_merchant_shows_its_accounts_places_and_plan(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/merchants/shop", json={"name": "Shop"})
    known = [
        AccountChanged(account_id="shop-official", kind="enterprise", merchant_id="shop", revision=1),
        a_place("001", LocationOpened, revision=1),
        a_place("002", LocationPaused, revision=2, state="paused"),
        a_place("003", LocationClosed, revision=3, state="closed"),
        a_place("002", LocationOpened, revision=1),
        a_plan("old", PlanClosed, revision=2),
        a_plan("light", PlanPublished, revision=1),
        a_plan("old", PlanPublished, revision=1),
    ]
    await deliver(pool, handlers, *known)
    shown = (await client.get("/v1/merchants/shop")).json()
    assert (shown["account_ids"], shown["places"], shown["places_open"]) == (["shop-official"], 2, 1)
    assert (shown["plan_id"], shown["discount_percent"], shown["charge_cap_minor"]) == ("light", 5, 5_000)
    assert (await client.get("/v1/merchants/nobody")).status_code == 404


async def test_a_name_that_the_release_before_gave_is_a_new_revision(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/merchants/shop", json={"name": "Shop"})
    async with in_transaction(pool) as tx:  # as release fe36945 does it
        await tx.execute("UPDATE merchant SET name = 'Renamed' WHERE merchant_id = 'shop'")
    assert await named(pool) == [("shop", "Renamed", 2)]
    await client.put("/v1/merchants/shop", json={"name": "Again"})
    assert await named(pool) == [("shop", "Again", 3)]


def a_place(location_id: str, event: type[LocationEvent], *, revision: int, state: str = "open") -> LocationEvent:
    return event(
        revision=revision, merchant_id="shop", location_id=location_id, kind="store", state=state,
        zone="Asia/Shanghai", place=Place(latitude=31, longitude=121), modes=("delivery", "pickup"),
    )  # fmt: skip


def a_plan(plan_id: str, event: type[PlanEvent], *, revision: int) -> PlanEvent:
    limit, cap = (Money(amount_minor=amount, currency="CNY") for amount in (300_000, 5_000))
    return event(
        revision=revision, plan_id=plan_id, merchant_id="shop", version=1, title="轻会员", line_limit=limit,
        charge_cap=cap, discount_percent=5,
    )  # fmt: skip


async def named(pool: Pool) -> list[tuple[str, str, int]]:
    """Merchants as they are stored."""
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT merchant_id, name, revision FROM merchant ORDER BY merchant_id")
    return [tuple(row) for row in rows]
