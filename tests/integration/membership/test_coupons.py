"""Coupons on a real PostgreSQL: used once, within every bound, together with their order."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.inventory import OrderRejected
from lutong_contracts.membership import CouponIssued, CouponLapsed, HoldLapsed
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from tests.integration.membership.story import OBLIGED, a_member, a_shop, names, tell
from tests.support.builders import a_request, cancelled, fulfilled

STOCK = {
    "merchant_id": "shop",
    "amount_off_minor": 300,
    "minimum_minor": 500,
    "total": 5,
    "daily_total": 4,
    "member_total": 2,
}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await a_shop(client, ("m-1", "m-2"))
        assert (await client.put("/v1/coupon-stocks/spring", json=STOCK)).status_code == 200
        yield client


async def a_coupon(client: httpx.AsyncClient, member: str = "m-1") -> str:
    answer = await client.post("/v1/coupon-stocks/spring/coupons", json={"member_id": member})
    assert answer.status_code == 201, answer.text
    coupon: str = answer.json()["coupon_id"]
    return coupon


def with_coupon(order: str, coupon: str, amount_minor: int = 1_000) -> ServiceRequested:
    return a_request(order, amount_minor).model_copy(update={"coupon_id": coupon})


async def state(client: httpx.AsyncClient, member: str = "m-1") -> Any:  # noqa: ANN401  # JSON
    return [coupon["state"] for coupon in (await client.get(f"/v1/members/{member}/coupons")).json()]


async def test_redemption_and_order_go_through_together(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    coupon = await a_coupon(client)
    assert names(await tell(pool, with_coupon("o-1", coupon))) == ["CreditHeld", "HoldLapsed", "CouponReserved"]
    assert await state(client) == ["reserved"]
    assert names(await deliver(pool, handlers, fulfilled("o-1", 700))) == ["HoldCaptured", "CouponRedeemed"]
    assert await state(client) == ["redeemed"]


@pytest.mark.parametrize("how", ["rejected", "cancelled"])
async def test_a_coupon_comes_back_when_a_store_cannot_fulfil(how: str, client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    coupon = await a_coupon(client)
    await tell(pool, with_coupon("o-1", coupon))
    rejected = OrderRejected(order_id="o-1", merchant_id="shop", reason="out_of_stock")
    published = await deliver(pool, handlers, rejected if how == "rejected" else cancelled("o-1"))
    assert names(published) == ["HoldReleased", "CouponReturned"]
    assert names(await tell(pool, with_coupon("o-2", coupon)))[0] == "CreditHeld"


async def test_single_use_coupon_under_concurrent_checkout_is_used_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    coupon = await a_coupon(client)
    wishes = (deliver(pool, handlers, with_coupon(f"o-{n}", coupon)) for n in range(20))
    published = [name for events in await asyncio.gather(*wishes) for name in names(events)]
    assert (published.count("CreditHeld"), published.count("CreditDeclined"), published.count("CouponReserved")) == (
        1,
        19,
        1,
    )


async def test_many_members_at_once_get_no_more_coupons_than_there_are(client: httpx.AsyncClient, pool: Pool) -> None:
    async def ask(member: str) -> int:
        answer = await client.post("/v1/coupon-stocks/spring/coupons", json={"member_id": member})
        return answer.status_code

    answers = await asyncio.gather(*(ask(f"m-{n % 3}") for n in range(30)))
    assert answers.count(201) == 4  # of a day
    rows = await pool.fetch("SELECT member_id, count(*) AS n FROM coupon GROUP BY member_id")
    assert max(row["n"] for row in rows) <= 2
    await pool.execute("UPDATE coupon_stock SET today = today - 1")
    assert (await asyncio.gather(*(ask(f"x-{n}") for n in range(5)))).count(201) == 1  # the fifth and last


async def test_negative_control_count_then_insert_gives_out_too_many(pool: Pool) -> None:
    """What the lock on the stock is for."""
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE naive (member text)")
    together = asyncio.Barrier(8)

    async def ask() -> None:
        async with pool.acquire() as connection, connection.transaction():
            issued = await connection.fetchval("SELECT count(*) FROM naive")
            await together.wait()
            if issued < 2:
                await connection.execute("INSERT INTO naive VALUES ('m')")

    await asyncio.gather(*(ask() for _ in range(8)))
    assert await pool.fetchval("SELECT count(*) FROM naive") > 2


async def test_members_get_their_plans_coupons_while_the_stock_lasts(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, ("m-1", "m-2", "m-3"), benefits={"coupons": [{"stock_id": "spring", "coupons": 2}]})
    published = [event for n in (1, 2, 3) for event in await tell(pool, a_request(f"o-{n}", 1_000, f"m-{n}"))]
    issued = [event for event in published if isinstance(event, CouponIssued)]
    assert [event.member_id for event in issued] == ["m-1", "m-1", "m-2", "m-2"]
    assert await pool.fetchval("SELECT count(*) FROM coupon WHERE agreement_id IS NOT NULL") == 4


async def test_the_coupon_of_a_plan_is_a_benefit_that_counts_at_settlement(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_shop(client, **OBLIGED | {"benefits": {"discount_percent": 10, "coupons": [{"stock_id": "spring"}]}})
    agreement = await a_member(pool)
    (coupon,) = (await client.get("/v1/members/m-1/coupons")).json()
    await tell(pool, with_coupon("o-1", coupon["coupon_id"]))
    await deliver(pool, handlers, fulfilled("o-1", 600))
    assert (await client.get(f"/v1/agreements/{agreement}/quote")).json()["charge_minor"] == 400


async def test_an_unused_coupon_lapses_and_one_in_use_waits(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    used, unused = await a_coupon(client), await a_coupon(client)
    await tell(pool, with_coupon("o-1", used))
    assert await deliver(pool, handlers, CouponLapsed(coupon_id=unused)) == []
    await pool.execute("UPDATE coupon SET expires_at = now()")
    published = await deliver(pool, handlers, CouponLapsed(coupon_id=used), CouponLapsed(coupon_id=unused))
    assert names(published) == ["CouponExpired"]
    assert names(await deliver(pool, handlers, cancelled("o-1"))) == ["HoldReleased"]
    assert sorted(await state(client)) == ["expired", "expired"]


async def test_a_coupon_stays_with_an_order_whose_hold_expired(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    coupon = await a_coupon(client)
    await tell(pool, with_coupon("o-1", coupon))
    assert names(await deliver(pool, handlers, HoldLapsed(order_id="o-1"))) == ["HoldExpired"]
    assert await state(client) == ["reserved"]
    assert names(await deliver(pool, handlers, fulfilled("o-1", 700))) == ["HoldCaptured", "CouponRedeemed"]


async def test_a_coupon_in_use_cannot_be_voided(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    free, used = await a_coupon(client), await a_coupon(client)
    await tell(pool, with_coupon("o-1", used))
    why = {"reason": "a mistake"}
    assert (await client.post(f"/v1/coupons/{free}/void", json=why)).status_code == 200
    assert (await client.post(f"/v1/coupons/{used}/void", json=why)).json()["type"].endswith("coupon_in_use")
    assert names(await tell(pool, with_coupon("o-2", free))) == ["CreditDeclined"]
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'coupon.void'") == 1


async def test_what_a_coupon_is_worth_never_changes(client: httpx.AsyncClient, pool: Pool) -> None:
    for change in ({"amount_off_minor": 1}, {"merchant_id": "other"}):
        answer = await client.put("/v1/coupon-stocks/spring", json=STOCK | change)
        assert answer.json()["type"] == "urn:lutong:problem:stock_fixed"
    assert (await client.put("/v1/coupon-stocks/spring", json=STOCK | {"paused": True})).status_code == 200
    refused = await client.post("/v1/coupon-stocks/spring/coupons", json={"member_id": "m-1"})
    assert refused.json()["type"] == "urn:lutong:problem:stock_paused"


async def test_stocks_of_a_merchant_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    await client.put("/v1/coupon-stocks/autumn", json=STOCK)
    await a_coupon(client)
    listed = (await client.get("/v1/merchants/shop/coupon-stocks")).json()
    assert [(each["stock_id"], each["issued"]) for each in listed] == [("autumn", 0), ("spring", 1)]
    rest = (await client.get("/v1/merchants/shop/coupon-stocks", params={"after": "autumn", "limit": 1})).json()
    assert rest == listed[1:]
    assert (await client.get("/v1/merchants/other/coupon-stocks")).json() == []
