"""Repayments: how evidence becomes money in the ledger, and what happens to claims without any."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import RepaymentLapsed
from lutong_membership import store
from lutong_membership.domain.agreements import Refusal
from lutong_membership.domain.collection import allocate, pay
from lutong_membership.domain.payments import ACCOUNT, Repayment, reject, surplus
from lutong_membership.handlers.clock import clock, deducts

handlers = Handlers()

LAPSED = "expired"


@handlers.on(RepaymentLapsed)
async def lapse_claims(batch: Sequence[Received[RepaymentLapsed]], tx: Tx) -> list[Outgoing]:
    """No evidence came in time: nothing was paid. Of what a provider was asked, the provider's answer decides."""
    found = await store.lock_repayments(tx, [received.event.repayment_id for received in batch])
    said, ended = [], []
    for received in batch:
        repayment = found.get(received.event.repayment_id)
        if repayment is None or repayment.state != "claimed" or repayment.expires_at > tx.now:
            continue
        outcome = reject(repayment, LAPSED, "clock")
        if not isinstance(outcome, Refusal):
            ended.append(outcome[0])
            said += [received.causes(each.event) for each in outcome[1]]
            found.pop(repayment.repayment_id)
    await store.save_repayments(tx, ended)
    return said


async def book(tx: Tx, repayment: Repayment) -> None:
    """Book a repayment that is confirmed: it pays the oldest debts first; the rest is owed to the member."""
    lines = await store.lock_lines(tx, [repayment.member_id])
    agreements = await store.agreements_in_debt(tx, repayment.member_id, repayment.currency)
    desk = await store.open_desk(tx, agreements, deducts=deducts(), lines=lines)
    parts = allocate(desk.dossiers.values(), repayment.amount_minor)
    account = ACCOUNT["provider" if repayment.evidence == "provider" else "bank"]
    for agreement_id, debt, part_minor in parts:
        said = desk.decide(agreement_id, pay, debt, part_minor, repayment.repayment_id, clock(tx), account)
        cause = await store.journey_of(tx, agreement_id)
        for each in said:
            tx.publish(each.event, cause=cause, due_at=each.due_at)
    if entry := surplus(repayment, parts):
        desk.enter(entry)
    await store.save_desk(tx, desk)
