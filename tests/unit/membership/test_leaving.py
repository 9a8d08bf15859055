"""Leaving a plan early, plans without obligations, and when a deduction may be attempted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lutong_membership.agreements.domain.account import Outcome
from lutong_membership.agreements.domain.accruals import Progress
from lutong_membership.agreements.domain.direct_debit import Deduction, waits_until
from lutong_membership.agreements.domain.rights import Used, take_back, use_right
from lutong_membership.agreements.domain.term import QuitAgreement, admit, leave
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.ledger.domain.entries import LineKey, hold, opened, retargeted
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import TERMS, Plan
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import NOON, a_clock, a_plan, a_unit_of_work, an_agreement, having_bought

RIGHTS = {"rights": [{"right_id": each, "title": each, "times": 2, "value_minor": 300} for each in ("ride", "spa")]}
UNBOUND = Plan("free", "shop", "CNY", 100_000, terms=TERMS.validate_python({}))
"""A plan that asks for nothing and charges nothing."""


def test_a_member_leaves_for_no_more_than_they_accepted() -> None:
    account = having_bought(2)
    outcome = leave(account, QuitAgreement("a-1", 200).accepted_charge_minor, a_clock(20))
    assert isinstance(outcome, Outcome)
    assert outcome.account.agreement.state == "quit"


def test_a_quote_that_rose_is_shown_anew() -> None:
    refusal = leave(having_bought(2), 199, a_clock(20))
    assert isinstance(refusal, Refusal)
    assert (refusal.kind, refusal.facts) == ("quote_changed", {"charge_minor": 200})


@pytest.mark.parametrize(
    ("terms", "days", "kind"), [({}, 31, "term_over"), ({"quitting": {"allowed": False}}, 20, "no_quitting")]
)
def test_who_cannot_leave_is_given_the_reason(terms: dict[str, Any], days: float, kind: str) -> None:
    refusal = leave(having_bought(1, **terms), 10_000, a_clock(days))
    assert isinstance(refusal, Refusal)
    assert refusal.kind == kind


def test_leaving_a_plan_that_charges_nothing_settles_at_once() -> None:
    outcome = leave(an_agreement(UNBOUND), 0, a_clock(5))
    assert isinstance(outcome, Outcome)
    agreement = outcome.account.agreement
    assert agreement.settle_at == agreement.grace_ends_at == a_clock(5).now


def test_a_plan_that_asks_for_nothing_is_fulfilled() -> None:
    assert Progress().fulfils(None)
    assert not Progress().fulfils(a_plan().terms.obligation)


def test_an_attempt_waits_for_the_window_of_its_plan() -> None:
    midnight = Clock(NOON + timedelta(hours=12))
    assert waits_until(a_plan(), a_clock(), sent_before=False) is None
    opens_at = waits_until(a_plan(), midnight, sent_before=False)
    assert opens_at is not None
    assert Calendar("Asia/Shanghai").shown(opens_at) == "2026-03-11 07:10 (Asia/Shanghai)"


def test_what_was_sent_before_is_asked_for_at_any_hour() -> None:
    midnight = Clock(NOON + timedelta(hours=12))
    assert waits_until(a_plan(), midnight, sent_before=True) is None
    assert waits_until(UNBOUND, midnight, sent_before=False) is None


def test_a_deduction_that_ended_never_begins_again() -> None:
    taken = Deduction("d", "a-1", "x", "m", "CNY", 1, NOON, NOON, state="succeeded")
    with pytest.raises(RuntimeError, match="due cannot follow"):
        taken.moved("due")


def test_an_id_of_a_use_stays_with_its_right() -> None:
    account = an_agreement(benefits=RIGHTS)
    used = use_right(account, "ride", "u-1", "member", a_clock(1))
    assert isinstance(used, Used)
    account = admit(account, used.accrual, a_clock(1), used.event).account
    other = use_right(account, "spa", "u-1", "member", a_clock(1))
    assert isinstance(other, Refusal)
    assert other.kind == "use_known"
    assert isinstance(use_right(account, "ride", "u-1", "merchant", a_clock(1)), Used)  # another one's id


def test_a_use_that_was_taken_back_needs_another_id() -> None:
    account = an_agreement(benefits=RIGHTS)
    for act in (use_right, take_back):
        used = act(account, "ride", "u-1", "member", a_clock(1))
        assert isinstance(used, Used)
        account = admit(account, used.accrual, a_clock(1), used.event).account
    again = use_right(account, "ride", "u-1", "member", a_clock(1))
    assert isinstance(again, Refusal)
    assert again.kind == "taken_back"


def test_a_use_that_nobody_made_is_not_taken_back() -> None:
    refusal = take_back(an_agreement(benefits=RIGHTS), "ride", "u-1", "member", a_clock(1))
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "no_use"


def test_an_agreement_that_was_never_signed_has_no_account() -> None:
    assert UnitOfWork({}, {}).account("a-1") is None


def test_an_entry_about_no_agreement_moves_the_line_for_all() -> None:
    account = an_agreement()
    work = a_unit_of_work(account)
    entry = hold(account.line, 900, "o-1", "a-1")
    assert entry
    work.apply(entry)
    found = work.account("a-1")
    assert found
    assert (found.line.held_minor, work.entries) == (900, [entry])


@pytest.mark.parametrize(("target_minor", "without_entry"), [(100_000, False), (50_000, True)])
def test_another_limit_is_seen_also_where_no_entry_records_it(target_minor: int, without_entry: bool) -> None:
    account = an_agreement()
    key, work = LineKey("m", "CNY"), a_unit_of_work(account)
    work.lines[key] = replace(account.line, target_minor=target_minor)
    assert work.was_retargeted(key) == without_entry
    assert work.as_locked(key).target_minor == target_minor
    line, entries = retargeted(account.line, 50_000)
    work.lines[key] = line
    for entry in entries:
        work.apply(entry)
    assert not work.was_retargeted(key)


def test_an_account_that_is_new_is_a_change_as_a_whole() -> None:
    account = having_bought(1)
    work = UnitOfWork({}, {account.line.key: opened("m", "CNY", 100_000).line})
    work.take(Outcome(account))
    changes = work.changes()
    assert changes.agreements == [account.agreement]
    assert (len(changes.accruals), len(changes.debts), changes.deductions) == (1, 1, [])
