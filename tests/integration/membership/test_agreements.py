"""An agreement from signing to its end, on a real PostgreSQL: every yuan accounted for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member as member_token
from lutong_chassis.testing import bearer, deliver, http_client
from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.membership import GraceEnded, HoldLapsed, OverdueStepDue, SettlementDue, TermEnded
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from lutong_membership.holds.domain.holds import CaptureBeyondHoldError
from tests.integration.membership.story import OBLIGED, a_member, a_shop, happened, names, tell, transfer, wait
from tests.support.builders import a_request, cancelled, fulfilled


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A plan that asks for three orders in thirty days and gives a tenth off; m-1 may join."""
    async with http_client(service, pool) as client:
        await a_shop(client, **OBLIGED)
        yield client


async def buys(pool: Pool, order: str, amount_minor: int = 1_000) -> list[Event]:
    """An order at list price, and its delivery for what the member pays."""
    await tell(pool, a_request(order, amount_minor))
    return await deliver(pool, handlers, fulfilled(order, amount_minor * 9 // 10))


async def refunded(pool: Pool, order: str, amount_minor: int, refund_id: str = "r-1") -> list[Event]:
    event = OrderRefunded(
        order_id=order, refund_id=refund_id, member_id="m-1", merchant_id="shop",
        amount={"amount_minor": amount_minor, "currency": "CNY"},
    )  # fmt: skip
    return await deliver(pool, handlers, event)


async def passes(pool: Pool, agreement: str, days: float, deadline: type[Event]) -> list[Event]:
    """Days pass, and a deadline falls due."""
    await wait(pool, agreement, days)
    return await deliver(pool, handlers, deadline.model_validate({"agreement_id": agreement}))


async def get(client: httpx.AsyncClient, path: str) -> Any:  # noqa: ANN401  # JSON
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def books_are_right(client: httpx.AsyncClient) -> dict[str, Any]:
    said: dict[str, Any] = await get(client, "/v1/summary")
    assert (said["unbalanced_entries"], said["lines_off_ledger"], said["debts_off_lines"]) == (0, 0, 0)
    return said


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
    said = await books_are_right(client)
    assert (said["owed_minor"], said["charged_minor"], said["agreements"]) == (0, 0, {"closed": 1})


async def test_three_orders_fulfil_and_nothing_is_charged(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    for order in ("o-2", "o-3"):
        await buys(pool, order)
    assert names(await passes(pool, agreement, 30, TermEnded))[0] == "AgreementFulfilled"
    assert "AgreementCharged" not in names(await passes(pool, agreement, 3, SettlementDue))
    assert (await get(client, f"/v1/agreements/{agreement}"))["charge_minor"] == 0
    await books_are_right(client)


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
    said = await deliver(pool, handlers, happened(fulfilled("o-late", 9_000), then))
    assert names(said)[:2] == ["HoldCaptured", "ChargeCredited"]
    assert (await get(client, f"/v1/agreements/{agreement}"))["charge_minor"] == 0
    await books_are_right(client)


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
    await books_are_right(client)


async def test_store_side_cancellation_gives_back_what_was_paid_and_takes_the_accrual_back(
    client: httpx.AsyncClient, pool: Pool
) -> None:
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
    await books_are_right(client)


async def test_what_is_owed_to_a_member_pays_other_orders_of_the_agreement_first(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await buys(pool, "o-2")
    await transfer(client, 900)
    await refunded(pool, "o-1", 900)
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["credit_minor"], line["owed_minor"]) == (0, 0)
    await books_are_right(client)


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


async def test_an_overdue_order_climbs_and_comes_down_when_the_oldest_is_paid(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    agreement = await a_member(pool, order="o-1", amount_minor=10_000)
    await deliver(pool, handlers, fulfilled("o-1", 9_000))
    seen = []
    for days in (16, 6, 23):
        seen += [e.step for e in await passes(pool, agreement, days, OverdueStepDue) if hasattr(e, "step")]
    assert seen == ["reminded", "blocked", "suspended"]
    await tell(pool, a_request("o-2", 1_000))
    assert (await get(client, "/v1/holds/o-2"))["discount_minor"] == 0  # still possible, at list price
    assert names(await passes(pool, agreement, 60, OverdueStepDue)) == ["AgreementOverdue"]
    (proposal,) = await get(client, "/v1/proposals")
    assert (proposal["kind"], proposal["proposed_by"], proposal["amount_minor"]) == ("write_off", "ladder", 9_000)

    await transfer(client, 9_000)
    assert (await get(client, f"/v1/agreements/{agreement}"))["step"] == "none"
    stale = await client.post(f"/v1/proposals/{proposal['proposal_id']}/approval", json={"reason": "late"})
    assert stale.json()["type"] == "urn:lutong:problem:nothing_owed"
    await books_are_right(client)


async def test_a_hold_that_takes_too_long_expires_and_goods_that_come_later_are_owed_or_uncovered(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1", amount_minor=60_000)
    await tell(pool, a_request("o-2", 40_000))
    expired = await deliver(pool, handlers, HoldLapsed(order_id="o-1"), HoldLapsed(order_id="o-2"))
    assert names(expired) == ["HoldExpired", "HoldExpired"]
    await tell(pool, a_request("o-3", 30_000))

    said = await deliver(pool, handlers, fulfilled("o-1", 54_000), fulfilled("o-2", 36_000))
    assert names(said).count("HoldCaptured") == 2
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["owed_minor"], line["uncovered_minor"], line["held_minor"]) == (54_000, 36_000, 27_000)
    assert names(await tell(pool, a_request("o-4", 1))) == ["CreditDeclined"]
    await transfer(client, 90_000)
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["owed_minor"], line["uncovered_minor"]) == (0, 0)
    await books_are_right(client)


async def test_capture_and_expiry_at_once_end_a_hold_once_and_no_goods_are_lost(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool)
    orders = [f"o-{n}" for n in range(30)]
    await tell(pool, *[a_request(order, 100) for order in orders])
    both = [(fulfilled(order, 90), HoldLapsed(order_id=order)) for order in orders]
    said = await asyncio.gather(*(deliver(pool, handlers, ending) for pair in both for ending in pair))
    assert [name for events in said for name in names(events)].count("HoldCaptured") == 30
    states = await pool.fetch("SELECT DISTINCT state FROM hold WHERE order_id LIKE 'o-%'")
    assert [row["state"] for row in states] == ["captured"]
    await books_are_right(client)


async def test_more_delivered_than_was_held_is_set_aside_and_moves_nothing(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1")
    with pytest.raises(CaptureBeyondHoldError):
        await deliver(pool, handlers, fulfilled("o-1", 1_001))
    assert (await get(client, "/v1/holds/o-1"))["state"] == "held"


async def test_part_capture_gives_the_rest_back_in_the_same_transaction(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool, order="o-1")
    captured, *_ = await deliver(pool, handlers, fulfilled("o-1", 600))
    assert (captured.amount.amount_minor, captured.released.amount_minor) == (600, 300)  # type: ignore[attr-defined]  # a HoldCaptured
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["held_minor"], line["owed_minor"]) == (0, 600)
    await books_are_right(client)


async def test_an_agreement_that_only_waits_for_an_order_is_closed_when_the_order_ends(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    agreement = await a_member(pool, order="o-1")
    await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 0})
    await passes(pool, agreement, 3, SettlementDue)
    assert await passes(pool, agreement, 7, GraceEnded) == []
    assert names(await deliver(pool, handlers, cancelled("o-1"))) == ["HoldReleased", "AgreementClosed"]


async def test_rights_are_used_over_http_and_taken_back(client: httpx.AsyncClient, pool: Pool) -> None:
    right = {"right_id": "spa", "title": "spa", "times": 2, "value_minor": 300}
    await a_shop(client, **OBLIGED | {"benefits": {"rights": [right]}})
    agreement = await a_member(pool)
    uses = f"/v1/agreements/{agreement}/rights/spa/uses"
    me = bearer(member_token("m-1"))
    answers = await asyncio.gather(*(client.post(uses, json={"use_id": f"u-{n}"}, headers=me) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [409] * 8
    used = next(answer.json()["use_id"] for answer in answers if answer.status_code == 201)
    assert (await client.delete(f"{uses}/{used}?chosen_by=member")).status_code == 200
    assert (await get(client, f"/v1/agreements/{agreement}/quote"))["charge_minor"] == 300
    await books_are_right(client)


def operator(name: str) -> dict[str, str]:
    """One of several operators."""
    return bearer(Principal(name, "operator"))


async def test_waivers_above_the_threshold_need_four_eyes(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1", amount_minor=20_000)
    await deliver(pool, handlers, fulfilled("o-1", 18_000))
    path = f"/v1/agreements/{agreement}/waivers"
    one, other = operator("ops-1"), operator("ops-2")
    why = {"reason": "the parcel was wet", "debt_id": "order:o-1"}
    small = await client.post(path, json=why | {"amount_minor": 5_000}, headers=one)
    assert (small.status_code, small.json()["state"]) == (201, "done")
    large = await client.post(path, json=why | {"amount_minor": 10_001}, headers=one)
    proposal = large.json()["proposal_id"]
    assert large.json()["state"] == "proposed"
    assert (await client.post(path, json=why | {"amount_minor": 10_001})).json()["type"].endswith("proposal_open")

    approval = f"/v1/proposals/{proposal}/approval"
    assert (await client.post(approval, json={"actor": "ops-2", "reason": "in another's name"})).status_code == 422
    own = await client.post(approval, json={"reason": "I say so"}, headers=one)
    assert own.json()["type"] == "urn:lutong:problem:own_proposal"
    done, again = [await client.post(approval, json={"reason": "agreed"}, headers=other) for _ in range(2)]
    assert (done.status_code, again.json()) == (200, done.json())
    late = await client.post(approval, json={"reason": "agreed"}, headers=operator("ops-3"))
    assert late.json()["type"] == "urn:lutong:problem:proposal_closed"
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert line["owed_minor"] == 18_000 - 5_000 - 10_001
    audit = await pool.fetch("SELECT actor, action FROM audit WHERE actor LIKE 'ops%' ORDER BY id")
    assert [tuple(row) for row in audit] == [
        ("ops-1", "debt.waive"), ("ops-1", "debt.propose_waiver"), ("ops-2", "proposal.approve"),
    ]  # fmt: skip
    await books_are_right(client)


async def test_two_operators_who_approve_at_once_have_one_effect(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1", amount_minor=20_000)
    await deliver(pool, handlers, fulfilled("o-1", 18_000))
    written = await client.post(f"/v1/agreements/{agreement}/write-off", json={"reason": "gone"})
    path = f"/v1/proposals/{written.json()['proposal_id']}/approval"
    answers = await asyncio.gather(
        *(client.post(path, json={"reason": "ok then"}, headers=operator(f"ops-{n}")) for n in range(2, 8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await pool.fetchval("SELECT count(*) FROM entry WHERE kind = 'write_off'") == 1
    found = await get(client, f"/v1/agreements/{agreement}")
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (found["state"], line["limit_minor"], line["owed_minor"]) == ("closed", 0, 0)
    await books_are_right(client)
