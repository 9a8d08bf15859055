"""What an order sets aside, and what becomes of what waited: decided in order of arrival, in memory. Pure.

Members under a plan are decided at once. A newcomer with a standing assessment signs at once. Any
other newcomer is asked about, and what they asked for waits for the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
from lutong_membership.agreements.domain.agreement import Agreement, Pinned
from lutong_membership.coupons.domain import Coupon, why_not_usable
from lutong_membership.grants.domain import lacking
from lutong_membership.holds.domain.holds import Hold, HoldState, price
from lutong_membership.holds.domain.joining import (
    RequestContext,
    ValidAssessment,
    fresh_agreement,
    offer,
    refuse,
    sign,
    why_not_joining,
)
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, after, hold
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import MemberPlan, Newcomer
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.values import Emitted


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


def as_member(
    request: ServiceRequested, member_id: str | None, *, viewers_are_members: bool
) -> ServiceRequested | None:
    """The request as its member makes it: `viewer_id` names who pays. None when nobody does.

    Who was bound when asking pays as that member or not at all: the binding may have ended, or be another, while the
    request was on its way. Without a binding a viewer is the member of the same id, if the operator lets them.
    """
    if request.member_id is not None and request.member_id != member_id:
        return None
    if member_id is None:
        return request if viewers_are_members else None
    return request.model_copy(update={"viewer_id": member_id})


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
    why = _why_refused(request, plan, context)
    if plan is None or why:
        return declined(request, why or "no_plan")
    live = context.agreements.get(MemberPlan(request.viewer_id, plan.plan_id))
    if live is None:
        return _newcomer(request, plan, context, clock, new_id())
    if live.agreement.state == "consulted":
        return _waits(request, live.agreement.agreement_id)
    if live.agreement.state == "preordered":
        return _sign_and_reserve(request, live, context, clock, context.standing[request.viewer_id].limit_minor)
    return reserve(request, live, context.lines[LineKey(request.viewer_id, plan.currency)], context, clock)


def _why_refused(request: ServiceRequested, plan: Plan | None, context: RequestContext) -> str | None:
    """Why nothing is looked at further: nobody pays, the program may not use what the order would use of it, or there is nothing to join."""
    if request.order_id in context.unbound:
        return "not_bound"
    missing = lacking((request.program_id, request.offers_of), context.granted)
    used = {"pay": True, "identity": request.order_id in context.bound, "coupons": request.coupon_id is not None}
    for name in (name for name, is_used in used.items() if is_used and name in missing):
        return f"{name}_not_granted"
    if plan is None or plan.currency != request.total.currency:
        return "no_plan" if plan is None else "currency_mismatch"
    live = context.agreements.get(MemberPlan(request.viewer_id, plan.plan_id))
    joins = live is None or live.agreement.state in {"consulted", "preordered"}
    return "credit_not_granted" if joins and "credit" in missing else None


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
        touch=request.touch,
    )
    reserved = coupon.moved("reserved", order_id=request.order_id) if coupon else None
    emitted = [Emitted(_credit_held(request, held, plan)), Emitted(HoldLapsed(order_id=request.order_id), expires_at)]
    if reserved:
        emitted.append(Emitted(CouponReserved(coupon_id=reserved.coupon_id, order_id=request.order_id)))
    return Decision(request, tuple(emitted), held, entries=(entry,), coupon=reserved)


def _credit_held(request: ServiceRequested, held: Hold, plan: Plan) -> CreditHeld:
    flagship_ok_by = "request" if request.flagship_ok else "plan" if plan.terms.flagship_ok else None
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
        flagship_ok=flagship_ok_by is not None,
        flagship_ok_by=flagship_ok_by,
        address_id=request.address_id,
        sold_by=request.sold_by,
        touch=request.touch,
        provided=request.provided,
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
