"""Who may enjoy first, and what an order sets aside: decided in order of arrival, in memory. Pure.

Members under a plan are decided at once. A newcomer with a standing assessment signs at once. Any
other newcomer is asked about, and what they asked for waits for the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lutong_contracts import Event
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.membership import (
    AgreementConsulted,
    CouponReserved,
    CreditDeclined,
    CreditHeld,
    HoldLapsed,
)
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.agreement import Agreement, Pinned, may_be_signed, signed
from lutong_membership.coupons.domain import Coupon, why_not_usable
from lutong_membership.holds.domain.holds import Hold, HoldState, price
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, after
from lutong_membership.ledger.domain.lines import hold, opened
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import MemberPlan, Newcomer
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.values import Emitted, Refusal


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
    standing: dict[str, ValidAssessment] = field(default_factory=dict)  # assessments of who may join, by member
    blockers: dict[MemberPlan, str] = field(default_factory=dict)  # why no agreement may be signed
    holdouts: dict[MemberPlan, bool] = field(default_factory=dict)  # newcomers' arms: True is without benefits


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one request: events to publish, and rows to write."""

    request: ServiceRequested
    emitted: tuple[Emitted, ...]
    hold: Hold
    agreement: Agreement | None = None
    opened: Line | None = None
    entries: tuple[Entry, ...] = ()
    coupon: Coupon | None = None
    standing: ValidAssessment | None = None

    @property
    def asks(self) -> bool:
        """Whether a provider has to be asked about the member."""
        return self.agreement is not None and self.agreement.state == "consulted"

    @property
    def events(self) -> list[Event]:
        """What is emitted, deadlines included."""
        return [each.event for each in self.emitted]


def decide_all(
    requests: Sequence[ServiceRequested], context: RequestContext, clock: Clock, new_id: Callable[[], str]
) -> list[Decision | None]:
    """Decide in order of arrival: what one request takes is gone for the next one in the same batch.

    None is for a request that was answered before. `context` are brought up to date on the way.
    """
    decisions = []
    for request in requests:
        decision = decide(request, context, clock, new_id)
        if decision is not None:
            apply(context, decision)
        decisions.append(decision)
    return decisions


def decide(
    request: ServiceRequested, context: RequestContext, clock: Clock, new_id: Callable[[], str]
) -> Decision | None:
    """Admit the member if need be, and set aside what the order costs them."""
    if request.order_id in context.cancelled:
        return declined(request, "order_cancelled", state="cancelled")
    if request.order_id in context.answered:
        return None
    plan = context.plans.get(request.merchant_id)
    if plan is None:
        return declined(request, "no_plan")
    if plan.currency != request.total.currency:
        return declined(request, "currency_mismatch")
    live = context.agreements.get(MemberPlan(request.viewer_id, plan.plan_id))
    if live is None:
        return _newcomer(request, plan, context, clock, new_id())
    if live.agreement.state == "consulted":
        return _waits(request, live.agreement.agreement_id)
    if live.agreement.state == "preordered":
        return _sign_and_reserve(request, live, context, clock, context.standing[request.viewer_id].limit_minor)
    return reserve(request, live, context.lines[LineKey(request.viewer_id, plan.currency)], context, clock)


def _newcomer(request: ServiceRequested, plan: Plan, context: RequestContext, clock: Clock, fresh_id: str) -> Decision:
    member_id = request.viewer_id
    reason = why_not_joining(member_id, plan, context, clock)
    if reason:
        return declined(request, reason)
    fresh = fresh_agreement(Newcomer(member_id, plan), context, fresh_id)
    standing = context.standing.get(member_id)
    if standing:
        decision = _sign_and_reserve(request, Pinned(fresh, plan), context, clock, standing.limit_minor)
        return replace(decision, standing=standing)
    asked = Emitted(AgreementConsulted(**fresh.facts, plan_version=plan.version))
    return replace(_waits(request, fresh_id), agreement=fresh, emitted=(asked,))


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


def _sign_and_reserve(
    request: ServiceRequested, joining: Pinned, context: RequestContext, clock: Clock, limit_minor: int
) -> Decision:
    """Sign, then hold. A line that is there is kept: a new plan neither lowers nor raises it."""
    signature = sign(joining.agreement, joining.plan, context, clock, limit_minor)
    decision = reserve(request, Pinned(signature.agreement, joining.plan), signature.line, context, clock)
    return replace(
        decision,
        emitted=(*signature.emitted, *decision.emitted),
        agreement=signature.agreement,
        opened=signature.opened,
        entries=(*signature.entries, *decision.entries),
    )


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
    """The member signs what was offered, unless the term of the plan is over."""
    if not may_be_signed(offered.plan, clock):
        return Refusal("term_over", "the term of this plan is over")
    return sign(offered.agreement, offered.plan, context, clock, limit_minor)


def reserve(request: ServiceRequested, pinned: Pinned, line: Line, context: RequestContext, clock: Clock) -> Decision:
    """Hold what the order costs a member under an agreement, if the line has it."""
    agreement, plan = pinned
    total_minor = request.total.amount_minor
    coupon = context.coupons.get(request.coupon_id) if request.coupon_id else None
    if request.coupon_id:
        reason = why_not_usable(coupon, request.viewer_id, request.merchant_id, total_minor, clock.now)
        if reason:
            return declined(request, reason)
    percent = plan.terms.benefits.discount_percent if agreement.grants_benefits(clock.now) else 0
    cost = price(total_minor, percent, coupon)
    entry = hold(line, cost.due_minor, request.order_id, agreement.agreement_id)
    if entry is None:
        return declined(request, "over_limit")
    ours = coupon is not None and coupon.agreement_id == agreement.agreement_id
    expires_at = clock.now + clock.hold_life
    held = replace(
        _hold(request, "held"),
        agreement_id=agreement.agreement_id,
        amount_minor=cost.due_minor,
        total_minor=total_minor,
        discount_minor=cost.discount_minor,
        coupon_minor=cost.coupon_minor,
        benefit_minor=cost.discount_minor + (cost.coupon_minor if ours else 0),
        coupon_id=request.coupon_id,
        expires_at=expires_at,
    )
    reserved = coupon.moved("reserved", order_id=request.order_id) if coupon else None
    emitted = [Emitted(_credit_held(request, held)), Emitted(HoldLapsed(order_id=request.order_id), expires_at)]
    if reserved:
        emitted.append(Emitted(CouponReserved(coupon_id=reserved.coupon_id, order_id=request.order_id)))
    return Decision(request, tuple(emitted), held, entries=(entry,), coupon=reserved)


def _credit_held(request: ServiceRequested, held: Hold) -> CreditHeld:
    return CreditHeld(
        order_id=request.order_id,
        agreement_id=held.agreement_id,
        member_id=request.viewer_id,
        merchant_id=request.merchant_id,
        post_id=request.post_id,
        program_id=request.program_id,
        amount=Money(amount_minor=held.amount_minor, currency=held.currency),
        lines=request.lines,
        destination=request.destination,
        mode=request.mode,
        slot_hold_id=request.slot_hold_id,
        flagship_ok=request.flagship_ok,
    )


def _waits(request: ServiceRequested, agreement_id: str) -> Decision:
    return Decision(request, (), replace(_hold(request, "waiting"), agreement_id=agreement_id))


def declined(request: ServiceRequested, reason: str, state: HoldState = "declined") -> Decision:
    """No credit for this order, and why."""
    event = CreditDeclined(
        order_id=request.order_id, member_id=request.viewer_id, merchant_id=request.merchant_id, reason=reason
    )
    return Decision(request, (Emitted(event),), _hold(request, state, reason))


def _hold(request: ServiceRequested, state: HoldState, reason: str | None = None) -> Hold:
    return Hold(request.order_id, request.viewer_id, request.merchant_id, request.total.currency, state, reason)


def apply(context: RequestContext, decision: Decision) -> None:
    """Bring the context up to date with a decision."""
    request, agreement = decision.request, decision.agreement
    context.answered.add(request.order_id)
    if agreement:
        member_plan = MemberPlan(agreement.member_id, agreement.plan_id)
        live = context.agreements.get(member_plan)
        plan = live.plan if live else context.plans[request.merchant_id]
        context.agreements[member_plan] = Pinned(agreement, plan)
    key = LineKey(request.viewer_id, request.total.currency)
    if decision.opened or decision.entries:
        context.lines[key] = after(decision.opened or context.lines[key], *decision.entries)
    if decision.coupon:
        context.coupons[decision.coupon.coupon_id] = decision.coupon
