"""M1 to M16 over a hundred thousand steps: members, merchants, operators, deadlines and a bank, in every order.

Each promise is a function that looks at the office after every step, with an account of its own of
what should be; and for each there is an office that leaves out what the promise stands on.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from lutong_membership.ledger.domain.entries import Line, after
from tests.model.model_world import MEMBERS, PLANS, Without, World
from tests.model.promises import (
    m1_holds_and_debts_fit_the_line_when_credit_is_held,
    m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain,
    m3_a_hold_ends_once_and_never_for_more,
    m4_nobody_is_charged_more_than_they_enjoyed_or_were_shown,
    m5_who_fulfilled_is_charged_nothing,
    m6_each_business_id_counts_once_and_no_refund_beyond_its_order,
    m7_money_is_taken_only_as_notified_and_in_its_window,
    m8_one_live_agreement_per_plan_and_days_between_two_signatures,
    m9_a_coupon_is_used_once_and_no_more_are_given_than_there_are,
    m10_what_was_signed_never_changes,
    m11_an_unknown_outcome_is_asked_for_and_never_tried_again,
    m12_money_comes_with_evidence_and_each_reference_once,
    m13_nobody_decides_alone_beyond_the_sums,
    m14_nobody_is_paid_out_more_than_came_from_them,
    m15_what_was_captured_adds_up_to_the_parts_that_came,
    m16_who_does_not_come_pays_the_fee_and_nothing_counts,
)
from tests.model.test_the_road_in_every_order import settle

STEPS_WANTED = 100_000
MOVES_PER_RULE = 25
RULES_PER_RUN = 25
STEPS_PER_RUN = 600  # about; a run may be shorter
WEIGHTS = {
    "order": 5, "deliver": 5, "release": 1, "ring": 9, "job": 3, "time": 6, "repay": 4, "refund": 2, "answer": 3, "rare": 2,
    "miss": 1,
}  # fmt: skip
taken: Counter[str] = Counter()


Promise = Callable[[World], None]
PROMISES: frozenset[Promise] = frozenset(
    {
        m1_holds_and_debts_fit_the_line_when_credit_is_held,
        m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain,
        m3_a_hold_ends_once_and_never_for_more,
        m4_nobody_is_charged_more_than_they_enjoyed_or_were_shown,
        m5_who_fulfilled_is_charged_nothing,
        m6_each_business_id_counts_once_and_no_refund_beyond_its_order,
        m7_money_is_taken_only_as_notified_and_in_its_window,
        m8_one_live_agreement_per_plan_and_days_between_two_signatures,
        m9_a_coupon_is_used_once_and_no_more_are_given_than_there_are,
        m10_what_was_signed_never_changes,
        m11_an_unknown_outcome_is_asked_for_and_never_tried_again,
        m12_money_comes_with_evidence_and_each_reference_once,
        m13_nobody_decides_alone_beyond_the_sums,
        m14_nobody_is_paid_out_more_than_came_from_them,
        m15_what_was_captured_adds_up_to_the_parts_that_came,
        m16_who_does_not_come_pays_the_fee_and_nothing_counts,
    }
)
AT_EVERY_STEP: frozenset[Promise] = frozenset(
    {
        m1_holds_and_debts_fit_the_line_when_credit_is_held,
        m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain,
    }
)
"""What could be wrong for a moment and right again; the others leave traces, which are looked at after each rule."""


def a_settings(runs: int) -> settings:
    """Runs of a fixed number of rules, the same every time: a failure names its seed."""
    return settle(
        runs, stateful_step_count=RULES_PER_RUN, phases=[Phase.generate], report_multiple_bugs=False, derandomize=True
    )


class Membership(RuleBasedStateMachine):
    """A day at the office, and the next."""

    without: Without = frozenset()
    promises: frozenset[Promise] = PROMISES

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.without)

    @rule(seed=st.integers(0, 2**32), merchant=st.sampled_from(sorted(PLANS)))
    def life_goes_on(self, seed: int, merchant: str) -> None:
        rng = random.Random(seed)
        for _ in range(MOVES_PER_RULE):
            self._something_happens(rng, merchant)
            for promise in AT_EVERY_STEP & self.promises:
                promise(self.world)
            self.world.checked = len(self.world.ledger)
            taken["steps"] += 1
        for promise in self.promises - AT_EVERY_STEP:
            promise(self.world)

    def _something_happens(self, rng: random.Random, merchant: str) -> None:
        world = self.world
        kind = rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
        if kind == "time":
            world.now += timedelta(hours=rng.choice([1, 3, 9, 24]))
        elif kind == "ring":
            world.ring(rng.randrange(100))
        elif kind == "job":
            world.run_jobs(rng)
        elif kind == "rare":
            self._something_rare_happens(rng, merchant)
        else:
            self._a_viewer_comes(kind, rng, merchant)

    def _a_viewer_comes(self, kind: str, rng: random.Random, merchant: str) -> None:
        world, member = self.world, rng.choice(MEMBERS)
        if kind == "order" and len(world.holds) < 40:
            free = [c for c, coupon in world.coupons.items() if coupon.member_id == member]
            coupon = rng.choice(free) if free and rng.random() < 0.5 else None
            world.order(member, merchant, rng.randint(200, 4_000), coupon)
        elif kind == "repay":
            world.repay(member, rng.choice([50, 400, 9_000, 9_000]), rng)
        elif kind == "answer" and world.asked:
            world.answer(rng.choice(list(world.asked)), rng.choice([0, 4_000, 9_000, 20_000]))
        elif kind in {"deliver", "release", "refund", "miss"} and world.holds:
            self._an_order_goes_on(kind, rng.choice(list(world.holds)), rng)

    def _an_order_goes_on(self, kind: str, order: str, rng: random.Random) -> None:
        if kind == "deliver":
            ago = timedelta(hours=rng.choice([0, 0, 6, 30, 60]))
            if rng.random() < 0.3:
                self.world.deliver_part(order, rng.choice([500, 150]), ago)
                return
            self.world.deliver(order, rng.choice([10_000, 10_000, 150]), ago)
        elif kind == "release":
            self.world.release(order)
        elif kind == "miss":
            self.world.miss(order)
        else:
            self.world.refund(order, f"r-{rng.randrange(12)}", rng.choice([10, 300, 10_000]))

    def _something_rare_happens(self, rng: random.Random, merchant: str) -> None:
        world = self.world
        kind = rng.choice(("limit", "coupon", "coupon", "edit", "leave", "waive", "write_off", "write_off", "payout"))
        if kind == "limit":
            world.decide("line", rng.choice(MEMBERS), rng.choice([0, 2_000, 12_000, 12_000, 12_000]), rng)
        elif kind == "coupon":
            world.give_coupon(rng.choice(MEMBERS))
        elif kind == "edit" and len(world.versions[merchant]) < 5:
            world.edit_plan(merchant, rng.choice([0, 5, 20]), rng.choice([100, 900]))
        elif kind == "payout":
            member = rng.choice(MEMBERS)
            credit_minor = sum(line.credit_minor for line in world.lines.values() if line.member_id == member)
            world.decide("payout", member, rng.choice([credit_minor, credit_minor, 100]), rng)
        elif kind in {"leave", "waive", "write_off"} and world.accounts:
            self._an_agreement_ends(kind, rng.choice(list(world.accounts)), rng)

    def _an_agreement_ends(self, kind: str, agreement_id: str, rng: random.Random) -> None:
        if kind == "leave":
            self.world.leave(agreement_id)
        elif kind == "write_off":
            self.world.decide("write_off", agreement_id, 0, rng)
        else:
            unpaid = self.world.account(agreement_id).payable()
            self.world.decide(
                "waiver",
                agreement_id,
                max(1, unpaid[0].outstanding_minor // rng.choice([1, 2])) if unpaid else 1,
                rng,
            )

    def teardown(self) -> None:
        """At the end the ledger is folded anew: every line is its sum."""
        entries: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for entry, _ in self.world.ledger:
            entries[entry.member_id, entry.currency].append(entry)
        for key, line in self.world.lines.items():
            folded = after(Line(*key), *entries[key])
            names = ("limit_minor", "held_minor", "owed_minor", "charged_minor", "uncovered_minor", "credit_minor")
            assert [getattr(folded, name) for name in names] == [getattr(line, name) for name in names]
            mine = [
                d
                for found in self.world.accounts.values()
                if found.agreement.member_id == key[0]
                for d in found.debts.values()
            ]
            owed: Counter[str] = Counter()
            for debt in mine:
                owed[debt.kind] += debt.outstanding_minor
            assert (owed["order"], owed["charge"], owed["uncovered"]) == (
                line.owed_minor,
                line.charged_minor,
                line.uncovered_minor,
            )
        reached(self.world)


def reached(world: World) -> None:
    """Count what a run came to: a run that never came to it would prove nothing."""
    taken.update(world.visited)
    taken.update({f"hold {hold.state}" for hold in world.holds.values()})
    taken.update({f"coupon {coupon.state}" for coupon in world.coupons.values()})
    taken.update({agreement.state for agreement, _ in world.asked.values()})


WANTED = (
    "declined", "lapsed", "settling", "settled", "overdue", "recovered", "closed", "quit", "fulfilled", "unfulfilled", "written_off",
    "hold expired", "hold waiting", "hold declined", "hold cancelled", "late_capture", "uncovered_capture", "line_changed",
    "deduction unknown", "deduction succeeded", "deduction failed", "deduction void", "coupon redeemed", "coupon returned",
    "accrual credited", "accrual late", "accrual outside", "charge_credited", "charge_owed", "refund", "refund_owed",
    "a part came", "a fee was kept", "no_show_fee", "offset", "waiver", "write_off", "overpayment", "payout", "refund_forgiven", "two decided payout", "two decided line",
    "two decided waiver", "two decided write_off",
)  # fmt: skip


@pytest.mark.timeout(300)
def test_a_hundred_thousand_steps_break_no_promise() -> None:
    taken.clear()
    run_state_machine_as_test(Membership, settings=a_settings(5 * STEPS_WANTED // STEPS_PER_RUN // 2))
    assert taken["steps"] >= STEPS_WANTED
    assert [name for name in WANTED if not taken[name]] == []


@pytest.mark.parametrize(
    ("left_out", "broken"),
    [
        ("limit", m1_holds_and_debts_fit_the_line_when_credit_is_held),
        ("balance", m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain),
        ("first_ending", m3_a_hold_ends_once_and_never_for_more),
        ("cap", m4_nobody_is_charged_more_than_they_enjoyed_or_were_shown),
        ("fulfilled", m5_who_fulfilled_is_charged_nothing),
        ("inbox", m6_each_business_id_counts_once_and_no_refund_beyond_its_order),
        ("notice", m7_money_is_taken_only_as_notified_and_in_its_window),
        ("window", m7_money_is_taken_only_as_notified_and_in_its_window),
        ("one_live", m8_one_live_agreement_per_plan_and_days_between_two_signatures),
        ("interval", m8_one_live_agreement_per_plan_and_days_between_two_signatures),
        ("coupon_state", m9_a_coupon_is_used_once_and_no_more_are_given_than_there_are),
        ("stock_lock", m9_a_coupon_is_used_once_and_no_more_are_given_than_there_are),
        ("pinned", m10_what_was_signed_never_changes),
        ("query", m11_an_unknown_outcome_is_asked_for_and_never_tried_again),
        ("under_way", m11_an_unknown_outcome_is_asked_for_and_never_tried_again),
        ("evidence", m12_money_comes_with_evidence_and_each_reference_once),
        ("reference", m12_money_comes_with_evidence_and_each_reference_once),
        ("sums", m13_nobody_decides_alone_beyond_the_sums),
        ("two", m13_nobody_decides_alone_beyond_the_sums),
        ("paid", m14_nobody_is_paid_out_more_than_came_from_them),
        ("no_goods", m16_who_does_not_come_pays_the_fee_and_nothing_counts),
        ("parts", m15_what_was_captured_adds_up_to_the_parts_that_came),
    ],
)
@pytest.mark.timeout(300)
def test_negative_control_a_promise_without_its_ground_is_broken_and_noticed(left_out: str, broken: Promise) -> None:
    class Careless(Membership):
        without = frozenset({left_out})
        promises = frozenset({broken})

        def teardown(self) -> None:
            """Only this promise is looked at."""

    careless = a_settings(1_000)  # the first break ends it; how soon that comes depends on the modules that are loaded
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Careless, settings=careless)
