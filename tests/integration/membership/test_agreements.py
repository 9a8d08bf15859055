"""An agreement from signing to its end, on a real PostgreSQL: every yuan accounted for."""

from datetime import timedelta

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.membership import GraceEnded, SettlementDue, TermEnded
from lutong_membership.handlers import handlers
from tests.integration.membership.story import (
    OBLIGED,
    a_member,
    a_shop,
    balanced_summary,
    buys,
    get,
    happened,
    names,
    passes,
    refunded,
    tell,
    transfer,
)
from tests.support.builders import a_request, fulfilled


async def test_enjoy_first_pay_later_every_yuan_accounted_for(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await buys(pool, "o-2")
    quote = await get(client, f"/v1/agreements/{agreement}/quote")
    assert (quote["charge_minor"], quote["progress"]["times"], quote["fulfilled"]) == (200, 2, False)

    assert names(await passes(pool, agreement, 30, TermEnded)) == ["AgreementUnfulfilled", "SettlementDue"]
    settled = await passes(pool, agreement, 3, SettlementDue)
    assert names(settled)[:2] == ["AgreementCharged", "GraceEnded"]
    quote = await get(client, f"/v1/agreements/{agreement}/quote")
    assert (quote["charge_minor"], quote["outstanding_minor"]) == (200, 2_000)
    assert sum(line["amount_minor"] for line in quote["proof"]) == quote["charge_minor"]

    paid = await transfer(client, 2_000)
    assert paid.status_code == 201
    assert (await get(client, f"/v1/agreements/{agreement}"))["state"] == "settled"
    assert names(await passes(pool, agreement, 7, GraceEnded)) == ["AgreementClosed"]
    statement = await get(client, f"/v1/agreements/{agreement}/statement")
    assert [entry["kind"] for entry in statement["entries"]] == [
        "hold", "capture", "benefit_accrued", "hold", "capture", "benefit_accrued", "charge",
        "repayment", "repayment", "repayment",
    ]  # fmt: skip
    summary = await balanced_summary(client)
    assert (summary["owed_minor"], summary["charged_minor"], summary["agreements"]) == (0, 0, {"closed": 1})


async def test_three_orders_fulfil_and_nothing_is_charged(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    for order in ("o-2", "o-3"):
        await buys(pool, order)
    assert names(await passes(pool, agreement, 30, TermEnded))[0] == "AgreementFulfilled"
    assert "AgreementCharged" not in names(await passes(pool, agreement, 3, SettlementDue))
    assert (await get(client, f"/v1/agreements/{agreement}"))["charge_minor"] == 0
    await balanced_summary(client)


async def test_late_arriving_purchase_delivered_after_settlement_is_credited_back(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await buys(pool, "o-2")
    await tell(pool, a_request("o-late"))
    await passes(pool, agreement, 30, TermEnded)
    await passes(pool, agreement, 3, SettlementDue)
    assert (await get(client, f"/v1/agreements/{agreement}"))["charge_minor"] == 200

    then = await pool.fetchval("SELECT ends_at FROM agreement") - timedelta(hours=1)
    published = await deliver(pool, handlers, happened(fulfilled("o-late", 9_000), then))
    assert names(published)[:2] == ["HoldCaptured", "ChargeCredited"]
    assert (await get(client, f"/v1/agreements/{agreement}"))["charge_minor"] == 0
    await balanced_summary(client)


async def test_partial_refund_after_fulfilment_drops_the_member_below_the_obligation(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_shop(client, **OBLIGED | {"obligation": {"kind": "amount", "amount_minor": 1_800}})
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await buys(pool, "o-2")
    assert names(await passes(pool, agreement, 30, TermEnded))[0] == "AgreementFulfilled"
    assert names(await refunded(pool, "o-2", 1)) == ["RefundBooked", "AgreementUnfulfilled"]
    await passes(pool, agreement, 3, SettlementDue)
    quote = await get(client, f"/v1/agreements/{agreement}/quote")
    assert (quote["charge_minor"], quote["outstanding_minor"]) == (199, 1_799 + 199)
    await balanced_summary(client)


async def test_store_side_cancellation_gives_back_payment_and_accrual(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await transfer(client, 900)
    assert names(await refunded(pool, "o-1", 900)) == ["RefundBooked"]
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["credit_minor"], line["owed_minor"]) == (900, 0)
    assert (await get(client, f"/v1/agreements/{agreement}/quote"))["progress"] == {
        "times": 0, "amount_minor": 0, "benefit_minor": 0,
    }  # fmt: skip
    too_much = await client.post("/v1/members/m-1/payouts", json={"amount_minor": 901, "reason": "store closed"})
    assert too_much.json()["type"] == "urn:lutong:problem:not_owed"
    assert (await client.post("/v1/members/m-1/payouts", json={"amount_minor": 900, "reason": "store closed"})).json()[
        "credit_minor"
    ] == 0
    await balanced_summary(client)


async def test_what_is_owed_to_a_member_first_pays_the_agreements_orders(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await buys(pool, "o-2")
    await transfer(client, 900)
    await refunded(pool, "o-1", 900)
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["credit_minor"], line["owed_minor"]) == (0, 0)
    await balanced_summary(client)


async def test_a_later_edit_never_changes_a_signed_agreement(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    harsher = OBLIGED | {"benefits": {"discount_percent": 0}, "withholding": {"cap_minor": 90_000}}
    offered = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": 100, "terms": harsher}
    assert (await client.put("/v1/plans/light", json=offered)).json() == {"plan_id": "light", "version": 2}
    assert (await client.put("/v1/plans/light", json=offered)).json() == {"plan_id": "light", "version": 2}

    await tell(pool, a_request("o-2", 10_000))
    assert (await get(client, "/v1/holds/o-2"))["amount_minor"] == 9_000
    signed = await get(client, f"/v1/agreements/{agreement}")
    assert (signed["version"], signed["terms"]["withholding"]["cap_minor"]) == (1, 5_000)
    assert (await get(client, "/v1/plans/light/versions/1"))["terms"] == signed["terms"]
    with pytest.raises(Exception, match="never changes"):
        await pool.execute("UPDATE plan_version SET terms = '{}'")


async def test_quit_with_a_quote_that_the_member_accepted_before(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    refused = await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 99})
    assert (refused.status_code, refused.json()["charge_minor"]) == (409, 100)
    left = await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 100})
    assert (left.status_code, left.json()["state"]) == (202, "quit")
    again = await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 100})
    assert again.json()["type"] == "urn:lutong:problem:term_over"
    assert names(await passes(pool, agreement, 3, SettlementDue))[0] == "AgreementCharged"
    assert await passes(pool, agreement, 30, TermEnded) == []


async def test_user_deletes_account_with_open_obligation(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    refused = await client.delete("/v1/members/m-1/profile")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:obligations_open")

    await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 100})
    await passes(pool, agreement, 3, SettlementDue)
    await transfer(client, 1_000)
    assert (await client.delete("/v1/members/m-1/profile")).status_code == 409  # late events may still come
    await passes(pool, agreement, 7, GraceEnded)
    assert (await client.delete("/v1/members/m-1/profile")).status_code == 204
    assert await pool.fetchval("SELECT count(*) FROM assessment") == 0
    assert len(await get(client, "/v1/members/m-1/ledger")) > 0
