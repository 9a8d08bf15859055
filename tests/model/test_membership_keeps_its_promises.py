"""M1 to M14 over a hundred thousand steps: members, merchants, operators, deadlines and a bank, in every order.

Each promise is a function that looks at the office after every step, with an account of its own of
what should be; and for each there is an office that leaves out what the promise stands on.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.agreement import LIVE
from lutong_membership.ledger.domain.entries import GENESIS, Line, after
from tests.model.model_world import MEMBERS, PLANS, Office, Without
from tests.model.test_the_road_in_every_order import settle
from tests.model.till import POLICY

STEPS_WANTED = 100_000
MOVES_PER_RULE = 25
RULES_PER_RUN = 25
STEPS_PER_RUN = 600  # about; a run may be shorter
WEIGHTS = {
    "order": 5, "deliver": 5, "release": 1, "ring": 9, "errand": 3, "time": 6, "repay": 4, "refund": 2, "answer": 3, "rare": 2,
}  # fmt: skip
SHANGHAI = ZoneInfo("Asia/Shanghai")
taken: Counter[str] = Counter()


def m1_holds_and_debts_fit_the_line_when_credit_is_held(office: Office) -> None:
    for line in office.lines.values():
        assert (
            line.held_minor + line.owed_minor
            <= line.limit_minor
            == max(line.target_minor, line.held_minor + line.owed_minor)
        )
        held = sum(h.amount_minor for h in office.holds.values() if h.state == "held" and h.member_id == line.member_id)
        assert line.held_minor == held
    for entry, line in office.ledger[office_seen(office) :]:
        if entry.kind == "hold":
            assert line.held_minor + line.indebted_minor <= min(line.limit_minor, line.target_minor)


def m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain(office: Office) -> None:
    for entry, _ in office.ledger[office_seen(office) :]:
        assert len(entry.postings) >= 2
        assert sum(amount for _, amount in entry.postings) == 0
    for key, line in office.lines.items():
        sealed = office.sealed[key]
        assert (line.entries, line.head) == (len(sealed), sealed[-1].hash if sealed else GENESIS)


def m3_a_hold_ends_once_and_never_for_more(office: Office) -> None:
    endings: Counter[str] = Counter()
    for entry, _ in office.ledger:
        if entry.kind in {"capture", "late_capture", "uncovered_capture"} and entry.order_id:
            endings[entry.order_id] += 1
    assert not endings or max(endings.values()) == 1
    for hold in office.holds.values():
        assert hold.captured_minor <= hold.amount_minor


def m4_nobody_is_charged_more_than_they_enjoyed_or_were_shown(office: Office) -> None:
    for agreement in office.signed:
        found = office.accounts[agreement.agreement_id]
        charge = found.agreement.charge_minor
        if charge:
            plan = office.versions[agreement.merchant_id][agreement.version - 1]
            assert charge <= min(plan.terms.cap_minor, enjoyed(office, found))


def enjoyed(office: Office, found: Account) -> int:
    """What the orders of an agreement gave, as far as they were not taken back while that still counted."""
    total = 0
    for hold in office.holds.values():
        if hold.agreement_id == found.agreement.agreement_id and hold.state == "captured" and hold.captured_minor:
            back = sum(
                -a.amount_minor
                for a in found.accruals.values()
                if a.order_id == hold.order_id and a.kind == "refund" and a.counts
            )
            given = hold.benefit_minor * hold.captured_minor // hold.amount_minor
            total += given * (hold.captured_minor - back) // hold.captured_minor
    return total


def m5_who_fulfilled_is_charged_nothing(office: Office) -> None:
    for _, before in office.settled:
        terms = PLANS[before.agreement.merchant_id]
        kept: Counter[str | None] = Counter()
        for accrual in before.accruals.values():
            if accrual.counts:
                kept[accrual.order_id] += accrual.amount_minor
        times, amount = sum(left > 0 for left in kept.values()), sum(kept.values())
        wanted: Any = terms.obligation
        if (times >= wanted.times) if wanted.kind == "times" else (amount >= wanted.amount_minor):
            assert office.accounts[before.agreement.agreement_id].agreement.charge_minor == 0


def m6_each_business_id_counts_once_and_no_refund_beyond_its_order(office: Office) -> None:
    refunds = Counter(entry.reference for entry, _ in office.ledger if entry.kind == "benefit_reversed")
    assert not refunds or max(refunds.values()) == 1
    for found in office.accounts.values():
        left: Counter[str] = Counter()
        for accrual in found.accruals.values():
            left[accrual.order_id or ""] += accrual.amount_minor
        assert all(amount >= 0 for amount in left.values())
        given_back = sum(leg for e, _ in office.ledger if e.agreement_id == found.agreement.agreement_id and e.kind in {"refund", "refund_owed", "refund_forgiven"}
                         for account, leg in e.postings if account.endswith(":payable"))  # fmt: skip
        assert given_back == -sum(a.amount_minor for a in found.accruals.values() if a.kind == "refund")


def m7_money_is_taken_only_as_notified_and_in_its_window(office: Office) -> None:
    for taking in office.bank.taken:
        notice = office.notices[taking.deduction_id]
        assert taking.amount_minor == notice.amount.amount_minor
        assert taking.at >= notice.not_before
        local = taking.at.astimezone(SHANGHAI).time()
        assert (7, 10) <= (local.hour, local.minute) < (21, 50)


def m8_one_live_agreement_per_plan_and_days_between_two_signatures(office: Office) -> None:
    live = Counter(
        (agreement.member_id, agreement.plan_id)
        for agreement in (*(d.agreement for d in office.accounts.values()), *(a for a, _ in office.asked.values()))
        if agreement.state in LIVE
    )
    assert not live or max(live.values()) == 1
    latest: dict[tuple[str, str], Any] = {}
    for agreement in office.signed:
        key = (agreement.member_id, agreement.plan_id)
        assert agreement.signed_at is not None
        assert key not in latest or agreement.signed_at - latest[key] >= timedelta(days=2)
        latest[key] = agreement.signed_at


def m9_a_coupon_is_used_once_and_no_more_are_given_than_there_are(office: Office) -> None:
    users = Counter(
        h.coupon_id for h in office.holds.values() if h.coupon_id and h.state in {"held", "captured", "expired"}
    )
    assert not users or max(users.values()) == 1
    assert len(office.coupons) <= office.stock.total
    assert all(
        count <= office.stock.member_total for count in Counter(c.member_id for c in office.coupons.values()).values()
    )
    for coupon in office.coupons.values():
        order = office.holds.get(coupon.order_id or "")
        assert (coupon.state == "redeemed") == (order is not None and order.state == "captured")


def m10_what_was_signed_never_changes(office: Office) -> None:
    for agreement in office.signed:
        found = office.accounts[agreement.agreement_id]
        signed_on = office.versions[agreement.merchant_id][agreement.version - 1]
        assert found.plan == signed_on
        assert (found.agreement.signed_at, found.agreement.begins_at) == (agreement.signed_at, agreement.begins_at)
        withholding = signed_on.terms.withholding
        if found.agreement.settle_at and found.agreement.grace_ends_at and withholding:
            assert found.agreement.grace_ends_at - found.agreement.settle_at == timedelta(days=withholding.grace_days)


def m11_an_unknown_outcome_is_asked_for_and_never_tried_again(office: Office) -> None:
    assert office.bank.asked_twice == []
    paid: Counter[str] = Counter()
    for taking in office.bank.taken:
        paid[taking.debt_id] += taking.amount_minor
    for entry, _ in office.ledger:
        if (
            entry.debt_id
            and entry.debt_id.startswith("charge:")
            and entry.kind not in {"charge", "deduction", "charge_owed"}
        ):
            paid[entry.debt_id] -= sum(amount for account, amount in entry.postings if account.startswith("charged:"))
    debts = {key: debt for found in office.accounts.values() for key, debt in found.debts.items()}
    assert all(amount <= debts[key].amount_minor for key, amount in paid.items())


def m12_money_comes_with_evidence_and_each_reference_once(office: Office) -> None:
    confirmed = [one for one in office.till.claims.values() if one.state == "confirmed"]
    came: Counter[str] = Counter()
    for entry, _ in office.ledger:
        if entry.kind in {"repayment", "overpayment"}:
            came[entry.reference or ""] += dict(entry.postings)["platform:cash"]
    assert came == Counter({one.repayment_id: one.amount_minor for one in confirmed})
    assert len({one.reference for one in confirmed}) == len(confirmed)
    assert all(one.decided_by not in {one.claimed_by, one.member_id} for one in confirmed)


def m13_nobody_decides_alone_beyond_the_sums(office: Office) -> None:
    for one in office.till.done:
        concerned = {one.by, one.wanted.member_id}
        assert one.by != one.wanted.member_id
        assert one.approved_by is None or one.approved_by not in concerned
    alone = [one for one in office.till.done if one.approved_by is None and one.weight_minor]
    for one in alone:
        is_line = one.wanted.deed == "line"
        beside = [
            other
            for other in alone
            if (other.wanted.deed == "line") == is_line and one.at - POLICY.period < other.at <= one.at
        ]
        limits = POLICY.limits(one.wanted.deed, "CNY")
        member_minor = sum(o.weight_minor for o in beside if o.wanted.member_id == one.wanted.member_id)
        assert member_minor <= limits.member_minor
        assert sum(o.weight_minor for o in beside if o.by == one.by) <= limits.operator_minor


def m14_nobody_is_paid_out_more_than_came_from_them(office: Office) -> None:
    cash: Counter[str] = Counter()
    for entry, line in office.ledger:
        cash[entry.member_id] += dict(entry.postings).get("platform:cash", 0)
        assert cash[entry.member_id] >= 0
        if entry.kind in {"overpayment", "payout"}:
            assert line.credit_minor >= 0


Promise = Callable[[Office], None]
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
    }
)
AT_EVERY_STEP: frozenset[Promise] = frozenset(
    {
        m1_holds_and_debts_fit_the_line_when_credit_is_held,
        m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain,
    }
)
"""What could be wrong for a moment and right again; the others leave traces, which are looked at after each rule."""
_seen: dict[int, int] = {}


def a_settings(runs: int) -> settings:
    """Runs of a fixed number of rules, the same every time: a failure names its seed."""
    return settle(
        runs, stateful_step_count=RULES_PER_RUN, phases=[Phase.generate], report_multiple_bugs=False, derandomize=True
    )


def office_seen(office: Office) -> int:
    """How much of the ledger was looked at before."""
    return _seen.get(id(office), 0)


class Membership(RuleBasedStateMachine):
    """A day at the office, and the next."""

    without: Without = frozenset()
    promises: frozenset[Promise] = PROMISES

    def __init__(self) -> None:
        super().__init__()
        self.office = Office(self.without)
        _seen[id(self.office)] = 0

    @rule(seed=st.integers(0, 2**32), merchant=st.sampled_from(sorted(PLANS)))
    def life_goes_on(self, seed: int, merchant: str) -> None:
        rng = random.Random(seed)
        for _ in range(MOVES_PER_RULE):
            self._something_happens(rng, merchant)
            for promise in AT_EVERY_STEP & self.promises:
                promise(self.office)
            _seen[id(self.office)] = len(self.office.ledger)
            taken["steps"] += 1
        for promise in self.promises - AT_EVERY_STEP:
            promise(self.office)

    def _something_happens(self, rng: random.Random, merchant: str) -> None:
        office = self.office
        kind = rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
        if kind == "time":
            office.now += timedelta(hours=rng.choice([1, 3, 9, 24]))
        elif kind == "ring":
            office.ring(rng.randrange(100))
        elif kind == "errand":
            office.run_jobs(rng)
        elif kind == "rare":
            self._something_rare_happens(rng, merchant)
        else:
            self._somebody_comes(kind, rng, merchant)

    def _somebody_comes(self, kind: str, rng: random.Random, merchant: str) -> None:
        office, member = self.office, rng.choice(MEMBERS)
        if kind == "order" and len(office.holds) < 40:
            free = [c for c, coupon in office.coupons.items() if coupon.member_id == member]
            coupon = rng.choice(free) if free and rng.random() < 0.5 else None
            office.order(member, merchant, rng.randint(200, 4_000), coupon)
        elif kind == "repay":
            office.repay(member, rng.choice([50, 400, 9_000, 9_000]), rng)
        elif kind == "answer" and office.asked:
            office.answer(rng.choice(list(office.asked)), rng.choice([0, 4_000, 9_000, 20_000]))
        elif kind in {"deliver", "release", "refund"} and office.holds:
            self._an_order_goes_on(kind, rng.choice(list(office.holds)), rng)

    def _an_order_goes_on(self, kind: str, order: str, rng: random.Random) -> None:
        if kind == "deliver":
            ago = timedelta(hours=rng.choice([0, 0, 6, 30, 60]))
            self.office.deliver(order, rng.choice([10_000, 10_000, 150]), ago)
        elif kind == "release":
            self.office.release(order)
        else:
            self.office.refund(order, f"r-{rng.randrange(12)}", rng.choice([10, 300, 10_000]))

    def _something_rare_happens(self, rng: random.Random, merchant: str) -> None:
        office = self.office
        kind = rng.choice(("limit", "coupon", "coupon", "edit", "leave", "waive", "write_off", "write_off", "payout"))
        if kind == "limit":
            office.decide("line", rng.choice(MEMBERS), rng.choice([0, 2_000, 12_000, 12_000, 12_000]), rng)
        elif kind == "coupon":
            office.give_coupon(rng.choice(MEMBERS))
        elif kind == "edit" and len(office.versions[merchant]) < 5:
            office.edit_plan(merchant, rng.choice([0, 5, 20]), rng.choice([100, 900]))
        elif kind == "payout":
            member = rng.choice(MEMBERS)
            credit_minor = sum(line.credit_minor for line in office.lines.values() if line.member_id == member)
            office.decide("payout", member, rng.choice([credit_minor, credit_minor, 100]), rng)
        elif kind in {"leave", "waive", "write_off"} and office.accounts:
            self._an_agreement_ends(kind, rng.choice(list(office.accounts)), rng)

    def _an_agreement_ends(self, kind: str, agreement_id: str, rng: random.Random) -> None:
        if kind == "leave":
            self.office.leave(agreement_id)
        elif kind == "write_off":
            self.office.decide("write_off", agreement_id, 0, rng)
        else:
            unpaid = self.office.account(agreement_id).payable()
            self.office.decide(
                "waiver",
                agreement_id,
                max(1, unpaid[0].outstanding_minor // rng.choice([1, 2])) if unpaid else 1,
                rng,
            )

    def teardown(self) -> None:
        """At the end the ledger is folded anew: every line is its sum."""
        entries: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for entry, _ in self.office.ledger:
            entries[entry.member_id, entry.currency].append(entry)
        for key, line in self.office.lines.items():
            folded = after(Line(*key), *entries[key])
            names = ("limit_minor", "held_minor", "owed_minor", "charged_minor", "uncovered_minor", "credit_minor")
            assert [getattr(folded, name) for name in names] == [getattr(line, name) for name in names]
            mine = [
                d
                for found in self.office.accounts.values()
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
        _seen.pop(id(self.office), None)
        reached(self.office)


def reached(office: Office) -> None:
    """Count what a run came to: a run that never came to it would prove nothing."""
    taken.update(office.visited)
    taken.update({f"hold {hold.state}" for hold in office.holds.values()})
    taken.update({f"coupon {coupon.state}" for coupon in office.coupons.values()})
    taken.update({agreement.state for agreement, _ in office.asked.values()})


WANTED = (
    "declined", "lapsed", "settling", "settled", "overdue", "recovered", "closed", "quit", "fulfilled", "unfulfilled", "written_off",
    "hold expired", "hold waiting", "hold declined", "hold cancelled", "late_capture", "uncovered_capture", "line_changed",
    "deduction unknown", "deduction succeeded", "deduction failed", "deduction void", "coupon redeemed", "coupon returned",
    "accrual credited", "accrual late", "accrual outside", "charge_credited", "charge_owed", "refund", "refund_owed",
    "offset", "waiver", "write_off", "overpayment", "payout", "refund_forgiven", "two decided payout", "two decided line",
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
    ],
)
def test_negative_control_without_what_it_stands_on_a_promise_is_broken_and_noticed(
    left_out: str, broken: Promise
) -> None:
    class Careless(Membership):
        without = frozenset({left_out})
        promises = frozenset({broken})

        def teardown(self) -> None:
            """Only this promise is looked at."""

    careless = a_settings(60)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Careless, settings=careless)
