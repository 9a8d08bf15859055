"""Who may join a plan: asked about, offered the terms, signed or refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lutong_membership.agreements.domain.agreement import Agreement, IllegalMoveError, Pinned, State, Transition
from lutong_membership.holds.domain.joining import (
    Consult,
    RequestContext,
    Signed,
    SignOffer,
    ValidAssessment,
    ask,
    fresh_agreement,
    offer,
    refuse,
    sign,
    sign_offer,
    why_not_joining,
)
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.plans.domain.newcomers import MemberPlan, Newcomer, is_held_out
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import NOON, a_clock, a_line, a_plan

PLAN = a_plan()
WANTED = Consult("m", PLAN.plan_id)
NEWCOMER = Newcomer(WANTED.member_id, PLAN)
KEY = MemberPlan(WANTED.member_id, WANTED.plan_id)
OVER = a_plan(period={"kind": "appointed", "first_day": "2026-01-01", "last_day": "2026-03-09"})
"""A plan whose term ended at the midnight before noon."""


def a_context(**changes: Any) -> RequestContext:
    """What is known of a member who may join."""
    return replace(RequestContext(applicants=frozenset({"m"})), **changes)


def an_agreement_that_is(state: State, plan: Plan = PLAN) -> Pinned:
    return Pinned(Agreement(SignOffer("a-1").agreement_id, "m", "shop", "light", plan.version, state), plan)


def asked(context: RequestContext, newcomer: Newcomer = NEWCOMER) -> Transition:
    outcome = ask(newcomer, context, "a-1", a_clock())
    assert isinstance(outcome, Transition), outcome
    return outcome


def events(transition: Transition | Signed) -> list[str]:
    return [type(each.event).__name__ for each in transition.emitted]


def test_a_newcomer_whom_nobody_assessed_is_asked_about() -> None:
    outcome = asked(a_context())
    assert (outcome.agreement.state, events(outcome)) == ("consulted", ["AgreementConsulted"])


def test_a_standing_assessment_offers_the_terms_at_once() -> None:
    outcome = asked(a_context(standing={"m": ValidAssessment(50_000, "a-0")}))
    assert (outcome.agreement.state, events(outcome)) == ("preordered", ["AgreementOffered", "OfferLapsed"])


@pytest.mark.parametrize(
    ("context", "plan", "kind"),
    [
        (a_context(applicants=frozenset()), PLAN, "unknown_applicant"),
        (a_context(), OVER, "term_over"),
        (a_context(blockers={KEY: "overdue"}), PLAN, "overdue"),
        (a_context(agreements={KEY: an_agreement_that_is("active")}), PLAN, "agreement_live"),
    ],
)
def test_who_may_not_join_is_given_the_reason(context: RequestContext, plan: Plan, kind: str) -> None:
    outcome = ask(Newcomer("m", plan), context, "a-1", a_clock())
    assert isinstance(outcome, Refusal)
    assert outcome.kind == kind


def test_nothing_speaks_against_a_known_member_of_an_open_plan() -> None:
    assert why_not_joining("m", PLAN, a_context(), a_clock()) is None


def test_an_offer_waits_for_a_signature_for_a_day() -> None:
    outcome = offer(an_agreement_that_is("consulted").agreement, PLAN, a_clock())
    _, lapse = outcome.emitted
    assert (outcome.agreement.state, lapse.due_at) == ("preordered", NOON + timedelta(days=1))


def test_who_is_not_admitted_may_only_ask_again() -> None:
    outcome = refuse(an_agreement_that_is("consulted").agreement, "declined_by_provider")
    assert (outcome.agreement.state, events(outcome)) == ("declined", ["AgreementDeclined"])
    with pytest.raises(IllegalMoveError):
        offer(outcome.agreement, PLAN, a_clock())


@pytest.mark.parametrize(("limit_minor", "opened_minor"), [(50_000, 50_000), (500_000, 100_000)])
def test_a_new_line_is_no_larger_than_plan_and_assessment(limit_minor: int, opened_minor: int) -> None:
    signed = sign_offer(an_agreement_that_is("preordered"), a_context(), limit_minor, a_clock())
    assert isinstance(signed, Signed)
    assert (signed.agreement.state, signed.line.limit_minor) == ("active", opened_minor)
    assert [entry.kind for entry in signed.entries] == ["line_opened"]
    assert events(signed) == ["AgreementSigned", "TermEnded"]


def test_a_member_with_a_line_draws_on_it() -> None:
    line = a_line()
    context = a_context(lines={LineKey("m", "CNY"): line})
    signed = sign(an_agreement_that_is("preordered").agreement, PLAN, context, a_clock(), 50_000)
    assert (signed.line, signed.opened, signed.entries) == (line, None, ())


@pytest.mark.parametrize(
    ("offered", "kind"),
    [
        (an_agreement_that_is("active"), "not_offered"),
        (an_agreement_that_is("lapsed"), "not_offered"),
        (an_agreement_that_is("preordered", OVER), "term_over"),
    ],
)
def test_only_what_is_offered_and_not_over_is_signed(offered: Pinned, kind: str) -> None:
    outcome = sign_offer(offered, a_context(), 50_000, a_clock())
    assert isinstance(outcome, Refusal)
    assert outcome.kind == kind


def test_a_newcomer_keeps_the_arm_they_were_drawn_into() -> None:
    assert NEWCOMER.key == KEY
    assert fresh_agreement(NEWCOMER, a_context(holdouts={KEY: True}), "a-1").holdout
    assert not fresh_agreement(NEWCOMER, a_context(), "a-1").holdout


def test_arms_are_drawn_alike_at_every_call_and_as_often_as_planned() -> None:
    half = a_plan(holdout_percent=50)
    drawn = [is_held_out(Newcomer(f"m-{number}", half)) for number in range(400)]
    assert drawn == [is_held_out(Newcomer(f"m-{number}", half)) for number in range(400)]
    assert 150 < sum(drawn) < 250
    assert not any(is_held_out(Newcomer(f"m-{number}", PLAN)) for number in range(400))
