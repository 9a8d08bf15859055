"""Repayments: what may be asked for, who may confirm it, and what becomes of the money that came."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lutong_membership.agreements.domain.collection import allocate, pay
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.repayments.domain import (
    ACCOUNT,
    OPEN,
    REPAYMENT_LIFE,
    ClaimRepayment,
    ConfirmRepayment,
    Ended,
    Evidence,
    RecordRepayment,
    RejectRepayment,
    Repayment,
    RepaymentState,
    claim,
    confirm,
    received,
    reject,
    reject_by_operator,
    same_again,
    surplus,
)
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import NOON, a_clock, balanced, given_back, having_bought, kinds

RECEIPT = Evidence("provider", "receipt-1", 900, "CNY")
STATEMENT = Evidence("bank", "line-1", 900, "CNY", bank="icbc")


def a_repayment(**changes: Any) -> Repayment:
    """The member asked at noon to pay 9 yuan within a week."""
    return replace(Repayment("r-1", "m", "CNY", 900, "m", NOON + timedelta(days=7)), **changes)


def kind_of(outcome: object) -> str:
    """The word of a refusal, or that there is none."""
    return outcome.kind if isinstance(outcome, Refusal) else "done"


def done(outcome: Refusal | Ended) -> Ended:
    assert isinstance(outcome, Ended), outcome
    return outcome


def test_a_claim_is_published_with_the_deadline_of_its_evidence() -> None:
    wanted = ClaimRepayment("m", 900, "CNY")
    repayment = a_repayment(amount_minor=wanted.amount_minor)
    outcome = claim(repayment, payable_minor=900, claimed_minor=0)
    assert not isinstance(outcome, Refusal)
    asked, lapse = outcome
    assert (type(asked.event).__name__, asked.due_at) == ("RepaymentClaimed", None)
    assert (type(lapse.event).__name__, lapse.due_at) == ("RepaymentLapsed", repayment.expires_at)


@pytest.mark.parametrize(
    ("payable_minor", "claimed_minor", "detail"),
    [
        (899, 0, "899 minor units can be repaid now: ask to pay at most that"),
        (1_000, 200, "800 minor units can be repaid now: ask to pay at most that; 200 are asked for already"),
        (100, 200, "0 minor units can be repaid now: ask to pay at most that; 200 are asked for already"),
    ],
)
def test_nobody_asks_to_pay_more_than_is_open(payable_minor: int, claimed_minor: int, detail: str) -> None:
    assert claim(a_repayment(), payable_minor, claimed_minor) == Refusal("not_owed", detail)


def test_another_operator_confirms_with_a_line_of_a_statement() -> None:
    command = ConfirmRepayment("r-1", STATEMENT)
    repayment, emitted = done(confirm(a_repayment(), command.evidence, "ops", NOON))
    assert (repayment.state, repayment.evidence, repayment.bank) == ("confirmed", "bank", "icbc")
    assert (repayment.reference, repayment.decided_by) == ("line-1", "ops")
    assert [type(each.event).__name__ for each in emitted] == ["RepaymentConfirmed"]


@pytest.mark.parametrize(
    ("changes", "by", "kind"),
    [
        ({}, "m", "own_business"),
        ({"claimed_by": "ops"}, "ops", "own_business"),
        ({"state": "sent"}, "ops", "provider_asked"),
        ({"state": "unknown"}, "ops", "provider_asked"),
        ({"state": "confirmed"}, "ops", "repayment_closed"),
        ({"state": "rejected"}, "ops", "repayment_closed"),
        ({"expires_at": NOON}, "ops", "claim_expired"),
    ],
)
def test_a_statement_does_not_confirm_what_it_may_not(changes: dict[str, Any], by: str, kind: str) -> None:
    assert kind_of(confirm(a_repayment(**changes), STATEMENT, by, NOON)) == kind


@pytest.mark.parametrize("state", ["claimed", "sent", "unknown"])
def test_a_receipt_of_the_provider_confirms_also_an_expired_claim(state: RepaymentState) -> None:
    repayment = a_repayment(state=state, expires_at=NOON)
    assert done(confirm(repayment, RECEIPT, "provider", NOON)).repayment.state == "confirmed"


@pytest.mark.parametrize("evidence", [STATEMENT._replace(amount_minor=899), STATEMENT._replace(currency="JPY")])
def test_evidence_of_another_amount_confirms_nothing(evidence: Evidence) -> None:
    assert kind_of(confirm(a_repayment(), evidence, "ops", NOON)) == "another_amount"


def test_money_that_nobody_announced_is_written_down_by_another() -> None:
    command = RecordRepayment("m", STATEMENT)
    fresh = a_repayment(claimed_by="ops")
    assert command.line_key == fresh.line_key == LineKey("m", "CNY")
    assert done(received(fresh, STATEMENT, "ops")).repayment.state == "confirmed"
    assert kind_of(received(fresh, STATEMENT, "m")) == "own_business"


def test_an_operator_rejects_only_what_the_provider_was_not_asked() -> None:
    repayment, emitted = done(reject_by_operator(a_repayment(), "ops"))
    assert (repayment.state, repayment.reason, repayment.decided_by) == ("rejected", "rejected_by_operator", "ops")
    assert [type(each.event).__name__ for each in emitted] == ["RepaymentRejected"]
    assert kind_of(reject_by_operator(a_repayment(state="sent"), "ops")) == "provider_asked"


def test_what_has_ended_is_not_rejected_again() -> None:
    command = RejectRepayment("r-1", "nothing_came")
    assert done(reject(a_repayment(state="unknown"), command.reason, "provider")).repayment.reason == "nothing_came"
    assert kind_of(reject(a_repayment(state="confirmed"), command.reason, "provider")) == "repayment_closed"


@pytest.mark.parametrize("state", ["confirmed", "rejected"])
def test_an_ended_repayment_moves_no_more(state: RepaymentState) -> None:
    assert state not in OPEN
    assert REPAYMENT_LIFE[state] == ()
    with pytest.raises(RuntimeError, match="cannot follow"):
        a_repayment(state=state).moved("claimed")


def test_a_reference_pays_once_and_the_same_again_is_the_same() -> None:
    known = done(confirm(a_repayment(), STATEMENT, "ops", NOON)).repayment
    assert same_again(known, "m", STATEMENT) == known
    assert same_again(known, "m", STATEMENT, "r-1") == known


def test_a_reference_that_pays_another_thing_is_refused_by_name() -> None:
    other = same_again(a_repayment(), "n", STATEMENT._replace(amount_minor=1), "r-2")
    assert isinstance(other, Refusal)
    assert (other.kind, other.facts) == (
        "reference_known",
        {"differs": ["repayment_id", "member_id", "amount_minor"]},
    )


@pytest.mark.parametrize("evidence", [RECEIPT, STATEMENT])
def test_what_came_beyond_the_debts_is_the_members_credit(evidence: Evidence) -> None:
    came = a_repayment(amount_minor=1_000, evidence=evidence.witness)
    entry = surplus(came, allocate([having_bought(1)], came.amount_minor))
    assert entry
    assert (entry.kind, entry.reference) == ("overpayment", "r-1")
    assert dict(entry.postings) == {f"platform:{ACCOUNT[evidence.witness]}": 100, "credit:m": -100}


def test_nothing_is_left_over_of_an_exact_or_unproved_repayment() -> None:
    exact = a_repayment(evidence="bank")
    assert surplus(exact, allocate([having_bought(1)], 900)) is None
    assert surplus(a_repayment(evidence="before"), []) is None
    assert surplus(a_repayment(), []) is None


def test_a_refund_of_paid_goods_pays_the_next_debt_first() -> None:
    (part,) = allocate([having_bought(2)], 900)
    account = pay(having_bought(2), part, "p-1", a_clock(2)).account
    outcome = given_back(account, part.debt.debt_id.removeprefix("order:"), 900, days=3)
    assert {"refund_owed", "offset"} <= set(kinds(outcome))
    assert (outcome.account.owes, outcome.account.line.credit_minor) == (False, 0)
    assert balanced(outcome)
