"""Orders that nobody picks up: what is kept of them, and what members read of it before and afterwards."""

from dataclasses import replace
from typing import Any, Final, get_args

import pytest
from pydantic import ValidationError

from lutong_membership.agreements.domain.sentences import ENTRIES, debt_name
from lutong_membership.agreements.domain.term import quoted
from lutong_membership.holds.domain.holds import fee_of, keep_fee
from lutong_membership.ledger.domain.entries import DebtKind, EntryKind, after, hold
from lutong_membership.plans.domain.entity import PlanState, plan_event
from lutong_membership.plans.domain.sentences import rules
from lutong_membership.plans.domain.terms import TERMS
from tests.unit.membership.a_membership import a_clock, a_hold, a_plan, an_agreement

KEEP: Final[dict[str, Any]] = {"no_show": "keep", "no_show_fee_minor": 300}


@pytest.mark.parametrize(
    ("terms", "amount_minor", "state", "fee_minor"),
    [({}, 900, "held", 0), (KEEP, 900, "held", 300), (KEEP, 200, "held", 200), (KEEP, 900, "expired", 0)],
    ids=["released", "kept", "never more than the order", "a hold that expired keeps nothing"],
)
def test_what_is_kept_is_what_was_signed(terms: dict[str, Any], amount_minor: int, state: str, fee_minor: int) -> None:
    assert fee_of(a_hold("o", amount_minor, state=state), a_plan(**terms).terms) == fee_minor


def test_a_fee_is_owed_the_rest_is_free_and_nothing_counts() -> None:
    account = an_agreement(**KEEP)
    entry = hold(account.line, 900, "o", "a-1")
    assert entry is not None
    outcome = keep_fee(replace(account, line=after(account.line, entry)), a_hold("o", 900), a_clock(1))
    line = outcome.account.line
    assert (line.held_minor, line.owed_minor, line.available_minor) == (0, 300, 99_700)
    assert [each.kind for each in outcome.entries] == ["no_show_fee", "release"]
    assert all(sum(amount for _, amount in each.postings) == 0 for each in outcome.entries)
    assert ("merchant:shop:payable", -300) in outcome.entries[0].postings
    assert {key: debt.outstanding_minor for key, debt in outcome.account.debts.items()} == {"fee:o": 300}
    assert (quoted(outcome.account).progress.times, outcome.account.accruals) == (0, {})


@pytest.mark.parametrize("terms", [{"no_show": "keep"}, {"no_show_fee_minor": 300}], ids=["no fee", "no rule"])
def test_a_rule_without_its_fee_is_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no_show is keep with a no_show_fee_minor of 1 or more"):
        TERMS.validate_python(terms)


def test_terms_that_keep_nothing_are_written_as_before() -> None:
    assert "no_show" not in TERMS.dump_python(a_plan().terms)
    assert TERMS.validate_json(TERMS.dump_json(a_plan(**KEEP).terms)) == a_plan(**KEEP).terms


def test_members_read_what_it_costs_in_both_languages() -> None:
    assert "costs 3.00 CNY" in rules(a_plan(**KEEP))[-1].en
    assert "收取 3.00 CNY" in rules(a_plan(**KEEP))[-1].zh
    assert "costs nothing" in rules(a_plan())[-1].en
    assert "50.00 CNY at most" in rules(a_plan())[0].en


def test_others_may_know_the_fee_of_a_plan() -> None:
    fees = [
        plan_event(PlanState(plan, "轻会员", open=True, revision=1)).no_show_fee for plan in (a_plan(**KEEP), a_plan())
    ]
    assert [fee and fee.amount_minor for fee in fees] == [300, None]


def test_everything_that_is_owed_or_booked_has_a_name() -> None:
    assert set(ENTRIES) == set(get_args(EntryKind))
    names = [debt_name("x:o", kind) for kind in get_args(DebtKind)]
    assert len({debt_name("fee:o", "order"), *names}) == len(names) + 1
