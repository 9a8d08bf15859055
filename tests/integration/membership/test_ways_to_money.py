"""Ways to make money out of nothing, each tried on a real PostgreSQL: none succeeds."""

import asyncio
from typing import Final

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member as member_token
from lutong_chassis.testing import deliver
from lutong_contracts.inventory import OrderRefunded
from lutong_membership.handlers import handlers
from tests.integration.membership.conftest import Choose
from tests.integration.membership.story import (
    a_member,
    a_shop,
    kind,
    post,
    refunded,
    tell,
    the_line,
    transfer,
)
from tests.support.builders import a_request, fulfilled

ME: Final = member_token("m-1")
ONE: Final = Principal("ops-1", "operator")
OTHER: Final = Principal("ops-2", "operator")
WHY: Final = {"reason": "the parcel was wet"}
CASH: Final = (
    "SELECT coalesce(sum(amount_minor), 0)::bigint FROM posting WHERE account IN ('platform:cash', 'platform:clearing')"
)


@pytest.fixture
def client(owing: httpx.AsyncClient) -> httpx.AsyncClient:
    """m-1 owes 177.00."""
    return owing


async def the_agreement(client: httpx.AsyncClient) -> str:
    return str((await client.get("/v1/members/m-1")).json()["agreements"][0]["agreement_id"])


async def test_a_member_only_asks_to_pay(client: httpx.AsyncClient, pool: Pool) -> None:
    claimed = await post(client, "/v1/members/m-1/repayments", ME, amount_minor=17_700)
    assert (claimed.status_code, kind(claimed)) == (201, "claimed")
    assert ((await the_line(client))["owed_minor"], await pool.fetchval(CASH)) == (17_700, 0)


async def test_a_member_names_no_bank_reference(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/v1/members/m-1/repayments", ME, amount_minor=1, bank="icbc", reference="T-1")
    assert (answer.status_code, kind(answer)) == (403, "evidence_not_yours")


async def test_an_operator_needs_evidence_for_a_repayment(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/v1/members/m-1/repayments", ONE, amount_minor=17_700)
    assert (answer.status_code, kind(answer)) == (422, "evidence_missing")


async def test_nobody_confirms_their_own_claim(client: httpx.AsyncClient, pool: Pool) -> None:
    claimed = (await post(client, "/v1/members/m-1/repayments", ME, amount_minor=100)).json()
    path = f"/v1/repayments/{claimed['repayment_id']}/confirmation"
    evidence = {"bank": "icbc", "reference": "T-1", "amount_minor": 100}
    assert (await post(client, path, ME, **evidence)).status_code == 403
    same = Principal("m-1", "operator")
    assert kind(await post(client, path, same, **evidence)) == "own_business"
    assert kind(await post(client, path, ONE, **evidence)) == "confirmed"
    assert await pool.fetchval(CASH) == 100


async def test_a_reference_pays_once_and_is_the_same_answer_twice(client: httpx.AsyncClient, pool: Pool) -> None:
    paid = {"amount_minor": 5_000, "bank": "icbc", "reference": "T-1"}
    first, again = [await post(client, "/v1/members/m-1/repayments", ONE, **paid) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert (await the_line(client))["owed_minor"] == 12_700
    other = await post(client, "/v1/members/m-1/repayments", OTHER, **paid | {"amount_minor": 6_000})
    assert (other.status_code, kind(other)) == (409, "reference_known")
    assert "amount_minor" in other.json()["detail"]
    assert await pool.fetchval(CASH) == 5_000


async def test_a_reference_at_once_pays_once(client: httpx.AsyncClient, pool: Pool) -> None:
    paid = {"amount_minor": 100, "bank": "icbc", "reference": "T-1"}
    answers = await asyncio.gather(*(post(client, "/v1/members/m-1/repayments", ONE, **paid) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["repayment_id"] for answer in answers}) == 1
    assert await pool.fetchval(CASH) == 100


async def test_one_reference_pays_in_one_currency(client: httpx.AsyncClient, pool: Pool) -> None:
    offered = {"merchant_id": "yen", "title": "yen", "currency": "JPY", "line_limit_minor": 100_000}
    assert (await client.put("/v1/plans/yen", json=offered)).status_code == 200
    ordered = a_request("o-yen", 1_000)
    total = ordered.total.model_copy(update={"currency": "JPY"})
    await tell(pool, ordered.model_copy(update={"merchant_id": "yen", "total": total}))
    goods = fulfilled("o-yen", 1_000)
    yen = goods.amount.model_copy(update={"currency": "JPY"})
    await deliver(pool, handlers, goods.model_copy(update={"merchant_id": "yen", "amount": yen}))
    assert (await transfer(client, 100, reference="T-1")).status_code == 201
    answer = await transfer(client, 100, reference="T-1", currency="JPY")
    assert (kind(answer), "currency" in answer.json()["detail"]) == ("reference_known", True)


async def test_a_claim_is_confirmed_for_its_amount_only(client: httpx.AsyncClient) -> None:
    claimed = (await post(client, "/v1/members/m-1/repayments", ME, amount_minor=100)).json()
    path = f"/v1/repayments/{claimed['repayment_id']}/confirmation"
    answer = await post(client, path, ONE, bank="icbc", reference="T-1", amount_minor=99)
    assert kind(answer) == "another_amount"


async def test_a_waived_debt_that_is_refunded_pays_nobody_out(client: httpx.AsyncClient, pool: Pool) -> None:
    path = f"/v1/agreements/{await the_agreement(client)}/waivers"
    proposed = await post(client, path, ONE, **WHY, debt_id="order:o-1", amount_minor=17_700)
    approval = f"/v1/proposals/{proposed.json()['proposal_id']}/approval"
    assert (await post(client, approval, OTHER, reason="agreed")).status_code == 200
    await refunded(pool, "o-1", 17_700)
    assert (await the_line(client))["credit_minor"] == 0
    assert kind(await post(client, "/v1/members/m-1/payouts", ONE, **WHY, amount_minor=1)) == "not_owed"


async def test_a_refund_of_something_unpaid_lowers_the_debt_only(client: httpx.AsyncClient, pool: Pool) -> None:
    await refunded(pool, "o-1", 17_700)
    found = await the_line(client)
    assert (found["owed_minor"], found["credit_minor"]) == (0, 0)


async def test_waivers_in_slices_of_one_operator_need_another(client: httpx.AsyncClient) -> None:
    path = f"/v1/agreements/{await the_agreement(client)}/waivers"
    slices = [await post(client, path, ONE, **WHY, debt_id="order:o-1", amount_minor=4_000) for _ in range(4)]
    assert [kind(answer) for answer in slices] == ["done", "done", "proposed", "proposal_open"]
    assert (await the_line(client))["owed_minor"] == 9_700


async def test_waivers_in_slices_at_once_need_another(client: httpx.AsyncClient) -> None:
    path = f"/v1/agreements/{await the_agreement(client)}/waivers"
    waiver = {**WHY, "debt_id": "order:o-1", "amount_minor": 4_000}
    answers = await asyncio.gather(*(post(client, path, ONE, **waiver) for _ in range(8)))
    assert sorted(map(kind, answers)).count("done") == 2


async def test_waivers_in_slices_of_several_operators_need_two(client: httpx.AsyncClient) -> None:
    path = f"/v1/agreements/{await the_agreement(client)}/waivers"
    waiver = {**WHY, "debt_id": "order:o-1", "amount_minor": 6_000}
    assert [kind(await post(client, path, who, **waiver)) for who in (ONE, OTHER)] == ["done", "proposed"]


async def test_one_operator_gives_so_much_away_over_all_members(
    client: httpx.AsyncClient, pool: Pool, choose: Choose
) -> None:
    choose(FOUR_EYES_OPERATOR_ABOVE="CNY=10000")
    await a_shop(client, ["m-2"])
    await a_member(pool, "m-2", "x-1", 17_700)
    await deliver(pool, handlers, fulfilled("x-1", 17_700).model_copy(update={"member_id": "m-2"}))
    kinds = []
    for member, debt in (("m-1", "order:o-1"), ("m-2", "order:x-1")):
        agreement = (await client.get(f"/v1/members/{member}")).json()["agreements"][0]["agreement_id"]
        waiver = {**WHY, "debt_id": debt, "amount_minor": 6_000}
        kinds.append(kind(await post(client, f"/v1/agreements/{agreement}/waivers", ONE, **waiver)))
    assert kinds == ["done", "proposed"]


async def test_a_currency_without_a_threshold_needs_four_eyes(
    client: httpx.AsyncClient, pool: Pool, choose: Choose
) -> None:
    choose(FOUR_EYES_ABOVE="JPY=2000")
    path = f"/v1/agreements/{await the_agreement(client)}/waivers"
    assert kind(await post(client, path, ONE, **WHY, debt_id="order:o-1", amount_minor=1)) == "proposed"


async def test_payouts_in_slices_need_another(client: httpx.AsyncClient, pool: Pool) -> None:
    await transfer(client, 17_700)
    await refunded(pool, "o-1", 17_700)
    pay = {**WHY, "amount_minor": 5_000}
    answers = [await post(client, "/v1/members/m-1/payouts", ONE, **pay) for _ in range(3)]
    assert [kind(answer) for answer in answers] == ["done", "done", "proposed"]
    proposal = answers[-1].json()["proposal_id"]
    assert kind(await post(client, f"/v1/proposals/{proposal}/approval", ONE, reason="mine")) == "own_proposal"
    assert kind(await post(client, f"/v1/proposals/{proposal}/approval", OTHER, reason="looked")) == "approved"
    assert (await the_line(client))["credit_minor"] == 2_700


async def test_payouts_in_slices_at_once_need_another(client: httpx.AsyncClient, pool: Pool) -> None:
    await transfer(client, 17_700)
    await refunded(pool, "o-1", 17_700)
    pay = {**WHY, "amount_minor": 5_000}
    answers = await asyncio.gather(*(post(client, "/v1/members/m-1/payouts", ONE, **pay) for _ in range(8)))
    assert sorted(map(kind, answers)).count("done") == 2
    assert (await the_line(client))["credit_minor"] == 7_700


async def test_nobody_pays_out_to_themselves(client: httpx.AsyncClient, pool: Pool) -> None:
    await transfer(client, 17_700)
    await refunded(pool, "o-1", 17_700)
    same = Principal("m-1", "operator")
    assert kind(await post(client, "/v1/members/m-1/payouts", same, **WHY, amount_minor=1)) == "own_business"


async def test_refunds_of_two_merchants_with_one_id_both_count(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/plans/tea", json={"merchant_id": "tea", "title": "tea", "line_limit_minor": 9_000})
    await tell(pool, a_request("o-2", 1_000).model_copy(update={"merchant_id": "tea"}))
    await deliver(pool, handlers, fulfilled("o-2", 1_000).model_copy(update={"merchant_id": "tea"}))
    await refunded(pool, "o-1", 100)
    facts = {"member_id": "m-1", "merchant_id": "tea", "order_id": "o-2"}
    await deliver(
        pool, handlers, OrderRefunded(refund_id="r-1", amount={"amount_minor": 50, "currency": "CNY"}, **facts)
    )
    assert await pool.fetchval("SELECT count(*) FROM accrual WHERE kind = 'refund'") == 2
