"""Terms: their end, what they come to, how it is collected, and what happens when it is not paid. Mostly deadlines."""

from collections.abc import Callable, Sequence
from typing import Any

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import (
    DeductionDue,
    DeductionFailed,
    DeductionSucceeded,
    GraceEnded,
    OverdueStepDue,
    SettlementDue,
    TermEnded,
)
from lutong_membership.agreements.domain import account, collection, term
from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import approvals as approval_store
from lutong_membership.policy import clock, deducts, policy

handlers = Handlers()


async def _decide(batch: Sequence[Received[Any]], tx: Tx, rule: Callable[[Account, Any], Outcome]) -> list[Outgoing]:
    """Apply a rule to each agreement, in order. A deadline that comes for nothing finds nothing to do."""
    work = await account_store.open_work(tx, [received.event.agreement_id for received in batch], deducts=deducts())
    said = []
    for received in batch:
        spoken = work.decide(received.event.agreement_id, rule, received.event)
        said += [received.causes(each.event, due_at=each.due_at) for each in spoken]
    await account_store.save_work(tx, work)
    return said


@handlers.on(TermEnded)
async def end_terms(batch: Sequence[Received[TermEnded]], tx: Tx) -> list[Outgoing]:
    """The term is over: fulfilled or not, as far as is known."""
    return await _decide(batch, tx, lambda d, _: term.end_term(d, clock(tx)))


@handlers.on(SettlementDue)
async def settle(batch: Sequence[Received[SettlementDue]], tx: Tx) -> list[Outgoing]:
    """Decide what is charged, and tell the member before anything is taken."""
    return await _decide(batch, tx, lambda d, _: term.settle(d, clock(tx)))


@handlers.on(DeductionDue)
async def release_deductions(batch: Sequence[Received[DeductionDue]], tx: Tx) -> list[Outgoing]:
    """The notice is over: let the errand take what was notified."""
    tx.job_queues.add("deduct")
    return await _decide(batch, tx, lambda d, e: collection.release_deduction(d, e.deduction_id, clock(tx)))


@handlers.on(DeductionSucceeded)
async def book_deductions(batch: Sequence[Received[DeductionSucceeded]], tx: Tx) -> list[Outgoing]:
    """What was notified has been taken: the charge is paid."""
    return await _decide(batch, tx, lambda d, e: collection.book_deduction(d, e.deduction_id, clock(tx)))


@handlers.on(DeductionFailed)
async def notify_again(batch: Sequence[Received[DeductionFailed]], tx: Tx) -> list[Outgoing]:
    """Nothing was taken: notify the member again, a few times."""
    return await _decide(batch, tx, lambda d, e: collection.retry_deduction(d, e.deduction_id, clock(tx)))


@handlers.on(OverdueStepDue)
async def climb_ladder(batch: Sequence[Received[OverdueStepDue]], tx: Tx) -> list[Outgoing]:
    """The oldest unpaid debt decides: remind, let sign nothing new, suspend benefits, propose to write off."""
    said = await _decide(batch, tx, lambda d, _: account.advance_dunning(d, clock(tx)))
    expires_at = tx.now + policy().proposal_life
    await approval_store.propose_write_offs(tx, [outgoing.event for outgoing in said], expires_at)
    return said


@handlers.on(GraceEnded)
async def close_agreements(batch: Sequence[Received[GraceEnded]], tx: Tx) -> list[Outgoing]:
    """Nothing can change what was settled any more."""
    return await _decide(batch, tx, lambda d, _: account.close(d, clock(tx)))
