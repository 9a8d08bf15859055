"""Orders that nobody picks up, as members and merchants see them: a fee where it was signed, and never twice."""

from typing import Any

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer
from lutong_contracts.inventory import OrderCancelled
from lutong_contracts.membership import CouponReturned, HoldLapsed, HoldReleased, NoShowCharged
from tests.integration.membership.story import OBLIGED, a_shop, tell
from tests.support.builders import a_request

KEEP = OBLIGED | {"no_show": "keep", "no_show_fee_minor": 300}
COUPONS = {"merchant_id": "shop", "amount_off_minor": 100, "total": 9, "daily_total": 9, "member_total": 9}
RULE = "/v1/members/m-1/plans/shop"


def missed(order_id: str, reason: str = "no_show") -> OrderCancelled:
    return OrderCancelled(order_id=order_id, member_id="m-1", merchant_id="shop", reason=reason)


async def a_hold(client: httpx.AsyncClient, order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/v1/holds/{order_id}")).json()
    return found


async def test_who_does_not_come_owes_the_fee_and_has_the_rest(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **KEEP)
    await client.put("/v1/coupon-stocks/spring", json=COUPONS)
    coupon = (await client.post("/v1/coupon-stocks/spring/coupons", json={"member_id": "m-1"})).json()["coupon_id"]
    await tell(pool, a_request("o-1", 10_000).model_copy(update={"coupon_id": coupon}))
    events = await tell(pool, missed("o-1"), missed("o-1"))
    (kept,) = (event for event in events if isinstance(event, NoShowCharged))
    assert (kept.fee.amount_minor, kept.released.amount_minor) == (300, 8_600)
    assert [type(event) for event in events].count(CouponReturned) == 1
    assert not any(isinstance(event, HoldReleased) for event in events)
    held = await a_hold(client, "o-1")
    assert (held["state"], held["reason"], held["captured_minor"]) == ("released", "no_show", 300)
    statement = (await client.get(f"/v1/agreements/{held['agreement_id']}/statement")).json()
    (debt,) = statement["debts"]
    assert (debt["debt_id"], debt["outstanding_minor"], statement["accruals"]) == ("fee:o-1", 300, [])
    assert debt["name"] == {"en": "fee for an order that was not picked up", "zh": "逾期未取货的费用"}
    assert "逾期未取货的费用" in {entry["name"]["zh"] for entry in statement["entries"]}
    quote = (await client.get(f"/v1/agreements/{held['agreement_id']}/quote")).json()
    assert (quote["progress"]["times"], quote["outstanding_minor"]) == (0, 300)
    (line,) = (await client.get("/v1/members/m-1")).json()["lines"]
    assert (line["held_minor"], line["owed_minor"]) == (0, 300)
    waiver = {"debt_id": "fee:o-1", "amount_minor": 300, "reason": "was in hospital"}
    waived = await client.post(f"/v1/agreements/{held['agreement_id']}/waivers", json=waiver)
    assert waived.status_code == 201, waived.text


async def test_nothing_is_kept_when_it_was_not_the_member(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **KEEP)
    await tell(pool, a_request("o-1"), a_request("o-2"), a_request("o-3", 200))
    events = await tell(pool, missed("o-1", "cancelled_by_store"), missed("o-2", "location_closed"), missed("o-3"))
    assert [e.order_id for e in events if isinstance(e, HoldReleased)] == ["o-1", "o-2"]
    assert [e.fee.amount_minor for e in events if isinstance(e, NoShowCharged)] == [180]


async def test_a_hold_that_expired_keeps_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **KEEP)
    await tell(pool, a_request("o-1"))
    await tell(pool, HoldLapsed(order_id="o-1"))
    assert not any(isinstance(event, NoShowCharged) for event in await tell(pool, missed("o-1")))
    assert (await a_hold(client, "o-1"))["captured_minor"] == 0


async def test_a_plan_without_the_rule_gives_all_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **OBLIGED)
    await tell(pool, a_request("o-1", 10_000))
    (given,) = (event for event in await tell(pool, missed("o-1")) if isinstance(event, HoldReleased))
    assert (given.amount.amount_minor, given.reason) == (9_000, "no_show")


async def test_the_rule_is_shown_as_the_member_signed_it(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await client.get("/v1/members/m-1/plans/nobody")).status_code == 404
    await a_shop(client, **OBLIGED)
    await tell(pool, a_request("o-1"))
    await a_shop(client, **KEEP)
    signed, newcomer = (await client.get(RULE)).json(), (await client.get("/v1/members/m-9/plans/shop")).json()
    assert (signed["version"], newcomer["version"]) == (1, 2)
    assert ["costs nothing" in each["rules"][-1]["en"] for each in (signed, newcomer)] == [True, False]
    assert "3.00 CNY" in newcomer["rules"][-1]["zh"]
    assert not any(isinstance(event, NoShowCharged) for event in await tell(pool, missed("o-1")))


async def test_a_viewer_reads_the_rule_of_its_member(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **OBLIGED)
    await tell(pool, a_request("o-1"))
    await a_shop(client, **KEEP)
    await pool.execute(
        "INSERT INTO binding (viewer_id, member_id, binding_id, consented_at) VALUES ('bo', 'm-1', 'b-1', now())"
    )
    assert (await client.get("/v1/members/bo/plans/shop")).json()["version"] == 1


@pytest.mark.parametrize(
    "wrong", [{"no_show": "keep"}, {"no_show": "sell"}, {"no_show_fee_minor": -1}, {"no_show_fee_minor": 5}]
)
async def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any], client: httpx.AsyncClient) -> None:
    plan = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": 100_000, "terms": OBLIGED | wrong}
    refused = await client.put("/v1/plans/light", json=plan)
    assert refused.status_code == 422
    assert "no_show" in refused.text


async def test_nobody_reads_the_terms_of_another_member(client: httpx.AsyncClient) -> None:
    await a_shop(client, **KEEP)
    assert (await client.get(RULE, headers=bearer(a_member("m-2")))).status_code == 404
