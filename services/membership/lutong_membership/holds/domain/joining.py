"""Who may join a plan: asked about, offered the terms, signed or refused. Pure.

A newcomer with a standing assessment signs at once. Any other newcomer is asked about, and what they asked for waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lutong_contracts.membership import AgreementConsulted, AgreementDeclined, AgreementOffered, OfferLapsed
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.agreement import Agreement, Pinned, Transition, may_be_signed, signed
from lutong_membership.coupons.domain import Coupon
from lutong_membership.grants.domain import Granted
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, after, opened
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import MemberPlan, Newcomer
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.values import Emitted, Refusal


class Consult(NamedTuple):
    """A member asks to join a plan without ordering."""

    member_id: str
    plan_id: str


class SignOffer(NamedTuple):
    """A member signs what was offered, by the version that was shown."""

    agreement_id: str


@dataclass(frozen=True, slots=True)
class ValidAssessment:
    """An assessment that still stands: up to which limit, and for which agreement it was made."""

    limit_minor: int
    agreement_id: str


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a batch of requests is decided on: everything its members and merchants have so far."""

    plans: Mapping[str, Plan] = field(default_factory=dict)  # the open one, by merchant
    applicants: frozenset[str] = frozenset()  # members of whom anything is known
    agreements: dict[MemberPlan, Pinned] = field(default_factory=dict)  # live ones
    lines: dict[LineKey, Line] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)  # those that are named
    answered: set[str] = field(default_factory=set)  # orders that have a hold, wait for one, or were answered without
    cancelled: frozenset[str] = frozenset()  # orders that ended before they were asked for
    unbound: set[str] = field(default_factory=set)  # orders that nobody pays for: their viewers are bound to no member
    bound: set[str] = field(default_factory=set)  # orders whose viewers are bound to a member, who pays
    standing: dict[str, ValidAssessment] = field(default_factory=dict)  # assessments of who may join, by member
    blockers: dict[MemberPlan, str] = field(default_factory=dict)  # why no agreement may be signed
    granted: Mapping[str, Granted] = field(default_factory=dict)  # what programs may use, of those that state it
    holdouts: dict[MemberPlan, bool] = field(default_factory=dict)  # newcomers' arms: True is without benefits


def fresh_agreement(newcomer: Newcomer, context: RequestContext, agreement_id: str) -> Agreement:
    """An agreement on the version that is open now, in the arm that the member was drawn into."""
    plan = newcomer.plan
    holdout = context.holdouts.get(newcomer.key, False)
    return Agreement(agreement_id, newcomer.member_id, plan.merchant_id, plan.plan_id, plan.version, holdout=holdout)


def why_not_joining(member_id: str, plan: Plan, context: RequestContext, clock: Clock) -> str | None:
    """Why a member may not sign this plan now, whatever a provider would answer."""
    if member_id not in context.applicants:
        return "unknown_applicant"
    if not may_be_signed(plan, clock):
        return "term_over"
    return context.blockers.get(MemberPlan(member_id, plan.plan_id))


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature: the agreement, the line it draws on, and the entry that opened it, if it is new."""

    agreement: Agreement
    line: Line
    emitted: tuple[Emitted, ...]
    opened: Line | None = None
    entries: tuple[Entry, ...] = ()


def sign(agreement: Agreement, plan: Plan, context: RequestContext, clock: Clock, limit_minor: int) -> Signed:
    """Sign an agreement; open a line when the member has none in this currency."""
    agreement, emitted = signed(agreement, plan, clock)
    line = context.lines.get(LineKey(agreement.member_id, plan.currency))
    if line:
        return Signed(agreement, line, emitted)
    fresh, entry = opened(agreement.member_id, plan.currency, min(limit_minor, plan.line_limit_minor))
    return Signed(agreement, after(fresh, entry), emitted, fresh, (entry,))


def sign_offer(offered: Pinned, context: RequestContext, limit_minor: int, clock: Clock) -> Signed | Refusal:
    """The member signs what was offered, unless nothing is, or the term of the plan is over."""
    agreement = offered.agreement
    if agreement.state != "preordered":
        what = f"agreement {agreement.agreement_id!r} is {agreement.state}: there is nothing to sign"
        return Refusal("not_offered", what)
    if not may_be_signed(offered.plan, clock):
        return Refusal("term_over", "the term of this plan is over")
    return sign(offered.agreement, offered.plan, context, clock, limit_minor)


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
