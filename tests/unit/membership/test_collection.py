"""How debts are collected: the ladder, notices and deductions, repayments, waivers, writing off. Told as stories."""

from dataclasses import replace
from typing import Any

import pytest

from lutong_membership.agreements.domain.account import Account, Outcome, advance_dunning, incur_debt, step_at
from lutong_membership.agreements.domain.collection import (
    Part,
    allocate,
    pay,
    record_deduction,
    release_deduction,
    retry_deduction,
    waive,
)
from lutong_membership.agreements.domain.direct_debit import Deduction, postponed
from lutong_membership.agreements.domain.term import end_term, settle, write_off
from tests.unit.membership.a_membership import NOON, a_clock, a_unit_of_work, an_agreement, bought, emitted, kinds


def owing(*days: float, **terms: Any) -> Account:
    """An agreement with an order of 9 yuan on each of these days; each is to be paid within fifteen."""
    account = an_agreement(**terms)
    for number, day in enumerate(days):
        account = bought(account, f"o-{number}", days=day).account
    return account


def looked_at(account: Account, day: float) -> Outcome:
    """The ladder, looked at on a day, as often as it wants to be by then."""
    outcome = Outcome(account)
    while (due := outcome.account.agreement.step_due_at) and due <= a_clock(day).now:
        outcome += advance_dunning(outcome.account, a_clock(day))
    return outcome


def steps(outcome: Outcome) -> list[str]:
    return [each.event.step for each in outcome.emitted if hasattr(each.event, "step")]


def paying(account: Account, amount_minor: int, day: float) -> Outcome:
    outcome = Outcome(account)
    for number, part in enumerate(allocate([account], amount_minor)):
        outcome += pay(outcome.account, part, f"p-{day}-{number}", a_clock(day))
    return outcome


def test_dunning_of_an_unpaid_order_advances_to_a_defined_end() -> None:
    account = owing(1)  # due on day 16
    assert account.agreement.step_due_at == a_clock(17).now
    seen = []
    for day in (16.9, 17, 22.9, 23, 45.9, 46, 105.9, 106, 400):
        outcome = looked_at(account, day)
        account = outcome.account
        seen.append((day, account.agreement.step))
    assert seen == [
        (16.9, "none"), (17, "reminded"), (22.9, "reminded"), (23, "blocked"), (45.9, "blocked"), (46, "suspended"),
        (105.9, "suspended"), (106, "proposed"), (400, "proposed"),
    ]  # fmt: skip
    assert account.agreement.step_due_at is None


def test_dunning_that_was_not_advanced_for_long_skips_no_step() -> None:
    assert steps(looked_at(owing(1), 200)) == ["reminded", "blocked", "suspended", "proposed"]


def test_when_the_oldest_debt_is_paid_dunning_follows_the_next_one() -> None:
    account = looked_at(owing(1, 20), 47).account  # due on days 16 and 35
    assert account.agreement.step == "suspended"
    lighter = paying(account, 900, 47)
    assert (lighter.account.agreement.step, steps(lighter)) == ("blocked", ["blocked"])
    assert [d.debt_id for d in lighter.account.debts.values() if d.outstanding_minor] == ["order:o-1"]

    later = looked_at(lighter.account, 64.9)
    assert later.account.agreement.step == "blocked"
    assert looked_at(later.account, 65).account.agreement.step == "suspended"  # thirty days after day 35


def test_a_step_that_was_taken_back_comes_again_in_time() -> None:
    account = looked_at(owing(1, 31), 46).account  # suspended; the next debt is due on day 46
    lighter = paying(account, 900, 46.5).account
    assert lighter.agreement.step == "none"
    assert lighter.agreement.step_due_at == a_clock(47).now
    assert looked_at(lighter, 47).account.agreement.step == "reminded"


def test_a_member_who_pays_everything_is_free_at_once() -> None:
    account = looked_at(owing(1, 2), 50).account
    free = paying(account, 1_800, 50)
    assert (free.account.agreement.step, steps(free)[-1]) == ("none", "none")
    assert looked_at(free.account, 500).account == replace(
        free.account, agreement=looked_at(free.account, 500).account.agreement
    )


def test_a_debt_without_a_day_of_payment_is_never_overdue() -> None:
    account = owing(1, payment={})
    assert account.agreement.step_due_at is None
    assert looked_at(account, 3_000).account.agreement.step == "none"


def test_repayments_go_to_the_oldest_debt_of_a_member_first() -> None:
    first = owing(2)
    second = an_agreement()
    second = bought(replace(second, agreement=replace(second.agreement, agreement_id="a-2")), "x-1", days=1).account
    parts = allocate([first, second], 1_000)
    assert [(debt.agreement_id, debt.debt_id, amount) for debt, amount in parts] == [
        ("a-2", "order:x-1", 900), ("a-1", "order:o-0", 100),
    ]  # fmt: skip


def test_two_agreements_of_one_member_share_one_line() -> None:
    first, second = owing(1), an_agreement()
    second = replace(second, agreement=replace(second.agreement, agreement_id="a-2"), line=first.line)
    work = a_unit_of_work(first, second)
    work.take(pay(first, Part(first.debts["order:o-0"], 400), "p-1", a_clock(3)))
    found = work.account("a-2")
    assert found is not None
    assert (found.line.owed_minor, work.as_locked(first.line.key).owed_minor) == (500, 900)
    assert [debt.outstanding_minor for debt in work.changes().debts] == [500]


def charged(**changes: Any) -> Account:
    """An agreement that failed: 2 yuan to be deducted, and the goods paid already."""
    account = paying(owing(1, 2), 1_800, 20).account
    over = end_term(replace(account, deducts=True, **changes), a_clock(30)).account
    return settle(over, a_clock(33)).account


def the_deduction(account: Account) -> Deduction:
    return list(account.deductions.values())[-1]


def test_a_charge_is_notified_and_taken_only_after_the_notice() -> None:
    account = charged()
    deduction = the_deduction(account)
    assert (deduction.amount_minor, deduction.state, deduction.not_before) == (200, "notified", a_clock(35).now)
    key = deduction.deduction_id
    assert release_deduction(account, key, a_clock(34.9)).account == account
    assert the_deduction(release_deduction(account, key, a_clock(35)).account).state == "due"


def test_no_deduction_begins_outside_its_window() -> None:
    plan = an_agreement().plan
    assert plan.terms.withholding
    window, calendar = plan.terms.withholding.window, a_clock().calendar(plan)
    noon, night = NOON, NOON.replace(hour=15)  # 23:00 in Shanghai
    almost = NOON.replace(hour=13, minute=49)  # 21:49
    assert postponed(noon, window, calendar) is None
    for moment in (night, almost):
        assert postponed(moment, window, calendar) == NOON.replace(day=10, hour=23, minute=10)  # 07:10 the next day


def going(account: Account, *states: Any) -> Account:
    deduction = the_deduction(account)
    for state in states:
        deduction = deduction.moved(state)
    return replace(account, deductions={**account.deductions, deduction.deduction_id: deduction})


def test_what_was_taken_pays_the_charge_once() -> None:
    account = going(charged(), "due", "sent", "unknown", "taken")
    done = record_deduction(account, the_deduction(account).deduction_id, a_clock(36))
    assert kinds(done) == ["deduction"]
    assert (done.account.agreement.state, done.account.line.charged_minor) == ("settled", 0)
    with pytest.raises(RuntimeError, match="cannot follow"):
        record_deduction(done.account, the_deduction(done.account).deduction_id, a_clock(36))


def test_a_partial_repayment_voids_the_notice_and_renews_it() -> None:
    lighter = paying(charged(), 150, 34).account
    first, second = lighter.deductions.values()
    assert (first.state, second.state, second.amount_minor) == ("void", "notified", 50)
    assert second.not_before == a_clock(36).now


@pytest.mark.parametrize("state", ["sent", "unknown", "taken"])
def test_a_charge_that_is_perhaps_being_deducted_cannot_be_paid_otherwise(state: str) -> None:
    way = {"sent": ["due", "sent"], "unknown": ["due", "sent", "unknown"], "taken": ["due", "sent", "taken"]}
    account = going(charged(), *way[state])
    assert account.payable() == []
    assert paying(account, 200, 36).entries == ()


def test_a_deduction_that_failed_three_times_is_left_to_dunning() -> None:
    account = charged()
    for attempt in (1, 2, 3):
        assert the_deduction(account).attempt == attempt
        account = going(account, "due", "sent", "failed")
        account = retry_deduction(account, the_deduction(account).deduction_id, a_clock(36 + attempt)).account
    assert [d.state for d in account.deductions.values()] == ["failed"] * 3
    assert looked_at(account, 36).account.agreement.state == "overdue"


def test_a_charge_that_is_not_deducted_is_due_all_the_same() -> None:
    account = paying(owing(1, 2), 1_800, 20).account
    done = settle(end_term(account, a_clock(30)).account, a_clock(33))
    assert "DeductionNotified" not in emitted(done)
    assert done.account.debts["charge:a-1"].due_at == a_clock(35).now
    recovered = paying(looked_at(done.account, 37).account, 200, 37)
    assert (recovered.account.agreement.state, emitted(recovered)[-1]) == ("recovered", "AgreementSettled")


def test_an_operator_may_let_a_member_off() -> None:
    account = charged()
    let_off = waive(account, account.debts["charge:a-1"], 200, "w-1", a_clock(34))
    assert (emitted(let_off)[0], kinds(let_off)) == ("DebtWaived", ["waiver"])
    assert let_off.account.agreement.state == "settled"
    assert the_deduction(let_off.account).state == "void"


def test_a_write_off_is_a_loss_and_ends_the_members_credit() -> None:
    account = looked_at(owing(1, 2), 110).account
    gone = write_off(account, "w-1", a_clock(110))
    assert (gone.account.agreement.state, emitted(gone)) == ("closed", ["AgreementWrittenOff", "AgreementClosed"])
    line = gone.account.line
    assert (line.owed_minor, line.limit_minor, line.target_minor) == (0, 0, 0)
    assert kinds(gone).count("write_off") == 2


def test_what_is_written_off_is_not_deducted_any_more() -> None:
    """Found by the model: a notice that nobody took back took money for a debt that was given up."""
    gone = write_off(charged(), "w-1", a_clock(34)).account
    assert the_deduction(gone).state == "void"
    assert release_deduction(gone, the_deduction(gone).deduction_id, a_clock(36)).account == gone


def test_dunning_is_a_function_of_the_oldest_debt_and_the_day() -> None:
    plan = an_agreement().plan
    reached = [
        step_at(plan.terms.payment, NOON, a_clock(day).now, a_clock().calendar(plan)) for day in (0, 1, 7, 30, 90)
    ]
    assert reached == ["none", "reminded", "blocked", "suspended", "proposed"]
    assert step_at(plan.terms.payment, None, a_clock(900).now, a_clock().calendar(plan)) == "none"


def test_goods_that_come_after_a_write_off_are_collected_again() -> None:
    given_up = replace(write_off(owing(1), "w-1", a_clock(2)).account, open_holds=1)
    goods = replace(given_up.debts["order:o-0"], debt_id="order:o-late", outstanding_minor=900)
    for state in ("written_off", "closed"):
        agreement = replace(given_up.agreement, state=state)
        assert (
            incur_debt(replace(given_up, agreement=agreement), goods, a_clock(3)).account.agreement.state == "settling"
        )
