"""Terms: their end, what they come to, how it is collected, and what happens when it is not paid. Mostly deadlines."""

from collections.abc import Sequence

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_contracts.membership import (
    AgreementOverdue,
    DeductionDue,
    DeductionFailed,
    DeductionSucceeded,
    GraceEnded,
    OverdueStepDue,
    SettlementDue,
    TermEnded,
)
from lutong_membership.agreements.domain import collection, term
from lutong_membership.agreements.domain.account import Account, advance_dunning, close
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import approvals as approval_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import absent, refused
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock, deducts, policy
from lutong_membership.values import Refusal

handlers = Handlers()

AboutAgreement = (
    TermEnded | SettlementDue | DeductionDue | DeductionSucceeded | DeductionFailed | OverdueStepDue | GraceEnded
)


async def _open(batch: Sequence[Received[AboutAgreement]], tx: Tx) -> UnitOfWork:
    """The accounts of a batch; the members' lines are locked."""
    return await account_store.open_work(tx, [received.event.agreement_id for received in batch], deducts=deducts())


@handlers.on(TermEnded)
async def end_terms(batch: Sequence[Received[TermEnded]], tx: Tx) -> list[Outgoing]:
    """The term is over: fulfilled or not, as far as is known."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = term.end_term(account, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(SettlementDue)
async def settle(batch: Sequence[Received[SettlementDue]], tx: Tx) -> list[Outgoing]:
    """Decide what is charged, and notify the member before anything is taken."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = term.settle(account, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(DeductionDue)
async def release_deductions(batch: Sequence[Received[DeductionDue]], tx: Tx) -> list[Outgoing]:
    """The notice is over: enqueue the direct debit of what was notified."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = collection.release_deduction(account, received.event.deduction_id, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    tx.job_queues.add("deduct")
    return outgoing


@handlers.on(DeductionSucceeded)
async def record_deductions(batch: Sequence[Received[DeductionSucceeded]], tx: Tx) -> list[Outgoing]:
    """What was notified has been taken: the charge is paid."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = collection.record_deduction(account, received.event.deduction_id, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(DeductionFailed)
async def notify_again(batch: Sequence[Received[DeductionFailed]], tx: Tx) -> list[Outgoing]:
    """Nothing was taken: notify the member again, a few times."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = collection.retry_deduction(account, received.event.deduction_id, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(OverdueStepDue)
async def advance_dunning_steps(batch: Sequence[Received[OverdueStepDue]], tx: Tx) -> list[Outgoing]:
    """Dunning, by the oldest unpaid debt: remind, block new agreements, suspend benefits, propose to write off."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = advance_dunning(account, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    await approval_store.propose_write_offs(tx, _at_the_last_step(outgoing), tx.now + policy().proposal_life)
    return outgoing


def _at_the_last_step(outgoing: Sequence[Outgoing]) -> list[str]:
    events = [each.event for each in outgoing]
    return [event.agreement_id for event in events if isinstance(event, AgreementOverdue) and event.step == "proposed"]


@handlers.on(GraceEnded)
async def close_agreements(batch: Sequence[Received[GraceEnded]], tx: Tx) -> list[Outgoing]:
    """Nothing can change what was settled any more."""
    work = await _open(batch, tx)
    outgoing = []
    for received in batch:
        if account := work.account(received.event.agreement_id):
            outcome = close(account, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(term.QuitAgreement)
async def quit_agreements(batch: Sequence[Asked[term.QuitAgreement]], tx: Tx) -> list[Answer | Problem]:
    """Members leave before their terms are over, for no more than they accepted to pay."""
    ids = [asked.command.agreement_id for asked in batch]
    work = await account_store.open_work(tx, ids, deducts=deducts())
    causes = await statement_store.journeys_of(tx, ids)
    answers: list[Answer | Problem] = []
    for asked in batch:
        agreement_id, accepted_minor = asked.command
        account = work.account(agreement_id)
        if account is None or not asked.who.acts_for(member=account.agreement.member_id):
            answers.append(refused(absent("signed agreement", agreement_id)))
            continue
        outcome = term.leave(account, accepted_minor, clock(tx))
        if isinstance(outcome, Refusal):
            answers.append(refused(outcome))
            continue
        events = caused(causes.get(agreement_id, asked.cause), work.take(outcome))
        answers.append(_left(asked, account, outcome.account, events))
    await account_store.save_work(tx, work)
    return answers


def _left(asked: Asked[term.QuitAgreement], before: Account, after: Account, events: Sequence[Outgoing]) -> Answer:
    agreement_id, agreement = asked.command.agreement_id, after.agreement
    effect = {"state": before.agreement.state}, {"state": agreement.state}
    record = [Change("agreement.quit", f"agreement:{agreement_id}", None, *effect)] if asked.who.is_staff else []
    body = {"agreement_id": agreement_id, "state": "quit", "settle_at": agreement.settle_at}
    return Answer(body, events, record)
