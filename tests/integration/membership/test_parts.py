"""Orders that come in parts, on a real PostgreSQL: each part is captured, and the rest is given back with the last."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.inventory import OrderFulfilled, OrderRefunded
from lutong_contracts.membership import HoldCaptured, HoldLapsed
from lutong_contracts.values import Money
from lutong_membership.handlers import handlers
from tests.integration.membership.story import OBLIGED, a_member, a_shop, balanced_summary, get, names, tell
from tests.support.builders import a_request, cancelled, fulfilled, part_fulfilled


def last(order_id: str, amount_minor: int, listed_minor: int) -> OrderFulfilled:
    """The end of an order of which less came than was ordered."""
    listed = Money(amount_minor=listed_minor, currency="CNY")
    return fulfilled(order_id, amount_minor).model_copy(update={"listed": listed})


async def line_of(client: httpx.AsyncClient) -> tuple[int, int]:
    """What is held, and what is owed."""
    line: dict[str, Any] = (await get(client, "/v1/members/m-1"))["lines"][0]
    return line["held_minor"], line["owed_minor"]


async def test_each_part_is_captured_and_the_rest_is_released_with_the_last(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1")  # 900 are held
    assert names(await deliver(pool, handlers, part_fulfilled("o-1", 2, 300)))[0] == "HoldCaptured"
    assert await line_of(client) == (600, 300)
    both = await deliver(pool, handlers, part_fulfilled("o-1", 1, 200), last("o-1", 500, 600))
    captured = [event for event in both if isinstance(event, HoldCaptured)]
    assert [(e.fulfilment_id, e.amount.amount_minor, e.released and e.released.amount_minor) for e in captured] == [
        ("o-1", 200, 0), (None, 0, 400),
    ]  # fmt: skip
    assert await line_of(client) == (0, 500)
    hold = await get(client, "/v1/holds/o-1")
    assert (hold["state"], hold["captured_minor"]) == ("captured", 500)
    await balanced_summary(client)


async def test_parts_of_one_order_in_one_batch_are_each_captured(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool, order="o-1")
    await deliver(pool, handlers, *(part_fulfilled("o-1", number, 100) for number in (1, 2, 3)))
    assert await line_of(client) == (600, 300)
    debts = await pool.fetch("SELECT debt_id FROM debt ORDER BY debt_id")
    assert [row["debt_id"] for row in debts] == ["order:o-1", "order:o-1.2", "order:o-1.3"]
    await balanced_summary(client)


async def test_an_order_in_parts_counts_until_all_of_it_is_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **OBLIGED)
    agreement = await a_member(pool, order="o-1")

    async def times() -> int:
        rows = await pool.fetch("SELECT times FROM accrual WHERE agreement_id = $1", agreement)
        return sum(row["times"] for row in rows)

    await deliver(pool, handlers, part_fulfilled("o-1", 1, 200), part_fulfilled("o-1", 2, 100))
    assert await times() == 1
    await deliver(pool, handlers, _back("o-1", "o-1", 200))
    assert await times() == 1
    await deliver(pool, handlers, _back("o-1", "o-1.2", 100))
    assert (await times(), await line_of(client)) == (0, (600, 0))
    await balanced_summary(client)


def _back(order_id: str, part_id: str, amount_minor: int) -> OrderRefunded:
    return OrderRefunded(
        order_id=order_id,
        fulfilment_id=part_id,
        refund_id=f"r-{part_id}",
        member_id="m-1",
        merchant_id="shop",
        amount=Money(amount_minor=amount_minor, currency="CNY"),
    )


async def test_a_hold_that_expires_between_its_parts_gives_the_rest_back_once(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1")
    await deliver(pool, handlers, part_fulfilled("o-1", 1, 300))
    (expired,) = await deliver(pool, handlers, HoldLapsed(order_id="o-1"))
    assert expired.amount.amount_minor == 600  # type: ignore[attr-defined]  # a HoldExpired
    assert await line_of(client) == (0, 300)
    await deliver(pool, handlers, part_fulfilled("o-1", 2, 600), fulfilled("o-1", 900))
    assert await line_of(client) == (0, 900)
    assert (await get(client, "/v1/holds/o-1"))["state"] == "captured"
    await balanced_summary(client)


async def test_parts_and_expiry_at_once_lose_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    orders = [f"o-{n}" for n in range(15)]
    await tell(pool, *[a_request(order, 100) for order in orders])
    events_of = [(part_fulfilled(o, 1, 30), part_fulfilled(o, 2, 60), HoldLapsed(order_id=o)) for o in orders]
    await asyncio.gather(*(deliver(pool, handlers, event) for some in events_of for event in some))
    await deliver(pool, handlers, *(fulfilled(order, 90) for order in orders))
    assert await line_of(client) == (900, 15 * 90)  # the member's first order is still held
    await balanced_summary(client)


async def test_a_part_that_comes_after_the_whole_is_not_captured_again(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool, order="o-1")
    await deliver(
        pool, handlers, fulfilled("o-1", 500)
    )  # by a release that passed the part over, and takes it up later
    assert await deliver(pool, handlers, part_fulfilled("o-1", 2, 500)) == []
    assert await line_of(client) == (0, 500)
    assert names(await deliver(pool, handlers, _back("o-1", "o-1.2", 100))) == ["RefundBooked"]
    await balanced_summary(client)


async def test_a_release_that_knows_no_parts_cannot_capture_the_whole_again(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1")
    await deliver(pool, handlers, part_fulfilled("o-1", 1, 300))
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE hold SET state = 'captured', captured_minor = 900 WHERE order_id = 'o-1'")


@pytest.mark.parametrize(("listed_minor", "state"), [(500, "redeemed"), (499, "returned")])
async def test_a_coupon_is_judged_again_by_what_came(
    listed_minor: int, state: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool)
    stock = {
        "merchant_id": "shop", "amount_off_minor": 300, "minimum_minor": 500, "total": 5, "daily_total": 4, "member_total": 2,
    }  # fmt: skip
    assert (await client.put("/v1/coupon-stocks/spring", json=stock)).status_code == 200
    coupon = (await client.post("/v1/coupon-stocks/spring/coupons", json={"member_id": "m-1"})).json()["coupon_id"]
    await tell(pool, _with_coupon("o-1", coupon))
    ended = await deliver(pool, handlers, part_fulfilled("o-1", 1, 300), last("o-1", 300, listed_minor))
    assert names(ended)[-1] == {"redeemed": "CouponRedeemed", "returned": "CouponReturned"}[state]
    assert [each["state"] for each in (await client.get("/v1/members/m-1/coupons")).json()] == [state]
    await balanced_summary(client)
    if state == "returned":
        assert "CouponReserved" in names(await tell(pool, _with_coupon("o-2", coupon)))


def _with_coupon(order_id: str, coupon_id: str) -> ServiceRequested:
    return a_request(order_id, 1_000).model_copy(update={"coupon_id": coupon_id})


async def test_an_order_of_which_nothing_came_is_released_as_ever(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool, order="o-1")
    assert names(await deliver(pool, handlers, cancelled("o-1"))) == ["HoldReleased"]
    assert await line_of(client) == (0, 0)
