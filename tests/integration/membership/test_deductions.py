"""Money that is taken from a member's account elsewhere: after a notice of the same amount, once, whatever gets lost."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from lutong_chassis import jobs
from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client, run_jobs
from lutong_contracts import Event
from lutong_contracts.membership import DeductionDue, DeductionNotified, SettlementDue, TermEnded
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from lutong_membership.jobs import deduct
from lutong_membership.providers.deduction.values import Order, Outcome
from tests.integration.conftest import PoolOf
from tests.integration.membership.conftest import Choose
from tests.integration.membership.scripted import Scripted
from tests.integration.membership.story import OBLIGED, a_member, a_shop, claim, names, transfer, wait
from tests.support.builders import fulfilled

ALL_DAY = OBLIGED | {"withholding": OBLIGED["withholding"] | {"window_opens": "00:00", "window_closes": "23:59:59"}}
SHUT = OBLIGED | {"withholding": OBLIGED["withholding"] | {"window_opens": "00:00", "window_closes": "00:00:01"}}


Bank = Scripted[Order, Outcome]


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf, choose: Choose) -> Pool:
    choose(DEDUCTION_URL="https://bank.example", DEDUCTION_TOKEN="a-token")
    return await pool_of(service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await a_shop(client, **ALL_DAY)
        yield client


async def a_charge(client: httpx.AsyncClient, pool: Pool) -> DeductionNotified:
    """A member who bought once, paid for it, and is to pay back the 1.00 they saved."""
    agreement = await a_member(pool, order="o-1")
    await deliver(pool, handlers, fulfilled("o-1", 900))
    await transfer(client, 900)
    for days, deadline in ((30, TermEnded), (3, SettlementDue)):
        await wait(pool, agreement, days)
        published = await deliver(pool, handlers, deadline(agreement_id=agreement))
    (notified,) = [event for event in published if isinstance(event, DeductionNotified)]
    return notified


async def after_the_notice(pool: Pool, notified: DeductionNotified, days: float = 2) -> None:
    """The notice is over, and the deduction may be made."""
    await wait(pool, notified.agreement_id, days)
    due = DeductionDue(agreement_id=notified.agreement_id, deduction_id=notified.deduction_id)
    await deliver(pool, handlers, due)


async def goes_on(pool: Pool, bank: Bank) -> list[Event]:
    """The job runs for what is due, and membership consumes its outcome."""
    await pool.execute("UPDATE deduction SET due_at = now() WHERE state IN ('sent', 'unknown', 'due')")
    published = await run_jobs(pool, deduct(bank))
    return published + (await deliver(pool, handlers, *published) if published else [])


async def states(pool: Pool) -> list[str]:
    return [row["state"] for row in await pool.fetch("SELECT state FROM deduction ORDER BY deduction_id")]


async def the_agreement(pool: Pool) -> asyncpg.Record:
    row = await pool.fetchrow("SELECT * FROM agreement")
    assert row
    return row


async def test_what_was_notified_is_taken_after_the_notice_and_settles_the_agreement(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    notified = await a_charge(client, pool)
    bank = Bank([Outcome("succeeded")])
    assert await goes_on(pool, bank) == []  # the notice is not over

    await after_the_notice(pool, notified)
    assert names(await goes_on(pool, bank)) == ["DeductionSucceeded", "AgreementSettled"]
    assert bank.sent == [Order(notified.deduction_id, "m-1", 100, "CNY")]
    assert notified.amount.amount_minor == 100
    assert (await states(pool), (await the_agreement(pool))["state"]) == (["succeeded"], "settled")


async def test_an_unknown_outcome_is_queried_and_never_sent_again(client: httpx.AsyncClient, pool: Pool) -> None:
    await after_the_notice(pool, await a_charge(client, pool))
    bank = Bank([Outcome("unknown"), Outcome("unknown"), Outcome("unknown"), Outcome("succeeded")])
    for _ in range(3):
        assert await goes_on(pool, bank) == []
        assert await states(pool) == ["unknown"]
    refused = await claim(client, 100)
    assert refused.json()["type"] == "urn:lutong:problem:not_owed"  # it may have been taken
    assert names(await goes_on(pool, bank)) == ["DeductionSucceeded", "AgreementSettled"]
    assert (len(bank.sent), len(bank.queried)) == (1, 3)
    assert await pool.fetchval("SELECT count(*) FROM entry WHERE kind = 'deduction'") == 1


async def test_an_attempt_of_a_dead_process_is_only_queried(client: httpx.AsyncClient, pool: Pool) -> None:
    await after_the_notice(pool, await a_charge(client, pool))
    (attempt,) = await jobs.claim(pool, deduct(Bank()), 8)  # and then it died, before or after it had sent
    assert (attempt.sent_before, await states(pool)) == (False, ["sent"])
    bank = Bank([Outcome("succeeded")])
    assert names(await goes_on(pool, bank))[0] == "DeductionSucceeded"
    assert (bank.sent, len(bank.queried)) == ([], 1)


async def test_an_attempt_the_bank_never_received_is_sent_under_its_id(client: httpx.AsyncClient, pool: Pool) -> None:
    notified = await a_charge(client, pool)
    await after_the_notice(pool, notified)
    bank = Bank([Outcome("unknown"), Outcome("not_there"), Outcome("succeeded")])
    for _ in range(2):
        assert await goes_on(pool, bank) == []
    assert await states(pool) == ["due"]
    assert names(await goes_on(pool, bank))[0] == "DeductionSucceeded"
    assert {order.deduction_id for order in (*bank.sent, *bank.queried)} == {notified.deduction_id}


@pytest.mark.parametrize(
    ("outcome", "pause_max_s"),
    [(Outcome("not_there"), 60), (Outcome("unknown", "not_asked"), 60), (Outcome("unknown"), 3600)],
    ids=["not sent", "not asked", "unknown"],
)
async def test_a_long_outage_does_not_put_off_what_it_never_reached(
    outcome: Outcome, pause_max_s: int, client: httpx.AsyncClient, pool: Pool
) -> None:
    await after_the_notice(pool, await a_charge(client, pool))
    await pool.execute("UPDATE deduction SET tries = 20")
    assert await goes_on(pool, Bank([outcome])) == []
    assert await pool.fetchval("SELECT extract(epoch FROM due_at - now())::integer FROM deduction") in range(
        pause_max_s - 30, pause_max_s + 1
    )


async def test_no_money_is_taken_outside_the_window(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, **SHUT)
    await after_the_notice(pool, await a_charge(client, pool), days=3)
    bank = Bank([Outcome("succeeded")])
    assert await goes_on(pool, bank) == []
    assert (bank.sent, await states(pool)) == ([], ["due"])
    row = await pool.fetchrow("SELECT due_at > now() AS later, sent_at FROM deduction")
    assert row
    assert (row["later"], row["sent_at"]) == (True, None)


async def test_a_failed_deduction_is_notified_again_until_the_third(client: httpx.AsyncClient, pool: Pool) -> None:
    notified = await a_charge(client, pool)
    seen = []
    for _ in range(3):
        await after_the_notice(pool, notified)
        published = await goes_on(pool, Bank([Outcome("failed", "insufficient_funds")]))
        seen.append(names(published))
        again = [event for event in published if isinstance(event, DeductionNotified)]
        notified = again[0] if again else notified
    assert seen == [["DeductionFailed", "DeductionNotified", "DeductionDue"]] * 2 + [["DeductionFailed"]]
    assert await states(pool) == ["failed"] * 3


async def test_a_partial_payment_after_the_notice_renews_it_for_the_rest(client: httpx.AsyncClient, pool: Pool) -> None:
    notified = await a_charge(client, pool)
    assert (await transfer(client, 40)).status_code == 201
    await after_the_notice(pool, notified)
    assert await goes_on(pool, Bank()) == []
    rows = await pool.fetch("SELECT state, amount_minor FROM deduction ORDER BY deduction_id")
    assert [tuple(row) for row in rows] == [("void", 100), ("notified", 60)]


async def test_the_database_refuses_to_send_before_the_notice_is_over(client: httpx.AsyncClient, pool: Pool) -> None:
    """The second wall."""
    await a_charge(client, pool)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE deduction SET state = 'sent', sent_at = now()")
