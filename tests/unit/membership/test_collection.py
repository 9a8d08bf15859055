"""How debts are collected: the ladder, notices and deductions, repayments, waivers, writing off. Told as stories."""

from dataclasses import replace
from typing import Any

import pytest

from lutong_membership.domain.collection import (
    allocate,
    book_deduction,
    pay,
    release_deduction,
    retry_deduction,
    waive,
)
from lutong_membership.domain.debts import step_at
from lutong_membership.domain.deductions import Deduction, postponed
from lutong_membership.domain.dossier import Dossier, Outcome, climb, incur
from lutong_membership.domain.life import end_term, settle, write_off
from tests.unit.membership.a_membership import NOON, a_clock, a_desk, an_agreement, bought, kinds, said


def owing(*days: float, **terms: Any) -> Dossier:
    """An agreement with an order of 9 yuan on each of these days; each is to be paid within fifteen."""
    dossier = an_agreement(**terms)
    for number, day in enumerate(days):
        dossier = bought(dossier, f"o-{number}", days=day).dossier
    return dossier


def looked_at(dossier: Dossier, day: float) -> Outcome:
    """The ladder, looked at on a day, as often as it wants to be by then."""
    outcome = Outcome(dossier)
    while (due := outcome.dossier.agreement.step_due_at) and due <= a_clock(day).now:
        outcome = outcome.then(climb, a_clock(day))
    return outcome


def steps(outcome: Outcome) -> list[str]:
    return [each.event.step for each in outcome.said if hasattr(each.event, "step")]


def paying(dossier: Dossier, amount_minor: int, day: float) -> Outcome:
    outcome = Outcome(dossier)
    for number, (_, debt, part) in enumerate(allocate([dossier], amount_minor)):
        outcome = outcome.then(pay, debt, part, f"p-{day}-{number}", a_clock(day))
    return outcome


def test_an_unpaid_order_climbs_the_ladder_step_by_step_to_a_defined_end() -> None:
    dossier = owing(1)  # due on day 16
    assert dossier.agreement.step_due_at == a_clock(17).now
    seen = []
    for day in (16.9, 17, 22.9, 23, 45.9, 46, 105.9, 106, 400):
        outcome = looked_at(dossier, day)
        dossier = outcome.dossier
        seen.append((day, dossier.agreement.step))
    assert seen == [
        (16.9, "none"), (17, "reminded"), (22.9, "reminded"), (23, "blocked"), (45.9, "blocked"), (46, "suspended"),
        (105.9, "suspended"), (106, "proposed"), (400, "proposed"),
    ]  # fmt: skip
    assert dossier.agreement.step_due_at is None


def test_a_ladder_that_was_not_looked_at_for_long_skips_no_step() -> None:
    assert steps(looked_at(owing(1), 200)) == ["reminded", "blocked", "suspended", "proposed"]


def test_when_the_oldest_debt_is_paid_the_ladder_stands_on_the_next_one() -> None:
    dossier = looked_at(owing(1, 20), 47).dossier  # due on days 16 and 35
    assert dossier.agreement.step == "suspended"
    lighter = paying(dossier, 900, 47)
    assert (lighter.dossier.agreement.step, steps(lighter)) == ("blocked", ["blocked"])
    assert [d.debt_id for d in lighter.dossier.debts.values() if d.outstanding_minor] == ["order:o-1"]

    later = looked_at(lighter.dossier, 64.9)
    assert later.dossier.agreement.step == "blocked"
    assert looked_at(later.dossier, 65).dossier.agreement.step == "suspended"  # thirty days after day 35


def test_a_step_that_was_taken_back_comes_again_in_time_and_not_only_when_the_old_one_was_due() -> None:
    dossier = looked_at(owing(1, 31), 46).dossier  # suspended; the next debt is due on day 46
    lighter = paying(dossier, 900, 46.5).dossier
    assert lighter.agreement.step == "none"
    assert lighter.agreement.step_due_at == a_clock(47).now
    assert looked_at(lighter, 47).dossier.agreement.step == "reminded"


def test_whoever_pays_everything_is_free_at_once() -> None:
    dossier = looked_at(owing(1, 2), 50).dossier
    free = paying(dossier, 1_800, 50)
    assert (free.dossier.agreement.step, steps(free)[-1]) == ("none", "none")
    assert looked_at(free.dossier, 500).dossier == replace(
        free.dossier, agreement=looked_at(free.dossier, 500).dossier.agreement
    )


def test_a_debt_without_a_day_of_payment_is_never_overdue() -> None:
    dossier = owing(1, payment={})
    assert dossier.agreement.step_due_at is None
    assert looked_at(dossier, 3_000).dossier.agreement.step == "none"


def test_repayments_go_to_the_oldest_debt_of_a_member_first_whatever_agreement_it_is_under() -> None:
    first = owing(2)
    second = an_agreement()
    second = bought(replace(second, agreement=replace(second.agreement, agreement_id="a-2")), "x-1", days=1).dossier
    parts = allocate([first, second], 1_000)
    assert [(agreement, debt.debt_id, amount) for agreement, debt, amount in parts] == [
        ("a-2", "order:x-1", 900), ("a-1", "order:o-0", 100),
    ]  # fmt: skip


def test_two_agreements_of_one_member_share_one_line_on_the_desk() -> None:
    first, second = owing(1), an_agreement()
    second = replace(second, agreement=replace(second.agreement, agreement_id="a-2"), line=first.line)
    desk = a_desk(first, second)
    desk.decide("a-1", pay, first.debts["order:o-0"], 400, "p-1", a_clock(3))
    found = desk.dossier("a-2")
    assert found is not None
    assert (found.line.owed_minor, desk.as_locked(first.line.key).owed_minor) == (500, 900)
    assert [debt.outstanding_minor for debt in desk.changes().debts] == [500]


def charged(**changes: Any) -> Dossier:
    """An agreement that failed: 2 yuan to be deducted, and the goods paid already."""
    dossier = paying(owing(1, 2), 1_800, 20).dossier
    over = end_term(replace(dossier, deducts=True, **changes), a_clock(30)).dossier
    return settle(over, a_clock(33)).dossier


def the_deduction(dossier: Dossier) -> Deduction:
    return list(dossier.deductions.values())[-1]


def test_a_charge_is_notified_and_taken_only_after_the_notice() -> None:
    dossier = charged()
    deduction = the_deduction(dossier)
    assert (deduction.amount_minor, deduction.state, deduction.not_before) == (200, "notified", a_clock(35).now)
    key = deduction.deduction_id
    assert release_deduction(dossier, key, a_clock(34.9)).dossier == dossier
    assert the_deduction(release_deduction(dossier, key, a_clock(35)).dossier).state == "due"


def test_no_deduction_is_begun_outside_its_window_or_when_it_closes_while_we_speak() -> None:
    plan = an_agreement().plan
    assert plan.terms.withholding
    window, calendar = plan.terms.withholding.window, a_clock().calendar(plan)
    noon, night = NOON, NOON.replace(hour=15)  # 23:00 in Shanghai
    almost = NOON.replace(hour=13, minute=49)  # 21:49
    assert postponed(noon, window, calendar) is None
    for moment in (night, almost):
        assert postponed(moment, window, calendar) == NOON.replace(day=10, hour=23, minute=10)  # 07:10 the next day


def going(dossier: Dossier, *states: Any) -> Dossier:
    deduction = the_deduction(dossier)
    for state in states:
        deduction = deduction.moved(state)
    return replace(dossier, deductions={**dossier.deductions, deduction.deduction_id: deduction})


def test_what_was_taken_pays_the_charge_once() -> None:
    dossier = going(charged(), "due", "sent", "unknown", "taken")
    done = book_deduction(dossier, the_deduction(dossier).deduction_id, a_clock(36))
    assert kinds(done) == ["deduction"]
    assert (done.dossier.agreement.state, done.dossier.line.charged_minor) == ("settled", 0)
    with pytest.raises(RuntimeError, match="cannot follow"):
        book_deduction(done.dossier, the_deduction(done.dossier).deduction_id, a_clock(36))


def test_after_a_partial_repayment_the_notice_is_void_and_the_rest_is_notified_anew() -> None:
    lighter = paying(charged(), 150, 34).dossier
    first, second = lighter.deductions.values()
    assert (first.state, second.state, second.amount_minor) == ("void", "notified", 50)
    assert second.not_before == a_clock(36).now


@pytest.mark.parametrize("state", ["sent", "unknown", "taken"])
def test_a_charge_that_is_perhaps_being_deducted_cannot_be_paid_otherwise(state: str) -> None:
    way = {"sent": ["due", "sent"], "unknown": ["due", "sent", "unknown"], "taken": ["due", "sent", "taken"]}
    dossier = going(charged(), *way[state])
    assert dossier.payable() == []
    assert paying(dossier, 200, 36).entries == ()


def test_a_deduction_that_failed_is_notified_again_three_times_and_then_left_to_the_ladder() -> None:
    dossier = charged()
    for attempt in (1, 2, 3):
        assert the_deduction(dossier).attempt == attempt
        dossier = going(dossier, "due", "sent", "failed")
        dossier = retry_deduction(dossier, the_deduction(dossier).deduction_id, a_clock(36 + attempt)).dossier
    assert [d.state for d in dossier.deductions.values()] == ["failed"] * 3
    assert looked_at(dossier, 36).dossier.agreement.state == "overdue"


def test_where_nobody_deducts_a_charge_waits_to_be_repaid_and_is_due_all_the_same() -> None:
    dossier = paying(owing(1, 2), 1_800, 20).dossier
    done = settle(end_term(dossier, a_clock(30)).dossier, a_clock(33))
    assert "DeductionNotified" not in said(done)
    assert done.dossier.debts["charge:a-1"].due_at == a_clock(35).now
    recovered = paying(looked_at(done.dossier, 37).dossier, 200, 37)
    assert (recovered.dossier.agreement.state, said(recovered)[-1]) == ("recovered", "AgreementSettled")


def test_an_operator_may_let_a_member_off() -> None:
    dossier = charged()
    let_off = waive(dossier, dossier.debts["charge:a-1"], 200, "w-1", a_clock(34))
    assert (said(let_off)[0], kinds(let_off)) == ("DebtWaived", ["waiver"])
    assert let_off.dossier.agreement.state == "settled"
    assert the_deduction(let_off.dossier).state == "void"


def test_what_is_written_off_is_a_loss_and_the_member_gets_no_more_credit() -> None:
    dossier = looked_at(owing(1, 2), 110).dossier
    gone = write_off(dossier, "w-1", a_clock(110))
    assert (gone.dossier.agreement.state, said(gone)) == ("closed", ["AgreementWrittenOff", "AgreementClosed"])
    line = gone.dossier.line
    assert (line.owed_minor, line.limit_minor, line.target_minor) == (0, 0, 0)
    assert kinds(gone).count("write_off") == 2


def test_what_is_written_off_is_not_deducted_any_more() -> None:
    """Found by the model: a notice that nobody took back took money for a debt that was given up."""
    gone = write_off(charged(), "w-1", a_clock(34)).dossier
    assert the_deduction(gone).state == "void"
    assert release_deduction(gone, the_deduction(gone).deduction_id, a_clock(36)).dossier == gone


def test_the_ladder_is_a_function_of_the_oldest_debt_and_the_day() -> None:
    plan = an_agreement().plan
    reached = [
        step_at(plan.terms.payment, NOON, a_clock(day).now, a_clock().calendar(plan)) for day in (0, 1, 7, 30, 90)
    ]
    assert reached == ["none", "reminded", "blocked", "suspended", "proposed"]
    assert step_at(plan.terms.payment, None, a_clock(900).now, a_clock().calendar(plan)) == "none"


def test_goods_that_come_after_a_write_off_are_collected_again() -> None:
    given_up = replace(write_off(owing(1), "w-1", a_clock(2)).dossier, open_holds=1)
    goods = replace(given_up.debts["order:o-0"], debt_id="order:o-late", outstanding_minor=900)
    for state in ("written_off", "closed"):
        agreement = replace(given_up.agreement, state=state)
        assert incur(replace(given_up, agreement=agreement), goods, a_clock(3)).dossier.agreement.state == "settling"
