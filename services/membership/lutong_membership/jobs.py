"""Calls to providers, never inside a transaction: credit assessments, direct debits and payments."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from lutong_chassis import Answered, JobQueue, Outgoing, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.membership import CreditAssessed, DeductionFailed, DeductionSucceeded
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.direct_debit import DeductionState, waits_until
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import direct_debit as direct_debit_store
from lutong_membership.agreements.store.direct_debit import LEASE, Attempt, EndedDeduction, Leased
from lutong_membership.agreements.store.direct_debit import Postponed as PostponedDeduction
from lutong_membership.holds.store import assessments as assessment_store
from lutong_membership.holds.store.assessments import AssessmentJob, Verdict
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock
from lutong_membership.providers.credit.choose import provider_of
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.credit.values import Assessment, CreditProvider, Unavailable
from lutong_membership.providers.deduction.http import HttpDeductionProvider
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.deduction.values import DeductionAnswer, DeductionProvider, Outcome
from lutong_membership.providers.payment.http import HttpPaymentProvider
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.providers.payment.values import PaymentOutcome, PaymentProvider
from lutong_membership.repayments import store as repayment_store
from lutong_membership.repayments.domain import Ended, Evidence, Repayment, RepaymentState, confirm, reject
from lutong_membership.repayments.handlers.commands import open_booking
from lutong_membership.repayments.handlers.lapses import LAPSED
from lutong_membership.repayments.store import Payment
from lutong_membership.repayments.store import Postponed as PostponedPayment
from lutong_membership.values import Refusal

_PAUSE_MAX_S: Final = 8
_QUERY_PAUSE_MAX_S: Final = 3600
_SEND_PAUSE_MAX_S: Final = 60
"""What did not reach the provider is tried soon again: an outage is not the fault of any one charge."""


_ENDED_STATES: Final[dict[DeductionAnswer, DeductionState]] = {"succeeded": "taken", "failed": "failed"}
_OPEN_STATES: Final[dict[DeductionAnswer, DeductionState]] = {"unknown": "unknown", "not_there": "due"}


def job_queues() -> list[JobQueue[Any, Any]]:
    """The job queues of this process, with the providers that its settings choose."""
    found: list[JobQueue[Any, Any]] = [assess(provider_of(settings_of(CreditSettings)))]
    settings = settings_of(DeductionSettings)
    if settings.url is not None:
        found.append(deduct(HttpDeductionProvider(settings)))
    payments = settings_of(PaymentSettings)
    if payments.url is not None:
        found.append(collect(HttpPaymentProvider(payments)))
    return found


def assess(provider: CreditProvider) -> JobQueue[AssessmentJob, Assessment | Unavailable]:
    """Ask a provider about newcomers."""

    async def ask(job: AssessmentJob) -> Assessment | Unavailable:
        return await provider.assess(job.application, asked_before=job.tries > 0)

    return JobQueue("assess", assessment_store.claim_jobs, ask, record_assessments, aclose=provider.aclose)


async def record_assessments(
    tx: Tx, answers: Sequence[Answered[AssessmentJob, Assessment | Unavailable]]
) -> list[Outgoing]:
    """Keep verdicts and publish what was decided, never the points. Without a verdict ask again, until patience ends."""
    given = [(job, answer) for job, answer in answers if isinstance(answer, Assessment)]
    unanswered = [job for job, answer in answers if isinstance(answer, Unavailable)]
    hopeless = [job for job in unanswered if tx.now >= job.give_up_at]
    await assessment_store.postpone_jobs(
        tx,
        {
            job.agreement_id: min(job.give_up_at, tx.now + timedelta(seconds=min(_PAUSE_MAX_S, 2**job.tries)))
            for job in unanswered
            if tx.now < job.give_up_at
        },
    )
    fresh = await assessment_store.end_jobs(tx, [job.agreement_id for job in (*(job for job, _ in given), *hopeless)])
    verdicts = [
        Verdict(job, assessment, tx.now + assessment.valid_for)
        for job, assessment in given
        if job.agreement_id in fresh
    ]
    await assessment_store.save_assessments(tx, verdicts)
    return [
        *(_assessed(each.job, None if each.assessment.admits else "not_admitted") for each in verdicts),
        *(_assessed(job, "assessment_unavailable") for job in hopeless if job.agreement_id in fresh),
    ]


def _assessed(job: AssessmentJob, refusal: str | None) -> Outgoing:
    member_id = job.application.member_id
    event = CreditAssessed(agreement_id=job.agreement_id, member_id=member_id, admitted=refusal is None, reason=refusal)
    return Outgoing(event, job.cause)


def deduct(provider: DeductionProvider) -> JobQueue[Attempt, Outcome]:
    """Let a provider take what was notified."""

    async def ask(attempt: Attempt) -> Outcome:
        return await (provider.query if attempt.sent_before else provider.deduct)(attempt.order)

    return JobQueue("deduct", claim_deductions, ask, record_deductions, aclose=provider.aclose)


async def claim_deductions(tx: Tx, jobs_max: int) -> list[Attempt]:
    """Lease attempts that are due. Outside their window they are put off until it opens; what was sent is asked for."""
    leased, attempts = [], []
    for attempt, plan in await direct_debit_store.lock_due(tx, jobs_max):
        opens_at = waits_until(plan, clock(tx), sent_before=attempt.sent_before)
        leased.append(Leased(attempt.order.deduction_id, opens_at or tx.now + LEASE, waits=opens_at is not None))
        if opens_at is None:
            attempts.append(attempt)
    await direct_debit_store.lease(tx, leased)
    return attempts


async def record_deductions(tx: Tx, answers: Sequence[Answered[Attempt, Outcome]]) -> list[Outgoing]:
    """Keep what became of attempts, once. What is unknown stays so, and is asked for later."""
    ended, later = [], []
    for attempt, outcome in answers:
        deduction_id = attempt.order.deduction_id
        if outcome.answer in {"unknown", "not_there"}:
            pause = timedelta(seconds=min(_pause_max_s(outcome), 2**attempt.tries))
            later.append(PostponedDeduction(deduction_id, _OPEN_STATES[outcome.answer], tx.now + pause))
        else:
            ended.append(EndedDeduction(deduction_id, _ENDED_STATES[outcome.answer], outcome.reason))
    await direct_debit_store.postpone_deductions(tx, later)
    fresh = await direct_debit_store.end_deductions(tx, ended)
    return [
        Outgoing(_answered(attempt, outcome), attempt.cause)
        for attempt, outcome in answers
        if attempt.order.deduction_id in fresh
    ]


def _pause_max_s(outcome: Outcome) -> int:
    return _SEND_PAUSE_MAX_S if outcome.answer == "not_there" or outcome.reason == "not_asked" else _QUERY_PAUSE_MAX_S


def _answered(attempt: Attempt, outcome: Outcome) -> Event:
    order = attempt.order
    facts = {
        "agreement_id": attempt.agreement_id,
        "member_id": order.member_id,
        "deduction_id": order.deduction_id,
        "amount": Money(amount_minor=order.amount_minor, currency=order.currency),
    }
    if outcome.answer == "succeeded":
        return DeductionSucceeded(**facts)
    return DeductionFailed(**facts, reason=outcome.reason or "declined_by_provider")


PROVIDER: Final = "payment-provider"
"""Who decided about a repayment when the provider did."""


def collect(provider: PaymentProvider) -> JobQueue[Payment, PaymentOutcome]:
    """Let a provider take what members ask to pay."""

    async def ask(payment: Payment) -> PaymentOutcome:
        return await (provider.query if payment.sent_before else provider.charge)(payment.order)

    return JobQueue("collect", repayment_store.claim_payments, ask, record_payments, aclose=provider.aclose)


async def record_payments(tx: Tx, answers: Sequence[Answered[Payment, PaymentOutcome]]) -> list[Outgoing]:
    """Book what came, once, by its receipt; ask again later about the rest, until the claim expires."""
    keys = [LineKey(payment.order.member_id, payment.order.currency) for payment, _ in answers]
    booking = await open_booking(tx, keys)
    found = await repayment_store.lock_repayments(tx, [payment.order.repayment_id for payment, _ in answers])
    causes = await repayment_store.causes_of(tx, found)
    known = await repayment_store.receipts_known(tx, [outcome.receipt for _, outcome in answers if outcome.receipt])
    outgoing, ended, later = list[Outgoing](), list[Repayment](), list[PostponedPayment]()
    for payment, outcome in answers:
        repayment = found.pop(payment.order.repayment_id, None)
        if repayment is None or repayment.state not in {"sent", "unknown"}:
            continue
        decided = _ended(repayment, outcome, known, tx)
        if decided is None:
            later.append(_asked_later(payment, outcome, tx))
            continue
        done, cause = decided.repayment, causes.get(repayment.repayment_id, tx.cause)
        ended.append(done)
        if done.state == "confirmed":
            known.add(done.reference or "")
            outgoing += booking.enter(done, cause)
        outgoing += caused(cause, decided.emitted)
    await repayment_store.save_repayments(tx, ended)
    await account_store.save_work(tx, booking.work)
    await repayment_store.postpone_payments(tx, later)
    return outgoing


def _asked_later(payment: Payment, outcome: PaymentOutcome, tx: Tx) -> PostponedPayment:
    pause_s = min(_QUERY_PAUSE_MAX_S if outcome.answer == "unknown" else _SEND_PAUSE_MAX_S, 2**payment.tries)
    state: RepaymentState = "unknown" if outcome.answer != "not_there" else "claimed"
    return PostponedPayment(payment.order.repayment_id, state, tx.now + timedelta(seconds=pause_s))


def _ended(repayment: Repayment, outcome: PaymentOutcome, known: set[str], tx: Tx) -> Ended | None:
    """What an answer makes of a repayment; None when it decides nothing yet. One receipt pays once."""
    if outcome.answer == "succeeded" and outcome.receipt and outcome.receipt not in known:
        evidence = Evidence("provider", outcome.receipt, repayment.amount_minor, repayment.currency)
        decided = confirm(repayment, evidence, PROVIDER, tx.now)
    elif outcome.answer == "failed":
        decided = reject(repayment, outcome.reason or "declined_by_provider", PROVIDER)
    elif outcome.answer == "not_there" and repayment.expires_at <= tx.now:
        decided = reject(repayment, LAPSED, PROVIDER)
    else:
        return None
    return None if isinstance(decided, Refusal) else decided
