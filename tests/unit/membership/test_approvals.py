"""What one person decides alone: sums over a period, per currency; what two decide, and who they may not be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lutong_chassis.settings import SettingsError, read
from lutong_membership.agreements.domain.approvals import Adjustment, Proposal, Spent, decided, decides_alone, weight
from lutong_membership.settings import MembershipSettings
from lutong_membership.thresholds import Policy
from lutong_membership.values import Refusal

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
POLICY = Policy(
    gifts={"CNY": 10_000, "JPY": 2_000, "KWD": 4_000},
    gifts_of_operator={"CNY": 15_000, "JPY": 9_000, "KWD": 9_000},
    raises={"CNY": 50_000},
    raises_of_operator={"CNY": 90_000},
    line_max={"CNY": 200_000},
)
PAYOUT = Adjustment("w-1", "payout", "m-1", "CNY", 1, "why")
LINE = Adjustment("w-2", "line", "m-1", "CNY", 120_000, "why")
PROPOSAL = Proposal(PAYOUT, "ops-1", NOW + timedelta(days=7))


@pytest.mark.parametrize(
    ("currency", "amount_minor", "alone"),
    [
        ("CNY", 10_000, True), ("CNY", 10_001, False), ("JPY", 2_000, True), ("JPY", 2_001, False), ("KWD", 4_000, True),
        ("KWD", 4_001, False), ("EUR", 1, False),
    ],
)  # fmt: skip
def test_each_currency_has_its_own_threshold_and_none_means_two_people(
    currency: str,
    amount_minor: int,
    alone: bool,  # a column of the table above
) -> None:
    assert decides_alone(POLICY, replace(PAYOUT, currency=currency), amount_minor, Spent()) is alone


@pytest.mark.parametrize(
    ("spent", "alone"), [(Spent(9_999, 9_999), True), (Spent(10_000, 0), False), (Spent(0, 15_000), False)]
)
def test_what_was_decided_before_counts(spent: Spent, alone: bool) -> None:  # a column of the table
    assert decides_alone(POLICY, PAYOUT, 1, spent) is alone


@pytest.mark.parametrize(("target_minor", "alone"), [(120_000, True), (70_000, True), (69_999, False), (500_000, True)])
def test_only_raising_a_line_counts(target_minor: int, alone: bool) -> None:  # a column of the table
    assert decides_alone(POLICY, LINE, weight(LINE, target_minor), Spent()) is alone


def test_a_line_above_the_largest_needs_two_people() -> None:
    assert not decides_alone(POLICY, replace(LINE, amount_minor=200_001), 1, Spent())


@pytest.mark.parametrize(
    ("proposal", "who", "kind"),
    [
        (PROPOSAL, "ops-1", "own_proposal"),
        (PROPOSAL, "m-1", "own_business"),
        (PROPOSAL, "shop", "own_business"),
        (replace(PROPOSAL, expires_at=NOW), "ops-2", "proposal_expired"),
        (replace(PROPOSAL, state="approved", decided_by="ops-3"), "ops-2", "proposal_closed"),
        (replace(PROPOSAL, state="rejected", decided_by="ops-2"), "ops-2", "proposal_closed"),
    ],
)
def test_who_may_not_approve_is_given_the_reason(proposal: Proposal, who: str, kind: str) -> None:
    outcome = decided(proposal, "approved", who, NOW, frozenset({"m-1", "shop"}))
    assert isinstance(outcome, Refusal)
    assert outcome.kind == kind


def test_another_operator_approves_once_and_twice_is_the_same() -> None:
    assert decided(PROPOSAL, "approved", "ops-2", NOW, frozenset({"m-1"})) == "now"
    again = replace(PROPOSAL, state="approved", decided_by="ops-2", expires_at=NOW)
    assert decided(again, "approved", "ops-2", NOW, frozenset({"m-1"})) == "before"


def test_a_threshold_without_a_currency_is_refused_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTONG_FOUR_EYES_ABOVE_MINOR", "500")
    with pytest.raises(SettingsError, match="LUTONG_FOUR_EYES_ABOVE=CNY=500"):
        read(MembershipSettings)
