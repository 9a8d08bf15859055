"""How a plan goes on: versions are added, its merchant and currency stay; and what is published of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_contracts.offers import Holdout
from lutong_membership.plans.domain.entity import PlanState, plan_event
from lutong_membership.plans.domain.terms import Plan, Terms
from lutong_membership.plans.domain.versions import Offer, Window, next_version, window
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import NOON, a_plan

OFFER = Offer("light", "shop", 50_000)


def a_version(latest: Plan | None, **changes: Any) -> Plan:
    plan = next_version(replace(OFFER, **changes), latest)
    assert isinstance(plan, Plan), plan
    return plan


def test_a_first_version_is_in_yuan_and_without_obligation() -> None:
    plan = a_version(None)
    assert (plan.plan_id, plan.merchant_id, plan.currency) == ("light", "shop", "CNY")
    assert (plan.line_limit_minor, plan.terms) == (50_000, Terms())


def test_a_first_version_may_be_in_another_currency() -> None:
    terms = a_plan().terms
    plan = a_version(None, currency="JPY", terms=terms)
    assert (plan.currency, plan.terms) == ("JPY", terms)


def test_what_a_merchant_does_not_name_stays_as_it_was() -> None:
    latest = a_plan()
    assert a_version(latest) == replace(latest, line_limit_minor=50_000)
    assert a_version(latest, currency="CNY", terms=Terms()).terms == Terms()


@pytest.mark.parametrize(
    ("changes", "kind"), [({"merchant_id": "other"}, "plan_taken"), ({"currency": "JPY"}, "currency_fixed")]
)
def test_a_plan_changes_neither_merchant_nor_currency(changes: dict[str, Any], kind: str) -> None:
    outcome = next_version(replace(OFFER, **changes), a_plan())
    assert isinstance(outcome, Refusal)
    assert outcome.kind == kind


@pytest.mark.parametrize(("is_open", "event"), [(True, PlanPublished), (False, PlanClosed)])
def test_a_plan_is_published_as_it_is_now(is_open: bool, event: type[PlanPublished | PlanClosed]) -> None:
    published = plan_event(PlanState(a_plan(holdout_percent=10), "Light", is_open, 3))
    assert type(published) is event
    assert (published.revision, published.title, published.discount_percent) == (3, "Light", 10)
    assert (published.line_limit.amount_minor, published.charge_cap.amount_minor) == (100_000, 5_000)
    assert published.holdout == Holdout(
        salt="lutong", percent=10
    )  # for the feed, which offers: never in an answer to a member


def test_a_report_looks_at_thirty_days_until_now() -> None:
    assert window(None, None, NOON) == Window(NOON - timedelta(days=30), NOON)
    until = NOON - timedelta(days=1)
    assert window(None, until, NOON) == Window(until - timedelta(days=30), until)


def test_a_window_before_all_days_begins_with_the_first() -> None:
    early = datetime(1, 1, 20, tzinfo=UTC)
    found = window(None, early, NOON)
    assert isinstance(found, Window)
    assert found.since < early


@pytest.mark.parametrize(("since_days", "until_days"), [(1, 1), (2, 1), (-1, 1), (0, None)])
def test_a_window_that_is_none_is_refused(since_days: int, until_days: int | None) -> None:
    until = None if until_days is None else NOON + timedelta(days=until_days)
    outcome = window(NOON + timedelta(days=since_days), until, NOON)
    assert isinstance(outcome, Refusal)
    assert outcome.kind == "bad_window"
