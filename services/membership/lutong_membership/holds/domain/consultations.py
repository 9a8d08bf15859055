"""What a provider's answer comes to: a signature with all that waited for it, an offer, or a refusal. Pure."""

from dataclasses import dataclass

from lutong_contracts.feed import ServiceRequested
from lutong_contracts.membership import AgreementConsulted, AgreementDeclined, AgreementOffered, OfferLapsed
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.agreement import Agreement, Pinned, Transition
from lutong_membership.holds.domain.requests import (
    Decision,
    RequestContext,
    apply,
    declined,
    fresh_agreement,
    reserve,
    sign,
    why_not_joining,
)
from lutong_membership.ledger.domain.entries import Entry, Line
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import Newcomer
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.values import Emitted, Refusal


def offer(agreement: Agreement, plan: Plan, clock: Clock) -> Transition:
    """Admitted without having ordered: show the terms and the price of failure, and wait for a signature."""
    sign_by = clock.now + clock.offer_life
    event = AgreementOffered(
        **agreement.facts,
        plan_version=plan.version,
        charge_cap=Money(amount_minor=plan.terms.cap_minor, currency=plan.currency),
        sign_by=sign_by,
    )
    lapse = Emitted(OfferLapsed(agreement_id=agreement.agreement_id), sign_by)
    return Transition(agreement.moved("preordered"), (Emitted(event), lapse))


def refuse(agreement: Agreement, reason: str) -> Transition:
    """Not admitted. It is a decision, not a score, and the member may ask again."""
    event = AgreementDeclined(**agreement.facts, reason=reason)
    return Transition(agreement.moved("declined"), (Emitted(event),))


def ask(newcomer: Newcomer, context: RequestContext, agreement_id: str, clock: Clock) -> Transition | Refusal:
    """A member asks to join without ordering: offer the terms when an assessment is valid, else consult a provider."""
    member_id, plan = newcomer
    if live := context.agreements.get(newcomer.key):
        agreement = live.agreement
        return Refusal("agreement_live", f"agreement {agreement.agreement_id!r} is {agreement.state}")
    if reason := why_not_joining(member_id, plan, context, clock):
        return Refusal(reason, f"member {member_id!r} cannot join plan {plan.plan_id!r} now: {reason}")
    fresh = fresh_agreement(newcomer, context, agreement_id)
    if context.standing.get(member_id):
        return offer(fresh, plan, clock)
    return Transition(fresh, (Emitted(AgreementConsulted(**fresh.facts, plan_version=plan.version)),))


@dataclass(frozen=True, slots=True)
class Consultation:
    """A member who was asked about: up to which limit they are admitted, or why not, and what waits for the answer."""

    agreement: Agreement
    plan: Plan
    limit_minor: int
    refusal: str | None
    waiting: tuple[ServiceRequested, ...]


@dataclass(frozen=True, slots=True)
class Concluded:
    """What became of a consultation, and of the requests that waited for it."""

    agreement: Agreement
    emitted: tuple[Emitted, ...]
    decisions: tuple[Decision, ...] = ()
    opened: Line | None = None
    entries: tuple[Entry, ...] = ()
    reason: str | None = None


def conclude(asked: Consultation, context: RequestContext, clock: Clock) -> Concluded:
    """Sign when the member ordered, offer the terms when they only asked, decline when they are not admitted.

    Requests that waited are decided in order. One that was cancelled meanwhile is no reason to sign.
    """
    plan = asked.plan
    reason = asked.refusal or why_not_joining(asked.agreement.member_id, plan, context, clock)
    wanted = [request for request in asked.waiting if request.order_id not in context.cancelled]
    cancelled = [request for request in asked.waiting if request.order_id in context.cancelled]
    gone = tuple(declined(request, "order_cancelled", state="cancelled") for request in cancelled)
    if reason:
        agreement, emitted = refuse(asked.agreement, reason)
        return Concluded(agreement, emitted, (*gone, *(declined(request, reason) for request in wanted)), reason=reason)
    if not wanted:
        return Concluded(*offer(asked.agreement, plan, clock), gone)
    signature = sign(asked.agreement, plan, context, clock, asked.limit_minor)
    signed = Pinned(signature.agreement, plan)
    context.lines[signature.line.key] = signature.line
    decisions = []
    for request in wanted:
        decision = reserve(request, signed, context.lines[signature.line.key], context, clock)
        apply(context, decision)
        decisions.append(decision)
    return Concluded(signature.agreement, signature.emitted, (*gone, *decisions), signature.opened, signature.entries)
