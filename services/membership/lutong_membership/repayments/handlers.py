"""Repayments: how evidence becomes money in the ledger, and what happens to claims without any."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import RepaymentLapsed
from lutong_membership.agreements.domain.collection import allocate, pay
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock, deducts
from lutong_membership.repayments import store as repayment_store
from lutong_membership.repayments.domain import ACCOUNT, Repayment, reject, surplus
from lutong_membership.values import Refusal

handlers = Handlers()

LAPSED = "expired"


@handlers.on(RepaymentLapsed)
async def lapse_claims(batch: Sequence[Received[RepaymentLapsed]], tx: Tx) -> list[Outgoing]:
    """No evidence came in time: nothing was paid. Of what a provider was asked, the provider's answer decides."""
    found = await repayment_store.lock_repayments(tx, [received.event.repayment_id for received in batch])
    outgoing, ended = [], []
    for received in batch:
        repayment = found.get(received.event.repayment_id)
        if repayment is None or repayment.state != "claimed" or repayment.expires_at > tx.now:
            continue
        outcome = reject(repayment, LAPSED, "clock")
        if not isinstance(outcome, Refusal):
            ended.append(outcome.repayment)
            outgoing += caused(received.as_cause, outcome.emitted)
            found.pop(repayment.repayment_id)
    await repayment_store.save_repayments(tx, ended)
    return outgoing


async def record_repayment(tx: Tx, repayment: Repayment) -> None:
    """Book a repayment that is confirmed: it pays the oldest debts first; the rest is owed to the member."""
    lines = await line_store.lock_lines(tx, [repayment.member_id])
    agreements = await account_store.agreements_in_debt(tx, repayment.member_id, repayment.currency)
    work = await account_store.open_work(tx, agreements, deducts=deducts(), lines=lines)
    parts = allocate(work.accounts.values(), repayment.amount_minor)
    source = ACCOUNT["provider" if repayment.evidence == "provider" else "bank"]
    for part in parts:
        agreement_id = part.debt.agreement_id
        if account := work.account(agreement_id):
            outcome = pay(account, part, repayment.repayment_id, clock(tx), source)
            tx.outgoing += caused(await statement_store.journey_of(tx, agreement_id), work.take(outcome))
    if entry := surplus(repayment, parts):
        work.apply(entry)
    await account_store.save_work(tx, work)
