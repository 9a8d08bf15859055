"""What an agreement comes to: fulfilled or not, charged or not, and what late events change."""

from dataclasses import replace

import pytest

from lutong_membership.agreements.domain.account import Account, Outcome, close
from lutong_membership.agreements.domain.agreement import IllegalMoveError
from lutong_membership.agreements.domain.collection import allocate, pay
from lutong_membership.agreements.domain.term import end_term, quit_early, quoted, settle
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import (
    a_clock,
    account,
    an_agreement,
    balanced,
    bought,
    emitted,
    ended,
    given_back,
    having_bought,
    kinds,
)


def test_three_orders_in_thirty_days_fulfil_and_nothing_is_charged() -> None:
    over = end_term(having_bought(3), a_clock(30))
    assert (over.account.agreement.state, emitted(over)) == ("fulfilled", ["AgreementFulfilled", "SettlementDue"])
    done = settle(over.account, a_clock(33))
    assert done.account.agreement.charge_minor == 0
    assert kinds(done) == ["benefit_forgiven"]
    assert done.account.agreement.state == "settling"  # the goods themselves are not paid yet


def test_two_orders_do_not_fulfil_and_what_was_enjoyed_is_charged() -> None:
    over = end_term(having_bought(2), a_clock(30))
    assert (over.account.agreement.state, emitted(over)) == ("unfulfilled", ["AgreementUnfulfilled", "SettlementDue"])
    done = settle(over.account, a_clock(33))
    assert emitted(done) == ["AgreementCharged", "GraceEnded"]
    assert (done.account.agreement.charge_minor, done.account.line.charged_minor) == (200, 200)


def test_a_deadline_that_comes_early_late_or_twice_finds_nothing_to_do() -> None:
    account = having_bought(1)
    assert end_term(account, a_clock(29.9)) == Outcome(account)
    assert settle(account, a_clock(40)) == Outcome(account)
    over = ended(account)
    assert end_term(over, a_clock(31)) == Outcome(over)
    assert settle(over, a_clock(32.9)) == Outcome(over)
    done = settle(over, a_clock(33)).account
    assert settle(done, a_clock(34)) == Outcome(done)


def test_an_obligation_may_be_an_amount() -> None:
    spent = {"obligation": {"kind": "amount", "amount_minor": 1_800}}
    assert ended(having_bought(2, **spent)).agreement.state == "fulfilled"
    assert ended(having_bought(1, **spent)).agreement.state == "unfulfilled"


def test_partial_refund_after_fulfilment_drops_the_member_below_the_obligation() -> None:
    fulfilled = ended(having_bought(2, obligation={"kind": "amount", "amount_minor": 1_800}))
    assert fulfilled.agreement.state == "fulfilled"
    back = given_back(fulfilled, "o-1", 300, days=31)
    assert (back.account.agreement.state, emitted(back)) == ("unfulfilled", ["RefundBooked", "AgreementUnfulfilled"])
    assert quoted(back.account).charge_minor == 166  # 200 enjoyed, of which a third of one order is not any more

    bought_late = bought(back.account, "o-9", days=29)  # happened in the term, heard of later
    assert bought_late.account.agreement.state == "fulfilled"


def test_late_arriving_purchase_before_the_settlement_counts_by_when_it_happened() -> None:
    over = ended(having_bought(2))
    late = bought(over, "o-late", days=29.9)
    assert (over.agreement.state, late.account.agreement.state) == ("unfulfilled", "fulfilled")
    outside = bought(over, "o-after", days=30)
    assert outside.account.agreement.state == "unfulfilled"
    assert outside.account.accruals["order:o-after"].effect == "outside"


def test_late_arriving_purchase_after_the_settlement_is_credited_back() -> None:
    done = settle(ended(having_bought(2)), a_clock(33)).account
    late = bought(done, "o-late", days=29)
    assert "ChargeCredited" in emitted(late)
    assert (late.account.agreement.charge_minor, late.account.line.charged_minor) == (0, 0)
    assert late.account.accruals["order:o-late"].effect == "credited"


def paid(account: Account, *, days: float = 34) -> Account:
    """With everything paid that is owed."""
    for number, part in enumerate(allocate([account], 10**9)):
        account = pay(account, part, f"p-{number}", a_clock(days)).account
    return account


def test_a_paid_charge_that_is_lowered_is_owed_to_the_member() -> None:
    done = paid(settle(ended(having_bought(2)), a_clock(33)).account)
    assert done.agreement.state == "settled"
    late = given_back(done, "o-0", 900, days=35)
    assert late.account.agreement.charge_minor == 100
    assert late.account.line.credit_minor == 900 + 100
    assert kinds(late).count("charge_owed") == 1


def test_a_late_refund_never_charges_more() -> None:
    done = settle(ended(having_bought(3)), a_clock(33)).account
    late = given_back(done, "o-0", 900, days=35)
    assert late.account.agreement.charge_minor == 0
    assert late.account.accruals["refund:shop:r-1"].effect == "late"
    assert "AgreementUnfulfilled" not in emitted(late)


def test_after_the_grace_a_late_event_is_written_down_and_changes_nothing() -> None:
    done = settle(ended(having_bought(2)), a_clock(33)).account
    late = bought(done, "o-late", days=29)
    too_late = bought(done, "o-late", days=40)
    assert late.account.agreement.charge_minor == 0
    assert too_late.account.accruals["order:o-late"].effect == "outside"
    consumed_too_late = given_back(done, "o-0", 900, days=40)
    assert consumed_too_late.account.agreement.charge_minor == 200
    assert consumed_too_late.account.accruals["refund:shop:r-1"].effect == "late"


def test_quit_on_the_last_day_settles_by_what_was_reached() -> None:
    fulfilled, short = (quit_early(having_bought(times), a_clock(29.99)) for times in (3, 2))
    assert isinstance(fulfilled, Outcome)
    assert isinstance(short, Outcome)
    assert emitted(short) == ["AgreementQuit", "SettlementDue"]
    assert (quoted(fulfilled.account).charge_minor, quoted(short.account).charge_minor) == (0, 200)
    assert settle(short.account, a_clock(33)).account.agreement.charge_minor == 200


def test_quit_after_the_last_moment_is_refused_before_the_deadlines_event() -> None:
    assert isinstance(quit_early(having_bought(2), a_clock(30)), Refusal)
    assert isinstance(quit_early(ended(having_bought(2)), a_clock(31)), Refusal)


def test_leaving_within_the_cooling_off_days_costs_nothing_and_later_it_does() -> None:
    plan = {"quitting": {"allowed": True, "cooling_off_days": 3}}
    early, late = (quit_early(having_bought(1, **plan), a_clock(days)) for days in (2.9, 3))
    assert isinstance(early, Outcome)
    assert isinstance(late, Outcome)
    assert (quoted(early.account).charge_minor, quoted(late.account).charge_minor) == (0, 100)


def test_a_plan_may_be_kept_until_its_end() -> None:
    refused = quit_early(having_bought(1, quitting={"allowed": False}), a_clock(5))
    assert isinstance(refused, Refusal)
    assert refused.kind == "no_quitting"


def test_what_happens_after_quitting_does_not_count() -> None:
    left = quit_early(having_bought(2), a_clock(10))
    assert isinstance(left, Outcome)
    after, before = (bought(left.account, "o-9", days=days).account for days in (11, 9))
    assert (quoted(after).charge_minor, quoted(before).charge_minor) == (200, 0)


def test_what_was_enjoyed_is_accrued_until_charged_or_forgiven() -> None:
    first = bought(an_agreement(), "o-1")
    second = bought(first.account, "o-2")
    over = end_term(second.account, a_clock(30))
    done = settle(over.account, a_clock(33))
    late = given_back(done.account, "o-1", 900, days=34)
    outcomes = [first, second, over, done, late]
    assert account(outcomes[:2], "benefit:a-1") == 200
    assert account(outcomes, "benefit:a-1") == 0
    assert account(outcomes, "charged:m") == 100
    assert account(outcomes, "merchant:shop:benefits") == -100  # what the merchant is to have back of what it gave
    assert all(balanced(outcome) for outcome in outcomes)


def test_closed_once_settled_and_without_an_order_under_way() -> None:
    done = paid(settle(ended(having_bought(2)), a_clock(33)).account)
    assert close(done, a_clock(39.9)).account.agreement.state == "settled"
    assert close(replace(done, open_holds=1), a_clock(40)).account.agreement.state == "settled"
    assert close(done, a_clock(40)).account.agreement.state == "closed"


def test_goods_that_come_after_everything_else_are_collected_all_the_same() -> None:
    done = close(paid(settle(ended(having_bought(2)), a_clock(33)).account), a_clock(40)).account
    late = bought(done, "o-last", days=41)
    assert (late.account.agreement.state, late.account.line.owed_minor) == ("settling", 900)
    assert paid(late.account, days=42).agreement.state == "closed"


def test_a_state_that_cannot_follow_is_a_bug() -> None:
    with pytest.raises(IllegalMoveError):
        an_agreement().agreement.moved("settled")
