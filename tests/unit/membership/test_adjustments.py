"""What operators do about a member's money: pay out, waive, write off; and why they may not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.adjustments import adjust, amount_of, pay_out
from lutong_membership.agreements.domain.approvals import (
    GIFTS,
    Adjustment,
    Proposal,
    counted_with,
    decided,
    why_not_as_proposed,
)
from lutong_membership.agreements.domain.direct_debit import Deduction
from lutong_membership.agreements.domain.term import settle
from lutong_membership.ledger.domain.entries import Entry
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import (
    NOON,
    a_clock,
    a_line,
    an_agreement,
    emitted,
    ended,
    having_bought,
    kinds,
)

PAYOUT = Adjustment("w-1", "payout", "m", "CNY", 500, "they asked for it")
WAIVER = Adjustment("w-2", "waiver", "m", "CNY", 100, "goodwill", "a-1")
WRITE_OFF = Adjustment("w-3", "write_off", "m", "CNY", 0, "nothing comes", "a-1")
LATER = datetime(2026, 4, 13, 4, tzinfo=UTC)


def charged() -> Account:
    """Two purchases unpaid, and 2 yuan charged for what was enjoyed: 20 yuan in three debts."""
    return settle(ended(having_bought(2)), a_clock(33)).account


def taken(account: Account, debt_id: str) -> Account:
    """With a deduction of a debt that was sent to the provider."""
    debt = account.debts[debt_id]
    sent = Deduction("a-1.1", "a-1", debt_id, "m", "CNY", debt.outstanding_minor, LATER, LATER, state="sent")
    return replace(account, deductions={"a-1.1": sent})


def kind_of(outcome: Outcome | Entry | Refusal) -> str:
    return outcome.kind if isinstance(outcome, Refusal) else "done"


def done(outcome: Outcome | Refusal) -> Outcome:
    assert isinstance(outcome, Outcome), outcome
    return outcome


def test_a_payout_takes_from_what_is_owed_to_the_member() -> None:
    entry = pay_out(PAYOUT, a_line(credit_minor=500), deduction_under_way=False)
    assert isinstance(entry, Entry)
    assert (entry.kind, entry.reference) == ("payout", "w-1")
    assert dict(entry.postings) == {"credit:m": 500, "platform:cash": -500}


@pytest.mark.parametrize(
    ("credit_minor", "deduction_under_way", "kind"),
    [(499, False, "not_owed"), (0, True, "not_owed"), (500, True, "deduction_under_way")],
)
def test_a_payout_waits_for_credit_and_for_deductions(credit_minor: int, deduction_under_way: bool, kind: str) -> None:
    line = a_line(credit_minor=credit_minor)
    assert kind_of(pay_out(PAYOUT, line, deduction_under_way=deduction_under_way)) == kind


def test_a_waiver_lowers_one_debt_and_is_published() -> None:
    account = charged()
    debt = account.payable()[0]
    outcome = done(adjust(account, replace(WAIVER, debt_id=debt.debt_id), a_clock(34)))
    assert outcome.account.debts[debt.debt_id].outstanding_minor == debt.outstanding_minor - 100
    assert outcome.account.payable_minor == account.payable_minor - 100
    assert (kinds(outcome)[0], "DebtWaived" in emitted(outcome)) == ("waiver", True)


@pytest.mark.parametrize("changes", [{"debt_id": "nothing"}, {"amount_minor": 901}])
def test_no_more_is_waived_than_is_open(changes: dict[str, Any]) -> None:
    account = charged()
    wanted = replace(WAIVER, **{"debt_id": account.payable()[0].debt_id, **changes})
    assert kind_of(adjust(account, wanted, a_clock(34))) == "not_owed"


def test_what_is_perhaps_being_deducted_is_not_waived() -> None:
    account = charged()
    debt_id = account.payable()[0].debt_id
    assert kind_of(adjust(taken(account, debt_id), replace(WAIVER, debt_id=debt_id), a_clock(34))) == "not_owed"


def test_a_write_off_ends_all_debts_as_a_loss() -> None:
    account = charged()
    assert account.payable_minor == amount_of(account, WRITE_OFF) == 2_000
    outcome = done(adjust(account, WRITE_OFF, a_clock(34)))
    assert not outcome.account.owes
    assert outcome.account.agreement.state == "written_off"
    assert kinds(outcome).count("write_off") == 3
    assert (outcome.account.line.target_minor, outcome.account.line.available_minor) == (0, 0)


def test_only_debts_that_are_free_and_open_are_written_off() -> None:
    account = charged()
    assert (
        kind_of(adjust(taken(account, account.payable()[0].debt_id), WRITE_OFF, a_clock(34))) == "deduction_under_way"
    )
    assert kind_of(adjust(an_agreement(), WRITE_OFF, a_clock(1))) == "nothing_owed"
    again = done(adjust(account, WRITE_OFF, a_clock(34))).account
    assert kind_of(adjust(again, WRITE_OFF, a_clock(35))) == "nothing_owed"


def test_a_waiver_comes_to_what_was_asked_for() -> None:
    assert amount_of(charged(), WAIVER) == 100


def test_gifts_are_counted_together_and_lines_alone() -> None:
    assert counted_with("line") == ("line",)
    assert {counted_with(kind) for kind in GIFTS} == {GIFTS}


def test_a_proposal_that_comes_to_more_is_proposed_anew() -> None:
    assert why_not_as_proposed(PAYOUT, 500) is None
    assert why_not_as_proposed(PAYOUT, 499) is None
    refusal = why_not_as_proposed(PAYOUT, 501)
    assert refusal is not None
    assert (refusal.kind, refusal.facts) == ("amount_changed", {"amount_minor": 501})


def test_a_proposal_that_expired_by_itself_is_never_decided() -> None:
    proposal = Proposal(PAYOUT, "ops-1", NOON + timedelta(days=7), state="expired")
    outcome = decided(proposal, "rejected", "ops-2", NOON, frozenset())
    assert isinstance(outcome, Refusal)
    assert outcome.kind == "proposal_expired"
