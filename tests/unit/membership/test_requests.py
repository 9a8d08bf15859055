"""Who may enjoy first, and what their orders set aside: rules without a database."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from lutong_contracts.feed import ServiceRequested
from lutong_contracts.membership import CreditDeclined, CreditHeld
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.agreement import Agreement, Pinned, State
from lutong_membership.coupons.domain import Coupon
from lutong_membership.grants.domain import Granted
from lutong_membership.holds.domain.joining import RequestContext, ValidAssessment
from lutong_membership.holds.domain.requests import Consultation, Decision, conclude, decide_all
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.plans.domain.newcomers import MemberPlan
from lutong_membership.plans.domain.terms import TERMS, Plan
from tests.support.builders import a_request as a_wish
from tests.unit.membership.a_membership import NOON, a_clock, a_line, a_plan, an_agreement

PLAN = Plan("light", "shop", "CNY", 100_000)


def a_request(order: str = "o-1", amount_minor: int = 10_000, **changes: Any) -> ServiceRequested:
    return a_wish(order, amount_minor, "m").model_copy(update=changes)


def context(**changes: Any) -> RequestContext:  # whatever a test changes
    return replace(RequestContext(plans={"shop": PLAN}, applicants=frozenset({"m"})), **changes)


def under_a_plan(plan: Plan = PLAN, state: State = "active", **changes: Any) -> RequestContext:
    agreement = replace(an_agreement(plan).agreement, state=state)
    line = {} if state in {"consulted", "preordered"} else {LineKey("m", "CNY"): a_line()}
    return context(
        plans={"shop": plan}, agreements={MemberPlan("m", "light"): Pinned(agreement, plan)}, lines=line, **changes
    )


def decide(*requests: ServiceRequested, on: RequestContext, days: float = 0) -> list[Decision | None]:
    numbers = count()
    return decide_all(list(requests), on, a_clock(days), lambda: f"a-{next(numbers)}")


def emitted(decision: Decision | None) -> list[str]:
    return [type(event).__name__ for event in decision.events] if decision else []


def reason(decision: Decision | None) -> str:
    assert decision is not None
    declined = decision.events[-1]
    assert isinstance(declined, CreditDeclined)
    return declined.reason


def test_a_newcomer_is_asked_about_and_what_they_want_waits() -> None:
    first, second = decide(a_request("o-1"), a_request("o-2"), on=context())
    assert emitted(first) == ["AgreementConsulted"]
    assert emitted(second) == []
    assert first is not None
    assert second is not None
    assert (first.hold.state, second.hold.state) == ("waiting", "waiting")
    assert first.hold.agreement_id == second.hold.agreement_id == "a-0"
    assert (first.asks, second.asks) == (True, False)


@pytest.mark.parametrize(
    ("asked", "signed", "by"),
    [(True, True, "request"), (True, False, "request"), (False, True, "plan"), (False, False, None)],
)
def test_a_member_agrees_to_the_flagship_by_request_or_plan(asked: bool, signed: bool, by: str | None) -> None:
    plan = replace(PLAN, terms=TERMS.validate_python({"flagship_ok": signed}))
    (decision,) = decide(a_request(flagship_ok=asked, sold_by="near", address_id="a-1"), on=under_a_plan(plan))
    assert decision is not None
    held = decision.events[0]
    assert isinstance(held, CreditHeld)
    assert (held.flagship_ok, held.flagship_ok_by) == (by is not None, by)
    assert (held.sold_by, held.address_id) == ("near", "a-1")


def test_a_member_under_a_plan_is_decided_at_once() -> None:
    (decision,) = decide(a_request(), on=under_a_plan())
    assert emitted(decision) == ["CreditHeld", "HoldLapsed"]


def test_a_newcomer_whose_assessment_stands_signs_at_once() -> None:
    (decision,) = decide(a_request(), on=context(standing={"m": ValidAssessment(50_000, "earlier")}))
    assert emitted(decision) == ["AgreementSigned", "CreditHeld", "HoldLapsed"]
    assert decision is not None
    assert decision.opened is not None
    assert decision.opened.target_minor == 50_000
    assert [entry.kind for entry in decision.entries] == ["line_opened", "hold"]


def test_a_member_who_was_offered_the_terms_joins_by_ordering() -> None:
    (decision,) = decide(
        a_request(), on=under_a_plan(state="preordered", standing={"m": ValidAssessment(20_000, "a-1")})
    )
    assert emitted(decision) == ["AgreementSigned", "CreditHeld", "HoldLapsed"]
    assert decision is not None
    assert decision.opened is not None
    assert decision.opened.target_minor == 20_000


def test_two_requests_of_one_member_in_one_batch_see_each_other() -> None:
    orders = (a_request("o-1", 60_000), a_request("o-2", 60_000), a_request("o-3", 40_000))
    first, second, third = decide(*orders, on=under_a_plan())
    assert emitted(first) == emitted(third) == ["CreditHeld", "HoldLapsed"]
    assert reason(second) == "over_limit"


def test_a_line_that_is_there_is_kept_when_another_plan_is_signed() -> None:
    known = context(standing={"m": ValidAssessment(900_000, "e")}, lines={("m", "CNY"): a_line(held_minor=1)})
    (decision,) = decide(a_request(), on=known)
    assert decision is not None
    assert (decision.opened, [entry.kind for entry in decision.entries]) == (None, ["hold"])


MAY_PAY = {a_request().program_id: Granted(("pay",), enforced=True)}
MAY_NOT_PAY = {a_request().program_id: Granted(("location",), enforced=True)}


def test_who_joined_before_orders_where_nobody_joins_any_more() -> None:
    (decision,) = decide(a_request(), on=under_a_plan(granted=MAY_PAY))
    assert emitted(decision) == ["CreditHeld", "HoldLapsed"]


def test_a_program_from_before_is_held_to_nothing() -> None:
    granted = {a_request().program_id: Granted((), enforced=False)}
    (decision,) = decide(a_request(), on=under_a_plan(granted=granted))
    assert emitted(decision) == ["CreditHeld", "HoldLapsed"]


def test_a_light_store_is_held_to_the_grants_of_what_it_sells() -> None:
    granted = {"brand": Granted(("pay",), enforced=True)}
    (decision,) = decide(a_request(offers_of="brand"), on=under_a_plan(granted=granted))
    assert emitted(decision) == ["CreditHeld", "HoldLapsed"]


def test_what_is_granted_is_used() -> None:
    granted = {a_request().program_id: Granted(("pay", "identity", "coupons"), enforced=True)}
    (decision,) = decide(a_request(coupon_id="c-1"), on=under_a_plan(granted=granted, bound={"o-1"}))
    assert reason(decision) == "no_coupon"  # the coupon was looked at


@pytest.mark.parametrize(
    ("on", "request_", "why"),
    [
        (context(plans={}), a_request(), "no_plan"),
        (context(applicants=frozenset()), a_request(), "unknown_applicant"),
        (context(), a_request(total=Money(amount_minor=1, currency="EUR")), "currency_mismatch"),
        (context(cancelled=frozenset({"o-1"})), a_request(), "order_cancelled"),
        (context(blockers={("m", "light"): "debts_overdue"}), a_request(), "debts_overdue"),
        (context(blockers={("m", "light"): "signed_recently"}), a_request(), "signed_recently"),
        (under_a_plan(), a_request(amount_minor=100_001), "over_limit"),
        (under_a_plan(), a_request(coupon_id="c-1"), "no_coupon"),
        (under_a_plan(granted=MAY_NOT_PAY), a_request(), "pay_not_granted"),
        (under_a_plan(granted=MAY_PAY, bound={"o-1"}), a_request(), "identity_not_granted"),
        (under_a_plan(granted=MAY_PAY), a_request(coupon_id="c-1"), "coupons_not_granted"),
        (under_a_plan(granted={"brand": Granted((), enforced=True)}), a_request(offers_of="brand"), "pay_not_granted"),
        (context(granted=MAY_PAY), a_request(), "credit_not_granted"),
        (under_a_plan(state="preordered", granted=MAY_PAY), a_request(), "credit_not_granted"),
    ],
)
def test_a_refusal_has_a_reason_and_holds_nothing(on: RequestContext, request_: ServiceRequested, why: str) -> None:
    (decision,) = decide(request_, on=on)
    assert reason(decision) == why
    assert decision is not None
    assert (decision.entries, decision.hold.amount_minor) == ((), 0)


def test_nobody_signs_a_plan_whose_term_is_over() -> None:
    over = a_plan(period={"kind": "appointed", "first_day": "2026-01-01", "last_day": "2026-01-31"})
    (decision,) = decide(a_request(), on=context(plans={"shop": over}, standing={"m": ValidAssessment(1, "e")}))
    assert reason(decision) == "term_over"


def test_an_order_that_was_answered_is_not_answered_again() -> None:
    assert decide(a_request(), on=under_a_plan(answered={"o-1"})) == [None]
    first, again = decide(a_request(), a_request(), on=under_a_plan())
    assert (first is not None, again) == (True, None)


def held(decision: Decision | None) -> CreditHeld:
    assert decision is not None
    event = next(event for event in decision.events if isinstance(event, CreditHeld))
    assert event.amount.amount_minor == decision.hold.amount_minor
    return event


def test_the_members_price_holds_only_in_the_term() -> None:
    within, after = (decide(a_request(), on=under_a_plan(a_plan()), days=days)[0] for days in (29, 30))
    assert held(within).amount.amount_minor == 9_000
    assert held(after).amount.amount_minor == 10_000


@pytest.mark.parametrize("change", [{"step": "suspended"}, {"step": "proposed"}, {"holdout": True}])
def test_without_benefits_orders_are_still_possible_at_list_price(change: dict[str, Any]) -> None:
    known = under_a_plan(a_plan())
    key = MemberPlan("m", "light")
    agreement, plan = known.agreements[key]
    known.agreements[key] = Pinned(replace(agreement, **change), plan)
    assert held(decide(a_request(), on=known)[0]).amount.amount_minor == 10_000


def a_coupon(**changes: Any) -> Coupon:
    whole = Coupon("c-1", "s", "m", "shop", "CNY", 2_000, 5_000, a_clock(10).now, 1, 1)
    return replace(whole, **changes)


def test_a_coupon_comes_off_after_the_discount() -> None:
    known = under_a_plan(a_plan(), coupons={"c-1": a_coupon()})
    first, second = decide(a_request("o-1", coupon_id="c-1"), a_request("o-2", coupon_id="c-1"), on=known)
    assert held(first).amount.amount_minor == 7_000
    assert emitted(first)[-1] == "CouponReserved"
    assert first is not None
    assert first.hold.benefit_minor == 1_000  # a coupon that anybody may have is no benefit of the membership
    assert reason(second) == "coupon_used"


def test_a_coupon_that_came_with_the_agreement_is_a_benefit_of_it() -> None:
    known = under_a_plan(a_plan(), coupons={"c-1": a_coupon(agreement_id="a-1")})
    (decision,) = decide(a_request(coupon_id="c-1"), on=known)
    assert decision is not None
    assert decision.hold.benefit_minor == 3_000


@pytest.mark.parametrize(
    ("change", "amount", "why"),
    [
        ({"member_id": "other"}, 10_000, "no_coupon"),
        ({"merchant_id": "other"}, 10_000, "no_coupon"),
        ({"state": "redeemed"}, 10_000, "coupon_used"),
        ({"expires_at": NOON}, 10_000, "coupon_expired"),
        ({}, 4_999, "below_coupon_minimum"),
    ],
)
def test_a_coupon_that_cannot_be_used_declines_the_order_with_a_reason(
    change: dict[str, Any], amount: int, why: str
) -> None:
    known = under_a_plan(coupons={"c-1": a_coupon(**change)})
    assert reason(decide(a_request(amount_minor=amount, coupon_id="c-1"), on=known)[0]) == why


def asked(*waiting: ServiceRequested, limit_minor: int = 50_000, refusal: str | None = None) -> Consultation:
    return Consultation(Agreement("a-1", "m", "shop", "light", 1), PLAN, limit_minor, refusal, waiting)


def test_an_admitted_member_signs_and_waiting_orders_are_held_in_order() -> None:
    done = conclude(asked(a_request("o-1", 30_000), a_request("o-2", 30_000)), context(), a_clock())
    assert done.agreement.state == "active"
    assert [type(each.event).__name__ for each in done.emitted] == ["AgreementSigned"]
    assert emitted(done.decisions[0]) == ["CreditHeld", "HoldLapsed"]
    assert reason(done.decisions[1]) == "over_limit"
    assert done.opened is not None


@pytest.mark.parametrize("refusal", ["not_admitted", "assessment_unavailable"])
def test_when_the_provider_does_not_admit_all_that_waited_is_declined(refusal: str) -> None:
    done = conclude(asked(a_request("o-1"), a_request("o-2"), refusal=refusal), context(), a_clock())
    assert done.agreement.state == "declined"
    assert [reason(decision) for decision in done.decisions] == [refusal, refusal]
    assert done.opened is None


def test_who_only_asked_is_offered_the_terms_with_the_price_of_failure() -> None:
    plan = a_plan()
    done = conclude(replace(asked(), plan=plan), context(plans={"shop": plan}), a_clock())
    assert done.agreement.state == "preordered"
    assert [type(each.event).__name__ for each in done.emitted] == ["AgreementOffered", "OfferLapsed"]
    assert done.emitted[0].event.charge_cap.amount_minor == 5_000  # type: ignore[attr-defined]  # an AgreementOffered


def test_an_order_that_was_cancelled_while_it_waited_signs_nothing() -> None:
    done = conclude(asked(a_request("o-1")), context(cancelled=frozenset({"o-1"})), a_clock())
    assert (done.agreement.state, done.opened) == ("preordered", None)
    assert reason(done.decisions[0]) == "order_cancelled"


def test_debts_overdue_by_the_answer_keep_the_member_from_signing() -> None:
    known = context(blockers={("m", "light"): "debts_overdue"})
    done = conclude(asked(a_request()), known, a_clock())
    assert (done.agreement.state, done.reason) == ("declined", "debts_overdue")


def test_terms_without_anything_are_valid_and_charge_nothing() -> None:
    assert TERMS.validate_python({}).obligation is None
