"""What is asked of the outside, never in a transaction: whether a member may enjoy first, and to take what they owe."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from lutong_chassis import Errand, Outgoing, Tx
from lutong_chassis.settings import chosen
from lutong_contracts import Event
from lutong_contracts.membership import CreditAssessed, DeductionFailed, DeductionSucceeded
from lutong_contracts.values import Money
from lutong_membership import store
from lutong_membership.credit.providers import provider_of
from lutong_membership.credit.settings import CreditSettings
from lutong_membership.credit.values import Assessment, CreditProvider, Unavailable
from lutong_membership.deduction.http_provider import HttpDeductionProvider
from lutong_membership.deduction.settings import DeductionSettings
from lutong_membership.deduction.values import DeductionProvider, Outcome
from lutong_membership.handlers.clock import clock
from lutong_membership.store import Attempt, Job

_PAUSE_MAX_S: Final = 8
_QUERY_PAUSE_MAX_S: Final = 3600
_SEND_PAUSE_MAX_S: Final = 60
"""What did not reach the provider is tried soon again: an outage is not the fault of any one charge."""


def errands() -> list[Errand[Any, Any]]:
    """The errands of this process, with the providers that its settings choose."""
    found: list[Errand[Any, Any]] = [assess(provider_of(chosen(CreditSettings)))]
    settings = chosen(DeductionSettings)
    if settings.url is not None:
        found.append(deduct(HttpDeductionProvider(settings)))
    return found


def assess(provider: CreditProvider) -> Errand[Job, Assessment | Unavailable]:
    """Ask a provider about newcomers."""

    async def ask(job: Job) -> Assessment | Unavailable:
        return await provider.assess(job.application, asked_before=job.tries > 0)

    return Errand("assess", store.claim_jobs, ask, record_assessments, aclose=provider.aclose)


async def record_assessments(tx: Tx, answers: Sequence[tuple[Job, Assessment | Unavailable]]) -> list[Outgoing]:
    """Keep verdicts and say what was decided, never the points. Without a verdict ask again, until patience ends."""
    given = [(job, answer) for job, answer in answers if isinstance(answer, Assessment)]
    unanswered = [job for job, answer in answers if isinstance(answer, Unavailable)]
    hopeless = [job for job in unanswered if tx.now >= job.give_up_at]
    await store.postpone_jobs(
        tx,
        [
            (job.agreement_id, min(job.give_up_at, tx.now + timedelta(seconds=min(_PAUSE_MAX_S, 2**job.tries))))
            for job in unanswered
            if tx.now < job.give_up_at
        ],
    )
    fresh = await store.end_jobs(tx, [job.agreement_id for job in (*(job for job, _ in given), *hopeless)])
    verdicts = [(job, verdict) for job, verdict in given if job.agreement_id in fresh]
    await store.save_assessments(tx, [(job, verdict, tx.now + verdict.valid_for) for job, verdict in verdicts])
    return [
        *(_assessed(job, None if verdict.admits else "not_admitted") for job, verdict in verdicts),
        *(_assessed(job, "assessment_unavailable") for job in hopeless if job.agreement_id in fresh),
    ]


def _assessed(job: Job, refusal: str | None) -> Outgoing:
    member_id = job.application.member_id
    said = CreditAssessed(agreement_id=job.agreement_id, member_id=member_id, admitted=refusal is None, reason=refusal)
    return Outgoing(said, job.cause)


def deduct(provider: DeductionProvider) -> Errand[Attempt, Outcome]:
    """Let a provider take what was notified."""

    async def claim(tx: Tx, jobs_max: int) -> list[Attempt]:
        return await store.claim_deductions(tx, jobs_max, clock(tx))

    async def ask(attempt: Attempt) -> Outcome:
        return await (provider.query if attempt.sent_before else provider.deduct)(attempt.order)

    return Errand("deduct", claim, ask, record_deductions, aclose=provider.aclose)


async def record_deductions(tx: Tx, answers: Sequence[tuple[Attempt, Outcome]]) -> list[Outgoing]:
    """Keep what became of attempts, once. What is unknown stays so, and is asked for later."""
    states = {"succeeded": "taken", "failed": "failed"}
    known = [(a.order.deduction_id, states[o.answer], o.reason) for a, o in answers if o.answer in states]
    later = [
        (
            a.order.deduction_id,
            "unknown" if o.answer == "unknown" else "due",
            tx.now + timedelta(seconds=min(_pause_max_s(o), 2**a.tries)),
        )
        for a, o in answers
        if o.answer in {"unknown", "not_there"}
    ]
    await store.postpone_deductions(tx, later)
    fresh = await store.end_deductions(tx, known)
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
