"""What members, merchants and goods do to membership in the model: orders, deliveries, refunds, repayments, coupons."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from typing import Any

from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.values import Money
from lutong_membership.agreements.domain import account, collection, term
from lutong_membership.agreements.domain.account import Outcome
from lutong_membership.coupons.domain import Coupon, Holder, issue
from lutong_membership.holds.domain import holds
from lutong_membership.holds.domain.holds import HOLD_LIFE, Delivery, released
from lutong_membership.holds.domain.requests import Consultation, conclude, decide
from lutong_membership.ledger.domain.entries import LineKey, settled
from lutong_membership.plans.domain.terms import TERMS
from lutong_membership.repayments.domain import Repayment, surplus
from tests.model.model_operators import Operators
from tests.model.model_state import CNY
from tests.model.till import OPERATORS
from tests.support.builders import a_request


@dataclass(slots=True)
class Members(Operators):
    """What is asked of membership, and what becomes of it."""

    def order(self, member: str, merchant: str, amount_minor: int, coupon: str | None) -> None:
        wish = a_request(f"o-{len(self.holds) + 1}", amount_minor, member)
        request = wish.model_copy(update={"merchant_id": merchant, "coupon_id": coupon})
        decision = decide(request, self.context(), self.clock, self.new_id)
        if decision:
            self.keep(decision)

    def answer(self, agreement_id: str, limit_minor: int) -> None:
        """The provider answers; 0 is a refusal."""
        agreement, plan = self.asked[agreement_id]
        if agreement.state != "consulted":
            return
        self.limits[agreement_id] = limit_minor
        refusal = None if limit_minor else "not_admitted"
        waiting = tuple(self.waiting.pop(agreement_id, ()))
        done = conclude(Consultation(agreement, plan, limit_minor, refusal, waiting), self.context(), self.clock)
        if done.agreement.state == "active":
            self.asked.pop(agreement_id)
            self.sign(done.agreement, plan, done.opened)
        else:
            self.asked[agreement_id] = (done.agreement, plan)
        self.post(done.entries)
        self.emit(done.emitted)
        for decision in done.decisions:
            self.keep(decision)

    def deliver_part(self, order: str, amount_minor: int, ago: timedelta) -> None:
        """A part of an order reached its member, some time ago: the rest is held for the others."""
        hold = self.holds[order]
        if hold.state not in {"held", "expired"} or not hold.left_minor:
            return
        self.parts[order] += 1
        amount = Money(amount_minor=min(amount_minor, hold.left_minor), currency=CNY)
        came = Delivery(amount, self.now - ago, f"{order}.{self.parts[order]}" if self.parts[order] > 1 else order)
        kept = 0 if "parts" in self.without else hold.captured_minor + amount.amount_minor
        self.holds[order] = replace(hold, captured_minor=kept)
        self.take(holds.deliver(self.account(hold.agreement_id or ""), hold, came, self.clock))
        self.visited.add("a part came")

    def deliver(self, order: str, amount_minor: int, ago: timedelta) -> None:
        """Goods reached their member, some time ago: all of an order, or the last of its parts."""
        hold = self.holds[order]
        if "captured" not in HOLD_LIFE[hold.state] and not (
            "first_ending" in self.without and hold.state == "captured"
        ):
            return
        hold = replace(hold, state="held", captured_minor=0) if hold.state == "captured" else hold
        came_minor = hold.captured_minor if self.parts[order] else min(amount_minor, hold.amount_minor)
        came = Delivery(Money(amount_minor=came_minor, currency=CNY), self.now - ago)
        self.holds[order] = replace(hold, state="captured", captured_minor=came_minor)
        self.take(holds.deliver(self.account(hold.agreement_id or ""), hold, came, self.clock))
        if coupon := self._reserved_by(order):
            self.coupons[coupon.coupon_id] = coupon.moved("redeemed")

    def release(self, order: str, *, lapse: bool = False) -> None:
        """The order came to nothing, or took too long."""
        hold = self.holds[order]
        if hold.state == "waiting" and not lapse:
            self.holds[order] = replace(hold, state="cancelled", reason="order_cancelled")
        wanted = "expired" if lapse else "released"
        if wanted not in HOLD_LIFE[hold.state] or (self.parts[order] and not lapse):
            return
        self.holds[order] = replace(hold, state=wanted)
        if hold.state == "held" and hold.left_minor:
            line = self.lines[LineKey(hold.member_id, CNY)]
            kind: Any = "expiry" if lapse else "release"
            self.post(settled(line, released(hold, line, hold.left_minor, kind)))
        if not lapse:
            self._return_coupon(order)
        self.take(account.close(self.account(hold.agreement_id or ""), self.clock))

    def _reserved_by(self, order: str) -> Coupon | None:
        """The coupon that is set aside for an order."""
        coupon = self.coupons.get(self.holds[order].coupon_id or "")
        return coupon if coupon and coupon.state == "reserved" and coupon.order_id == order else None

    def _return_coupon(self, order: str) -> None:
        if coupon := self._reserved_by(order):
            self.coupons[coupon.coupon_id] = coupon.returned(self.now)

    def miss(self, order: str) -> None:
        """Nobody picked the order up: a fee is kept where the terms say so, else all is given back."""
        hold = self.holds[order]
        if hold.state == "waiting" or "released" not in HOLD_LIFE[hold.state] or self.parts[order]:
            return
        found = self.account(hold.agreement_id or "")
        fee_minor = holds.fee_of(hold, found.plan.terms)
        if not fee_minor:
            self.release(order)
            return
        self.holds[order] = replace(hold, state="released", captured_minor=fee_minor, reason="no_show")
        outcome = holds.keep_fee(found, hold, self.clock)
        if "no_goods" in self.without:  # as if the goods had come
            came = Delivery(Money(amount_minor=fee_minor, currency=CNY), self.now)
            outcome = holds.deliver(found, hold, came, self.clock)
        self.take(outcome)
        self._return_coupon(order)
        self.visited.add("a fee was kept")

    def refund(self, order: str, refund_id: str, amount_minor: int) -> None:
        """Part of an order goes back; the same word may come twice."""
        hold = self.holds[order]
        if hold.state != "captured" or (refund_id in self.inbox and "inbox" not in self.without):
            return
        found = self.account(hold.agreement_id or "")
        left = Counter[str]()
        for a in found.accruals.values():
            left[a.cites or a.accrual_id] += a.amount_minor if a.order_id == order else 0
        part, left_minor = max(left.items(), key=itemgetter(1), default=("", 0))
        if not left_minor:
            return
        if "paid" in self.without:  # as if all that is not unpaid had been paid
            careless = {
                key: replace(d, paid_minor=d.amount_minor - d.outstanding_minor) for key, d in found.debts.items()
            }
            found = replace(found, debts=careless)
        self.inbox.add(refund_id)
        event = OrderRefunded(
            order_id=order, fulfilment_id=part.removeprefix("order:") if self.parts[order] else None,
            refund_id=refund_id, member_id=hold.member_id, merchant_id=hold.merchant_id,
            amount=Money(amount_minor=min(amount_minor, left_minor), currency=CNY),
        )  # fmt: skip
        self.take(holds.refund(found, event, self.now, self.clock))

    def repay(self, member: str, amount_minor: int, rng: random.Random) -> None:
        """A member asks to pay, and mostly an operator finds the money on a statement, if not always at once."""
        mine = [self.account(key) for key, d in self.accounts.items() if d.agreement.member_id == member]
        payable_minor = sum(debt.outstanding_minor for found in mine for debt in found.payable())
        repayment_id = self.new_id()
        wanted_minor = min(amount_minor, payable_minor) or amount_minor
        self.till.claim(repayment_id, member, wanted_minor, payable_minor, self.now)
        if "evidence" in self.without and repayment_id in self.till.claims:
            self.record_repayment(self.till.claims[repayment_id])
        if self.till.claims and rng.random() < 0.9:
            settings_of = rng.choice([repayment_id, rng.choice(list(self.till.claims))])
            reference = f"t-{rng.randrange(40)}" if rng.random() < 0.1 else self.new_id()
            confirmed = (
                self.till.confirm(settings_of, reference, rng.choice(OPERATORS), self.now)
                if settings_of in self.till.claims
                else None
            )
            if confirmed:
                self.record_repayment(confirmed)

    def record_repayment(self, repayment: Repayment) -> None:
        """What came pays the oldest debts; the rest is owed to the member."""
        mine = [self.account(key) for key, d in self.accounts.items() if d.agreement.member_id == repayment.member_id]
        parts = collection.allocate(mine, repayment.amount_minor)
        for part in parts:
            found = self.account(part.debt.agreement_id)
            self.take(collection.pay(found, part, repayment.repayment_id, self.clock))
        if entry := surplus(repayment, parts):
            self.post([entry])

    def leave(self, agreement_id: str) -> None:
        outcome = term.quit_early(self.account(agreement_id), self.clock)
        if isinstance(outcome, Outcome):
            self.take(outcome)

    def edit_plan(self, merchant: str, percent: int, cap_minor: int) -> None:
        """The merchant writes another version; who signed before keeps theirs."""
        plan = self.versions[merchant][-1]
        raw = TERMS.dump_python(plan.terms, mode="json")
        raw["benefits"]["discount_percent"], raw["withholding"]["cap_minor"] = percent, cap_minor
        raw["withholding"]["grace_days"] = percent
        self.versions[merchant].append(replace(plan, version=plan.version + 1, terms=TERMS.validate_python(raw)))

    def give_coupon(self, member: str) -> None:
        before = sum(coupon.member_id == member for coupon in self.coupons.values())
        if "stock_lock" in self.without:
            stale = replace(self.stock, issued=0, issued_today=0)  # as it was before others took from it
            outcome = issue(stale, f"c-{len(self.coupons) + 1}", Holder(member), 0, self.clock)
        else:
            outcome = issue(self.stock, f"c-{len(self.coupons) + 1}", Holder(member), before, self.clock)
        if isinstance(outcome, tuple):
            self.stock, coupon = outcome
            self.coupons[coupon.coupon_id] = coupon
