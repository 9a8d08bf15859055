"""A service without goods is held, captured when its provider did it, and released when it did not."""

import httpx

from lutong_chassis.database import Pool
from lutong_contracts.inventory import OrderRefunded, OrderRejected
from lutong_contracts.membership import CreditHeld, HoldCaptured
from lutong_contracts.values import Money
from tests.integration.membership.story import a_member, get, names, tell
from tests.support.builders import a_request, fulfilled


async def test_a_service_is_captured_when_it_is_done(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    orders = [a_request(order_id, 1_000).model_copy(update={"provided": True}) for order_id in ("s-1", "s-2")]
    held = [event for event in await tell(pool, *orders) if isinstance(event, CreditHeld)]
    assert [event.provided for event in held] == [True, True]
    done = fulfilled("s-1", 900).model_copy(update={"location_id": "shop", "location_kind": "provider"})
    assert "HoldCaptured" in names(await tell(pool, done))
    silent = OrderRejected(order_id="s-2", merchant_id="shop", reason="provider_silent")
    assert "HoldReleased" in names(await tell(pool, silent))
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["owed_minor"], line["held_minor"]) == (900, 900)  # the rest is of the order by which they joined


async def test_who_joins_by_a_service_has_it_held_as_one(client: httpx.AsyncClient, pool: Pool) -> None:
    request = a_request("s-1", 1_000).model_copy(update={"provided": True})
    (held,) = [event for event in await tell(pool, request) if isinstance(event, CreditHeld)]
    assert held.provided


async def test_of_a_lesser_bill_the_rest_is_released(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    await tell(pool, a_request("s-1", 1_000).model_copy(update={"provided": True}))
    done = fulfilled("s-1", 700).model_copy(update={"location_id": "shop", "location_kind": "provider"})
    (captured,) = [event for event in await tell(pool, done) if isinstance(event, HoldCaptured)]
    assert (captured.amount.amount_minor, captured.released and captured.released.amount_minor) == (700, 200)
    back = OrderRefunded(
        order_id="s-1",
        refund_id="r-1",
        member_id="m-1",
        merchant_id="shop",
        amount=Money(amount_minor=700, currency="CNY"),
    )
    assert "RefundBooked" in names(await tell(pool, back))
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert line["owed_minor"] == 0
