"""Membership as a state machine: the service's own rules, and what a transaction does around them.

A shell of plain Python: what SQL does (inbox, locks, states that must match, unique ids) is a line
here, and each such line can be left out by its name; so can a bound inside a rule, by giving the
rule other terms than the ones that were signed. Then the invariants must notice.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from typing import Any

from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.membership import (
    DeductionDue,
    DeductionFailed,
    DeductionSucceeded,
    GraceEnded,
    HoldLapsed,
    OfferLapsed,
    OverdueStepDue,
    SettlementDue,
    TermEnded,
)
from lutong_contracts.values import Money
from lutong_membership.agreements.domain import account, collection, term
from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.direct_debit import Deduction, postponed
from lutong_membership.coupons.domain import Holder, issue
from lutong_membership.holds.domain import holds
from lutong_membership.holds.domain.holds import HOLD_LIFE, Delivery, released
from lutong_membership.holds.domain.requests import Consultation, conclude, decide
from lutong_membership.ledger.domain.entries import LineKey, settled
from lutong_membership.plans.domain.terms import TERMS
from lutong_membership.repayments.domain import Repayment, surplus
from lutong_membership.values import Emitted
from tests.model.model_operators import Operators
from tests.model.model_state import CNY, MEMBERS, PLANS, START, Without
from tests.model.till import OPERATORS
from tests.support.builders import a_request

__all__ = ["MEMBERS", "PLANS", "START", "Without", "World"]


@dataclass(slots=True)
class World(Operators):
    """Membership at work: what is asked of it, what operators decide, and the deadlines that it set itself."""

    # What happens

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
        coupon = self.coupons.get(hold.coupon_id or "")
        if coupon and coupon.state == "reserved" and coupon.order_id == order:
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
        coupon = self.coupons.get(hold.coupon_id or "")
        if not lapse and coupon and coupon.state == "reserved" and coupon.order_id == order:
            self.coupons[coupon.coupon_id] = coupon.returned(self.now)
        self.take(account.close(self.account(hold.agreement_id or ""), self.clock))

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
        coupon = self.coupons.get(hold.coupon_id or "")
        if coupon and coupon.state == "reserved" and coupon.order_id == order:
            self.coupons[coupon.coupon_id] = coupon.returned(self.now)
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

    # Deadlines and the job

    def ring(self, number: int) -> None:
        """A deadline that is due is heard; it may be heard again later."""
        due = [deadline for deadline in self.deadlines if deadline.due_at and deadline.due_at <= self.now]
        if due:
            deadline = due[number % len(due)]
            self.deadlines.remove(deadline)
            self.consume(deadline.event)

    def consume(self, event: Event) -> None:
        """Membership consumes what it published itself."""
        if isinstance(event, HoldLapsed):
            self.release(event.order_id, lapse=True)
            return
        agreement_id = getattr(event, "agreement_id", "")
        if isinstance(event, OfferLapsed):
            agreement, plan = self.asked.get(agreement_id, (None, None))
            if agreement and plan and agreement.state == "preordered":
                self.asked[agreement_id] = (agreement.moved("lapsed"), plan)
            return
        rules: dict[type[Event], Callable[[Account], Outcome]] = {
            TermEnded: lambda d: term.end_term(d, self.clock),
            SettlementDue: self._settle,
            OverdueStepDue: lambda d: account.advance_dunning(d, self.clock),
            GraceEnded: lambda d: account.close(d, self.clock),
            DeductionDue: lambda d: collection.release_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionDue
            DeductionSucceeded: lambda d: collection.record_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionSucceeded
            DeductionFailed: lambda d: collection.retry_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionFailed
        }
        self.take(rules[type(event)](self.account(agreement_id)))

    def _settle(self, found: Account) -> Outcome:
        """Decide what is charged; a careless world reads another cap, or forgets what was fulfilled."""
        plan = found.plan
        if "cap" in self.without and plan.terms.withholding:
            plan = replace(
                plan, terms=replace(plan.terms, withholding=replace(plan.terms.withholding, cap_minor=10**9))
            )
        if "fulfilled" in self.without:
            plan = replace(plan, terms=replace(plan.terms, obligation=replace(PLANS["shop"].obligation, times=9_999)))  # type: ignore[type-var]  # a Times
        outcome = term.settle(replace(found, plan=plan), self.clock)
        if outcome.account.agreement.charge_minor is not None and found.agreement.charge_minor is None:
            self.settled.append((self.now, found))
        return replace(outcome, account=replace(outcome.account, plan=found.plan))

    def run_jobs(self, rng: random.Random) -> None:
        """Ask the bank about one deduction; the process may die before it has written down the answer."""
        for agreement_id in self.accounts:
            for deduction in self.account(agreement_id).deductions.values():
                if deduction.state in {"due", "sent", "unknown"} or (
                    "notice" in self.without and deduction.state == "notified"
                ):
                    self._ask(self.account(agreement_id), deduction, rng)
                    return

    def _ask(self, found: Account, deduction: Deduction, rng: random.Random) -> None:
        terms, fresh = found.plan.terms, deduction.state in {"due", "notified"}
        shut = terms.withholding and postponed(self.now, terms.withholding.window, self.clock.calendar(found.plan))
        if fresh and shut and "window" not in self.without:
            return
        if fresh:
            deduction = replace(deduction, state="sent")
        elif "query" in self.without:
            fresh = True  # a timeout taken for a failure
        answer = self.bank.deduct(deduction, self.now, rng) if fresh else self.bank.query(deduction, rng)
        died = rng.random() < 0.1
        state: Any = "sent" if died else {"succeeded": "taken", "not_there": "due"}.get(answer, answer)
        if "under_way" in self.without and state in {"sent", "unknown"}:
            state = "notified"
        self.visited.add(f"deduction {state}")
        self.accounts[found.agreement.agreement_id] = replace(
            found, deductions={**found.deductions, deduction.deduction_id: replace(deduction, state=state)}
        )
        facts = {"agreement_id": deduction.agreement_id, "member_id": deduction.member_id,
                 "deduction_id": deduction.deduction_id, "amount": found.money(deduction.amount_minor)}  # fmt: skip
        if state == "taken":
            self.deadlines.append(Emitted(DeductionSucceeded(**facts), self.now))
        elif state == "failed":
            self.deadlines.append(Emitted(DeductionFailed(**facts, reason="insufficient_funds"), self.now))
