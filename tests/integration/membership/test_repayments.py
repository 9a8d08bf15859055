"""Claims that a payment provider decides: asked once, booked once, whatever gets lost on the way."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client, run_jobs
from lutong_contracts import Event
from lutong_contracts.membership import RepaymentLapsed
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from lutong_membership.jobs import collect
from lutong_membership.providers.payment.values import PaymentOrder, PaymentOutcome
from tests.integration.conftest import PoolOf
from tests.integration.membership.conftest import Choose
from tests.integration.membership.scripted import Scripted
from tests.integration.membership.story import a_member, a_shop, claim, names, transfer
from tests.support.builders import fulfilled

PAID = PaymentOutcome("succeeded", "R-1")
UNKNOWN, NOT_THERE = PaymentOutcome("unknown"), PaymentOutcome("not_there")


Till = Scripted[PaymentOrder, PaymentOutcome]


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf, choose: Choose) -> Pool:
    choose(PAYMENT_URL="https://pay.example", PAYMENT_TOKEN="a-token", PAYMENT_SIGNING_KEY="k" * 32)
    return await pool_of(service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """m-1 owes 100.00."""
    async with http_client(service, pool) as client:
        await a_shop(client)
        await a_member(pool, order="o-1", amount_minor=10_000)
        await deliver(pool, handlers, fulfilled("o-1", 10_000))
        yield client


async def goes_on(pool: Pool, till: Till) -> list[Event]:
    """The job runs for all that is due."""
    await pool.execute("UPDATE repayment SET due_at = now() WHERE state IN ('claimed', 'sent', 'unknown')")
    return await run_jobs(pool, collect(till))


async def states(pool: Pool) -> list[str]:
    return [row["state"] for row in await pool.fetch("SELECT state FROM repayment ORDER BY repayment_id")]


async def owed(client: httpx.AsyncClient) -> tuple[int, int]:
    line = (await client.get("/v1/members/m-1")).json()["lines"][0]
    return line["owed_minor"], line["credit_minor"]


async def test_the_word_of_the_provider_confirms_a_claim_once(client: httpx.AsyncClient, pool: Pool) -> None:
    claimed = (await claim(client, 4_000)).json()
    till = Till([PAID])
    assert names(await goes_on(pool, till)) == ["RepaymentConfirmed"]
    assert await goes_on(pool, till) == []
    assert (await states(pool), await owed(client)) == (["confirmed"], (6_000, 0))
    assert till.sent == [PaymentOrder(claimed["repayment_id"], "m-1", 4_000, "CNY")]
    accounts = await pool.fetch("SELECT amount_minor FROM posting WHERE account = 'platform:clearing'")
    assert [row["amount_minor"] for row in accounts] == [4_000]


async def test_an_unknown_outcome_is_only_queried(client: httpx.AsyncClient, pool: Pool) -> None:
    await claim(client, 4_000)
    till = Till([UNKNOWN, UNKNOWN, PAID])
    for _ in range(3):
        await goes_on(pool, till)
    assert (len(till.sent), len(till.queried), await owed(client)) == (1, 2, (6_000, 0))


async def test_what_never_arrived_is_sent_again_under_its_id(client: httpx.AsyncClient, pool: Pool) -> None:
    await claim(client, 4_000)
    till = Till([NOT_THERE, PAID])
    for _ in range(2):
        await goes_on(pool, till)
    first, second = till.sent
    assert (first, await states(pool)) == (second, ["confirmed"])


async def test_a_refused_payment_is_rejected_and_pays_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await claim(client, 4_000)
    published = await goes_on(pool, Till([PaymentOutcome("failed", reason="insufficient_funds")]))
    assert (names(published), await states(pool), await owed(client)) == (
        ["RepaymentRejected"],
        ["rejected"],
        (10_000, 0),
    )


async def test_one_receipt_pays_one_claim(client: httpx.AsyncClient, pool: Pool) -> None:
    for _ in range(2):
        await claim(client, 4_000)
    await goes_on(pool, Till([PAID, PAID]))
    assert (sorted(await states(pool)), await owed(client)) == (["confirmed", "unknown"], (6_000, 0))


async def test_a_claim_at_the_provider_is_not_decided_by_others(client: httpx.AsyncClient, pool: Pool) -> None:
    claimed = (await claim(client, 4_000)).json()
    await goes_on(pool, Till([UNKNOWN]))
    path = f"/v1/repayments/{claimed['repayment_id']}"
    evidence = {"bank": "icbc", "reference": "T-1", "amount_minor": 4_000}
    for answer in (
        await client.post(f"{path}/confirmation", json=evidence),
        await client.post(f"{path}/rejection", json={"reason": "nothing came"}),
    ):
        assert answer.json()["type"] == "urn:lutong:problem:provider_asked"
    await pool.execute("UPDATE repayment SET expires_at = now() - interval '1 second'")
    assert await deliver(pool, handlers, RepaymentLapsed(repayment_id=claimed["repayment_id"])) == []
    assert await states(pool) == ["unknown"]


async def test_a_claim_without_evidence_expires(client: httpx.AsyncClient, pool: Pool) -> None:
    claimed = (await claim(client, 4_000)).json()
    lapse = RepaymentLapsed(repayment_id=claimed["repayment_id"])
    assert await deliver(pool, handlers, lapse) == []  # too early
    await pool.execute("UPDATE repayment SET expires_at = now() - interval '1 second'")
    assert names(await deliver(pool, handlers, lapse)) == ["RepaymentRejected"]
    till = Till()
    assert (await goes_on(pool, till), till.sent) == ([], [])


async def test_claims_together_ask_for_no_more_than_is_owed(client: httpx.AsyncClient) -> None:
    assert (await claim(client, 6_000)).status_code == 201
    refused = await claim(client, 6_000)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:not_owed")


async def test_money_for_a_debt_already_paid_is_owed_to_the_member(client: httpx.AsyncClient, pool: Pool) -> None:
    await claim(client, 10_000)
    assert (await transfer(client, 10_000)).status_code == 201
    await goes_on(pool, Till([PAID]))
    assert await owed(client) == (0, 10_000)
