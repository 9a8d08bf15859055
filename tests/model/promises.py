"""What membership promises, each as a check of the model's state: a negative control leaves out what it stands on."""

from collections import Counter
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.agreement import LIVE
from lutong_membership.ledger.domain.entries import GENESIS
from tests.model.model_world import PLANS, World
from tests.model.till import POLICY

SHANGHAI = ZoneInfo("Asia/Shanghai")


def m1_holds_and_debts_fit_the_line_when_credit_is_held(world: World) -> None:
    for line in world.lines.values():
        assert (
            line.held_minor + line.owed_minor
            <= line.limit_minor
            == max(line.target_minor, line.held_minor + line.owed_minor)
        )
        held = sum(h.left_minor for h in world.holds.values() if h.state == "held" and h.member_id == line.member_id)
        assert line.held_minor == held
    for entry, line in world.ledger[world.checked :]:
        if entry.kind == "hold":
            assert line.held_minor + line.indebted_minor <= min(line.limit_minor, line.target_minor)


def m2_every_movement_is_a_balanced_entry_of_an_unbroken_chain(world: World) -> None:
    for entry, _ in world.ledger[world.checked :]:
        assert len(entry.postings) >= 2
        assert sum(amount for _, amount in entry.postings) == 0
    for key, line in world.lines.items():
        sealed = world.sealed[key]
        assert (line.entries, line.head) == (len(sealed), sealed[-1].hash if sealed else GENESIS)


def m3_a_hold_ends_once_and_never_for_more(world: World) -> None:
    endings: Counter[str] = Counter()
    for entry, _ in world.ledger:
        if entry.kind in {"capture", "late_capture", "uncovered_capture"} and entry.order_id:
            endings[entry.order_id] += 1
    assert not endings or max(endings.values()) == 1
    for hold in world.holds.values():
        assert hold.captured_minor <= hold.amount_minor


def m15_what_was_captured_adds_up_to_the_parts_that_came(world: World) -> None:
    captured: Counter[str] = Counter()
    for entry, _ in world.ledger:
        if entry.kind in {"capture", "late_capture", "uncovered_capture"} and entry.order_id:
            payable = sum(-amount for account, amount in entry.postings if account.endswith(":payable"))
            captured[entry.order_id.partition(".")[0]] += payable
    for order, hold in world.holds.items():
        if hold.state == "released":
            continue
        assert captured[order] == hold.captured_minor <= hold.amount_minor
        accruals = [a for found in world.accounts.values() for a in found.accruals.values() if a.order_id == order]
        assert sum(accrual.times for accrual in accruals) in {0, 1}


def m16_who_does_not_come_pays_the_fee_and_nothing_counts(world: World) -> None:
    for order, hold in world.holds.items():
        if hold.state != "released":
            continue
        mine = [found for found in world.accounts.values() if found.agreement.agreement_id == hold.agreement_id]
        assert not [a for found in mine for a in found.accruals.values() if a.order_id == order]
        owed = sum(d.amount_minor for found in mine for d in found.debts.values() if d.debt_id.endswith(f":{order}"))
        terms = [found.plan.terms for found in mine]
        signed = min(terms[0].no_show_fee_minor, hold.amount_minor) if terms and hold.reason == "no_show" else 0
        assert owed == hold.captured_minor == signed


def m4_nobody_is_charged_more_than_they_enjoyed_or_were_shown(world: World) -> None:
    for agreement in world.signed:
        found = world.accounts[agreement.agreement_id]
        charge = found.agreement.charge_minor
        if charge:
            plan = world.versions[agreement.merchant_id][agreement.version - 1]
            assert charge <= min(plan.terms.cap_minor, enjoyed(world, found))


def enjoyed(world: World, found: Account) -> int:
    """What the orders of an agreement gave, as far as they were not taken back while that still counted."""
    total = 0
    for hold in world.holds.values():
        for part in found.accruals.values():
            if part.order_id != hold.order_id or part.kind != "order":
                continue
            back = sum(-a.amount_minor for a in found.accruals.values() if a.cites == part.accrual_id and a.counts)
            given = hold.benefit_minor * part.amount_minor // hold.amount_minor
            total += given * (part.amount_minor - back) // part.amount_minor
    return total


def m5_who_fulfilled_is_charged_nothing(world: World) -> None:
    for _, before in world.settled:
        terms = PLANS[before.agreement.merchant_id]
        kept: Counter[str | None] = Counter()
        for accrual in before.accruals.values():
            if accrual.counts:
                kept[accrual.order_id] += accrual.amount_minor
        first = {a.order_id for a in before.accruals.values() if a.accrual_id == f"order:{a.order_id}" and a.counts}
        times, amount = sum(left > 0 and order in first for order, left in kept.items()), sum(kept.values())
        wanted: Any = terms.obligation
        if (times >= wanted.times) if wanted.kind == "times" else (amount >= wanted.amount_minor):
            assert world.accounts[before.agreement.agreement_id].agreement.charge_minor == 0


def m6_each_business_id_counts_once_and_no_refund_beyond_its_order(world: World) -> None:
    refunds = Counter(entry.reference for entry, _ in world.ledger if entry.kind == "benefit_reversed")
    assert not refunds or max(refunds.values()) == 1
    for found in world.accounts.values():
        left: Counter[str] = Counter()
        for accrual in found.accruals.values():
            left[accrual.order_id or ""] += accrual.amount_minor
        assert all(amount >= 0 for amount in left.values())
        given_back = sum(leg for e, _ in world.ledger if e.agreement_id == found.agreement.agreement_id and e.kind in {"refund", "refund_owed", "refund_forgiven"}
                         for account, leg in e.postings if account.endswith(":payable"))  # fmt: skip
        assert given_back == -sum(a.amount_minor for a in found.accruals.values() if a.kind == "refund")


def m7_money_is_taken_only_as_notified_and_in_its_window(world: World) -> None:
    for taking in world.bank.taken:
        notice = world.notices[taking.deduction_id]
        assert taking.amount_minor == notice.amount.amount_minor
        assert taking.at >= notice.not_before
        local = taking.at.astimezone(SHANGHAI).time()
        assert (7, 10) <= (local.hour, local.minute) < (21, 50)


def m8_one_live_agreement_per_plan_and_days_between_two_signatures(world: World) -> None:
    live = Counter(
        (agreement.member_id, agreement.plan_id)
        for agreement in (*(d.agreement for d in world.accounts.values()), *(a for a, _ in world.asked.values()))
        if agreement.state in LIVE
    )
    assert not live or max(live.values()) == 1
    latest: dict[tuple[str, str], Any] = {}
    for agreement in world.signed:
        key = (agreement.member_id, agreement.plan_id)
        assert agreement.signed_at is not None
        assert key not in latest or agreement.signed_at - latest[key] >= timedelta(days=2)
        latest[key] = agreement.signed_at


def m9_a_coupon_is_used_once_and_no_more_are_given_than_there_are(world: World) -> None:
    users = Counter(
        h.coupon_id for h in world.holds.values() if h.coupon_id and h.state in {"held", "captured", "expired"}
    )
    assert not users or max(users.values()) == 1
    assert len(world.coupons) <= world.stock.total
    assert all(
        count <= world.stock.member_total for count in Counter(c.member_id for c in world.coupons.values()).values()
    )
    for coupon in world.coupons.values():
        order = world.holds.get(coupon.order_id or "")
        assert (coupon.state == "redeemed") == (order is not None and order.state == "captured")


def m10_what_was_signed_never_changes(world: World) -> None:
    for agreement in world.signed:
        found = world.accounts[agreement.agreement_id]
        signed_on = world.versions[agreement.merchant_id][agreement.version - 1]
        assert found.plan == signed_on
        assert (found.agreement.signed_at, found.agreement.begins_at) == (agreement.signed_at, agreement.begins_at)
        withholding = signed_on.terms.withholding
        if found.agreement.settle_at and found.agreement.grace_ends_at and withholding:
            assert found.agreement.grace_ends_at - found.agreement.settle_at == timedelta(days=withholding.grace_days)


def m11_an_unknown_outcome_is_asked_for_and_never_tried_again(world: World) -> None:
    assert world.bank.asked_twice == []
    paid: Counter[str] = Counter()
    for taking in world.bank.taken:
        paid[taking.debt_id] += taking.amount_minor
    for entry, _ in world.ledger:
        if (
            entry.debt_id
            and entry.debt_id.startswith("charge:")
            and entry.kind not in {"charge", "deduction", "charge_owed"}
        ):
            paid[entry.debt_id] -= sum(amount for account, amount in entry.postings if account.startswith("charged:"))
    debts = {key: debt for found in world.accounts.values() for key, debt in found.debts.items()}
    assert all(amount <= debts[key].amount_minor for key, amount in paid.items())


def m12_money_comes_with_evidence_and_each_reference_once(world: World) -> None:
    confirmed = [one for one in world.till.claims.values() if one.state == "confirmed"]
    came: Counter[str] = Counter()
    for entry, _ in world.ledger:
        if entry.kind in {"repayment", "overpayment"}:
            came[entry.reference or ""] += dict(entry.postings)["platform:cash"]
    assert came == Counter({one.repayment_id: one.amount_minor for one in confirmed})
    assert len({one.reference for one in confirmed}) == len(confirmed)
    assert all(one.decided_by not in {one.claimed_by, one.member_id} for one in confirmed)


def m13_nobody_decides_alone_beyond_the_sums(world: World) -> None:
    for one in world.till.done:
        concerned = {one.by, one.wanted.member_id}
        assert one.by != one.wanted.member_id
        assert one.approved_by is None or one.approved_by not in concerned
    alone = [one for one in world.till.done if one.approved_by is None and one.weight_minor]
    for one in alone:
        is_line = one.wanted.kind == "line"
        beside = [
            other
            for other in alone
            if (other.wanted.kind == "line") == is_line and one.at - POLICY.period < other.at <= one.at
        ]
        limits = POLICY.limits(one.wanted.kind, "CNY")
        member_minor = sum(o.weight_minor for o in beside if o.wanted.member_id == one.wanted.member_id)
        assert member_minor <= limits.member_minor
        assert sum(o.weight_minor for o in beside if o.by == one.by) <= limits.operator_minor


def m14_nobody_is_paid_out_more_than_came_from_them(world: World) -> None:
    cash: Counter[str] = Counter()
    for entry, line in world.ledger:
        cash[entry.member_id] += dict(entry.postings).get("platform:cash", 0)
        assert cash[entry.member_id] >= 0
        if entry.kind in {"overpayment", "payout"}:
            assert line.credit_minor >= 0
