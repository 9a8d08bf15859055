"""Terms: their end, what they come to, how it is collected, and what happens when it is not paid. Mostly deadlines."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from lutong_chassis import Handlers, Outgoing, Received, Tx
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
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock, deducts, policy

handlers = Handlers()

AboutAgreement = (
    TermEnded | SettlementDue | DeductionDue | DeductionSucceeded | DeductionFailed | OverdueStepDue | GraceEnded
)
E = TypeVar("E", bound=AboutAgreement)


async def _open(batch: Sequence[Received[AboutAgreement]], tx: Tx) -> UnitOfWork:
    """The accounts of a batch; the members' lines are locked."""
    return await account_store.open_work(tx, [received.event.agreement_id for received in batch], deducts=deducts())


def _each(batch: Sequence[Received[E]], work: UnitOfWork) -> Iterator[tuple[Received[E], Account]]:
    """Events in order, each with its account as the decisions before left it. One without a signed agreement is skipped."""
    for received in batch:
        if account := work.account(received.event.agreement_id):
            yield received, account


@handlers.on(TermEnded)
async def end_terms(batch: Sequence[Received[TermEnded]], tx: Tx) -> list[Outgoing]:
    """The term is over: fulfilled or not, as far as is known."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = term.end_term(account, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(SettlementDue)
async def settle(batch: Sequence[Received[SettlementDue]], tx: Tx) -> list[Outgoing]:
    """Decide what is charged, and tell the member before anything is taken."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = term.settle(account, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(DeductionDue)
async def release_deductions(batch: Sequence[Received[DeductionDue]], tx: Tx) -> list[Outgoing]:
    """The notice is over: let the errand take what was notified."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = collection.release_deduction(account, received.event.deduction_id, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    tx.job_queues.add("deduct")
    return outgoing


@handlers.on(DeductionSucceeded)
async def book_deductions(batch: Sequence[Received[DeductionSucceeded]], tx: Tx) -> list[Outgoing]:
    """What was notified has been taken: the charge is paid."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = collection.book_deduction(account, received.event.deduction_id, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(DeductionFailed)
async def notify_again(batch: Sequence[Received[DeductionFailed]], tx: Tx) -> list[Outgoing]:
    """Nothing was taken: notify the member again, a few times."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = collection.retry_deduction(account, received.event.deduction_id, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(OverdueStepDue)
async def climb_ladder(batch: Sequence[Received[OverdueStepDue]], tx: Tx) -> list[Outgoing]:
    """The oldest unpaid debt decides: remind, let sign nothing new, suspend benefits, propose to write off."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = advance_dunning(account, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    overdue = [each.event for each in outgoing if isinstance(each.event, AgreementOverdue)]
    await approval_store.propose_write_offs(tx, overdue, tx.now + policy().proposal_life)
    return outgoing


@handlers.on(GraceEnded)
async def close_agreements(batch: Sequence[Received[GraceEnded]], tx: Tx) -> list[Outgoing]:
    """Nothing can change what was settled any more."""
    work = await _open(batch, tx)
    outgoing = []
    for received, account in _each(batch, work):
        outcome = close(account, clock(tx))
        outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing
