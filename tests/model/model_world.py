"""Membership as a state machine: the service's own rules, and what a transaction does around them.

A shell of plain Python: what SQL does (inbox, locks, states that must match, unique ids) is a line
here, and each such line can be left out by its name; so can a bound inside a rule, by giving the
rule other terms than the ones that were signed. Then the invariants must notice.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.membership import (
    DeductionDue,
    DeductionFailed,
    DeductionNotified,
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
from lutong_membership.agreements.domain.agreement import LIFE, LIVE, Agreement, Pinned
from lutong_membership.agreements.domain.approvals import Adjustment, weight
from lutong_membership.agreements.domain.direct_debit import UNDER_WAY, Deduction, postponed
from lutong_membership.coupons.domain import Coupon, Stock, issue, returned
from lutong_membership.holds.domain import delivery
from lutong_membership.holds.domain.consultations import Consultation, conclude
from lutong_membership.holds.domain.holds import HOLD_LIFE, Hold, released
from lutong_membership.holds.domain.requests import Decision, RequestContext, ValidAssessment, decide
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, Sealed, append, pair, seal
from lutong_membership.ledger.domain.lines import retargeted, settled
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import MemberPlan
from lutong_membership.plans.domain.terms import TERMS, Plan
from lutong_membership.repayments.domain import Repayment, surplus
from lutong_membership.thresholds import Deed
from lutong_membership.values import Emitted
from tests.model.bank import Bank
from tests.model.till import OPERATORS, Till
from tests.support.builders import a_request

START: Final = datetime(2026, 3, 10, 4, tzinfo=UTC)  # noon in Shanghai
MEMBERS: Final = ("m-1", "m-2")
Without = frozenset[str]
_CNY: Final = "CNY"
_COMMON: Final[dict[str, Any]] = {
    "benefits": {"discount_percent": 10},
    "payment": {"days": 3, "remind_days": 1, "block_days": 3, "suspend_days": 5, "write_off_days": 8},
    "sign_interval_days": 2,
}
PLANS: Final = {
    "shop": TERMS.validate_python(
        _COMMON
        | {
            "period": {"kind": "relative", "days": 6},
            "obligation": {"kind": "times", "times": 2},
            "settlement": {"kind": "by_benefit"},
            "withholding": {"cap_minor": 150, "delay_days": 1, "grace_days": 3, "notice_days": 1},
        }
    ),
    "cafe": TERMS.validate_python(
        _COMMON
        | {
            "period": {"kind": "from_tomorrow", "days": 4},
            "obligation": {"kind": "amount", "amount_minor": 6_000},
            "settlement": {
                "kind": "by_times",
                "tiers": [{"times": 0, "charge_minor": 900}, {"times": 2, "charge_minor": 200}],
            },
            "withholding": {"cap_minor": 700, "exempt_minor": 20, "grace_days": 2, "notice_days": 1},
        }
    ),
}


@dataclass(slots=True)
class Office:
    """What membership's database holds, and the deadlines that it set itself."""

    without: Without = frozenset()
    now: datetime = START
    bank: Bank = field(default_factory=Bank)
    versions: dict[str, list[Plan]] = field(
        default_factory=lambda: {m: [Plan(f"{m}-light", m, _CNY, 12_000, 1, t)] for m, t in PLANS.items()}
    )
    accounts: dict[str, Account] = field(default_factory=dict)  # of agreements that were signed
    asked: dict[str, tuple[Agreement, Plan]] = field(default_factory=dict)  # consulted, preordered, declined, lapsed
    waiting: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[str, int] = field(default_factory=dict)
    lines: dict[LineKey, Line] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    stock: Stock = field(default_factory=lambda: Stock("spring", "shop", _CNY, 300, 1_000, 6, 4, 2, valid_days=5))
    deadlines: list[Emitted] = field(default_factory=list)
    heard: set[str] = field(default_factory=set)  # refunds, by id: the inbox
    ledger: list[tuple[Entry, Line]] = field(default_factory=list)  # with the line after it
    sealed: dict[LineKey, list[Sealed]] = field(default_factory=lambda: defaultdict(list))
    notices: dict[str, DeductionNotified] = field(default_factory=dict)
    signed: list[Agreement] = field(default_factory=list)
    settled: list[tuple[datetime, Account]] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)  # states and kinds that were come to
    last_id: int = 0
    till: Till = field(default_factory=Till)

    def __post_init__(self) -> None:
        self.till.without = self.without

    @property
    def clock(self) -> Clock:
        return Clock(self.now, hold_life=timedelta(days=3), offer_life=timedelta(days=1))

    def new_id(self) -> str:
        self.last_id += 1
        return f"a-{self.last_id}"

    # What goes into a decision, and what comes out of it

    def context(self) -> RequestContext:
        live = (
            {}
            if "one_live" in self.without
            else {d.agreement.agreement_id: (d.agreement, d.plan) for d in self.accounts.values()}
        )
        agreements = {
            MemberPlan(agreement.member_id, agreement.plan_id): Pinned(agreement, plan)
            for agreement, plan in (*live.values(), *self.asked.values())
            if agreement.state in LIVE and not ("one_live" in self.without and agreement.state == "consulted")
        }
        roomy = "limit" in self.without
        lines = {k: replace(line, held_minor=0, owed_minor=0) if roomy else line for k, line in self.lines.items()}
        standing = {
            a.member_id: ValidAssessment(self.limits[a.agreement_id], a.agreement_id)
            for a, _ in self.asked.values()
            if a.state == "preordered"
        }
        coupons = (
            {k: replace(c, state="issued", order_id=None) for k, c in self.coupons.items()}
            if "coupon_state" in self.without
            else dict(self.coupons)
        )
        return RequestContext(
            {merchant: plans[-1] for merchant, plans in self.versions.items()},
            frozenset(MEMBERS),
            agreements,
            lines,
            coupons,
            {order for order, hold in self.holds.items() if hold.state != "cancelled"},
            frozenset(order for order, hold in self.holds.items() if hold.state == "cancelled"),
            standing,
            self._blockers(),
        )

    def _blockers(self) -> dict[MemberPlan, str]:
        found: dict[MemberPlan, str] = {}
        if "interval" in self.without:
            return found
        for d in self.accounts.values():
            agreement = d.agreement
            if agreement.step in {"blocked", "suspended", "proposed"}:
                found |= {MemberPlan(agreement.member_id, f"{merchant}-light"): "debts_overdue" for merchant in PLANS}
            elif agreement.signed_at and agreement.signed_at > self.now - timedelta(days=2):
                found[MemberPlan(agreement.member_id, agreement.plan_id)] = "signed_recently"
        return found

    def post(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            torn = "balance" in self.without and entry.kind == "benefit_accrued"
            written = replace(entry, postings=entry.postings[:1]) if torn else entry
            key = entry.line_key
            sealed = seal(self.lines[key], written, self.now)
            self.lines[key] = append(self.lines[key], sealed)
            self.sealed[key].append(sealed)
            self.ledger.append((written, self.lines[key]))
            self.visited.add(entry.kind)

    def say(self, said: tuple[Emitted, ...]) -> None:
        for each in said:
            if each.due_at:
                self.deadlines.append(each)
            if isinstance(each.event, DeductionNotified):
                self.notices[each.event.deduction_id] = each.event

    def take(self, outcome: Outcome) -> None:
        """Keep what was decided about a dossier."""
        before = self.lines[outcome.account.line.key]
        self.lines[before.key] = replace(before, target_minor=outcome.account.line.target_minor)
        self.post(outcome.entries)
        self.accounts[outcome.account.agreement.agreement_id] = outcome.account
        self.visited.add(outcome.account.agreement.state)
        self.visited |= {f"deduction {deduction.state}" for deduction in outcome.account.deductions.values()}
        self.visited |= {f"accrual {accrual.effect}" for accrual in outcome.account.accruals.values()}
        self.say(outcome.emitted)

    def account(self, agreement_id: str) -> Account:
        found = self.accounts[agreement_id]
        open_holds = sum(h.agreement_id == agreement_id and h.state in {"held", "waiting"} for h in self.holds.values())
        plan = self.versions[found.agreement.merchant_id][-1] if "pinned" in self.without else found.plan
        return replace(
            found,
            line=self.lines[LineKey(found.agreement.member_id, _CNY)],
            plan=plan,
            open_holds=open_holds,
            deducts=True,
        )

    def keep(self, decision: Decision) -> None:
        """Keep what was decided about a request."""
        agreement = decision.agreement
        if agreement and agreement.state == "consulted":
            self.asked[agreement.agreement_id] = (agreement, self.versions[agreement.merchant_id][-1])
        elif agreement:
            plan = self.asked.pop(agreement.agreement_id, (None, self.versions[agreement.merchant_id][-1]))[1]
            self.sign(agreement, plan, decision.opened)
        if decision.hold.state == "waiting":
            self.waiting[decision.hold.agreement_id or ""].append(decision.request)
        known = self.holds.get(decision.request.order_id)
        if known is None or known.state == "waiting":
            self.holds[decision.request.order_id] = decision.hold
            self.visited.add(f"hold {decision.hold.state}")
        if decision.coupon:
            self.coupons[decision.coupon.coupon_id] = decision.coupon
        self.post(decision.entries)
        self.say(decision.emitted)

    def sign(self, agreement: Agreement, plan: Plan, opened: Line | None) -> None:
        if opened:
            self.lines[opened.key] = opened
        self.accounts[agreement.agreement_id] = Account(agreement, plan, self.lines[LineKey(agreement.member_id, _CNY)])
        self.signed.append(agreement)

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
        self.say(done.emitted)
        for decision in done.decisions:
            self.keep(decision)

    def deliver(self, order: str, amount_minor: int, ago: timedelta) -> None:
        """Goods reached their member, some time ago."""
        hold = self.holds[order]
        if "captured" not in HOLD_LIFE[hold.state] and not (
            "first_ending" in self.without and hold.state == "captured"
        ):
            return
        hold = replace(hold, state="held") if hold.state == "captured" else hold
        amount = Money(amount_minor=min(amount_minor, hold.amount_minor), currency=_CNY)
        self.holds[order] = replace(hold, state="captured", captured_minor=amount.amount_minor)
        self.take(delivery.deliver(self.account(hold.agreement_id or ""), hold, amount, self.now - ago, self.clock))
        coupon = self.coupons.get(hold.coupon_id or "")
        if coupon and coupon.state == "reserved" and coupon.order_id == order:
            self.coupons[coupon.coupon_id] = coupon.moved("redeemed")

    def release(self, order: str, *, lapse: bool = False) -> None:
        """The order came to nothing, or took too long."""
        hold = self.holds[order]
        if hold.state == "waiting" and not lapse:
            self.holds[order] = replace(hold, state="cancelled", reason="order_cancelled")
        wanted = "expired" if lapse else "released"
        if wanted not in HOLD_LIFE[hold.state]:
            return
        self.holds[order] = replace(hold, state=wanted)
        if hold.state == "held":
            line = self.lines[LineKey(hold.member_id, _CNY)]
            kind: Any = "expiry" if lapse else "release"
            self.post(settled(line, released(hold, line, hold.amount_minor, kind)))
        coupon = self.coupons.get(hold.coupon_id or "")
        if not lapse and coupon and coupon.state == "reserved" and coupon.order_id == order:
            self.coupons[coupon.coupon_id] = returned(coupon, self.now)
        self.take(account.close(self.account(hold.agreement_id or ""), self.clock))

    def refund(self, order: str, refund_id: str, amount_minor: int) -> None:
        """Part of an order goes back; the same word may come twice."""
        hold = self.holds[order]
        if hold.state != "captured" or (refund_id in self.heard and "inbox" not in self.without):
            return
        found = self.account(hold.agreement_id or "")
        order_accruals = [a for a in found.accruals.values() if a.order_id == order]
        left_minor = sum(a.amount_minor for a in order_accruals)
        if not left_minor:
            return
        if "paid" in self.without:  # as if all that is not unpaid had been paid
            careless = {
                key: replace(d, paid_minor=d.amount_minor - d.outstanding_minor) for key, d in found.debts.items()
            }
            found = replace(found, debts=careless)
        self.heard.add(refund_id)
        event = OrderRefunded(
            order_id=order, refund_id=refund_id, member_id=hold.member_id, merchant_id=hold.merchant_id,
            amount=Money(amount_minor=min(amount_minor, left_minor), currency=_CNY),
        )  # fmt: skip
        self.take(delivery.refund(found, event, self.now, self.clock))

    def repay(self, member: str, amount_minor: int, rng: random.Random) -> None:
        """A member asks to pay, and mostly an operator finds the money on a statement, if not always at once."""
        mine = [self.account(key) for key, d in self.accounts.items() if d.agreement.member_id == member]
        payable_minor = sum(debt.outstanding_minor for found in mine for debt in found.payable())
        repayment_id = self.new_id()
        wanted_minor = min(amount_minor, payable_minor) or amount_minor
        self.till.claim(repayment_id, member, wanted_minor, payable_minor, self.now)
        if "evidence" in self.without and repayment_id in self.till.claims:
            self.book(self.till.claims[repayment_id])
        if self.till.claims and rng.random() < 0.9:
            settings_of = rng.choice([repayment_id, rng.choice(list(self.till.claims))])
            reference = f"t-{rng.randrange(40)}" if rng.random() < 0.1 else self.new_id()
            confirmed = (
                self.till.confirm(settings_of, reference, rng.choice(OPERATORS), self.now)
                if settings_of in self.till.claims
                else None
            )
            if confirmed:
                self.book(confirmed)

    def book(self, repayment: Repayment) -> None:
        """What came pays the oldest debts; the rest is owed to the member."""
        mine = [self.account(key) for key, d in self.accounts.items() if d.agreement.member_id == repayment.member_id]
        parts = collection.allocate(mine, repayment.amount_minor)
        for debt, part_minor in parts:
            found = self.account(debt.agreement_id)
            self.take(collection.pay(found, debt, part_minor, repayment.repayment_id, self.clock))
        if entry := surplus(repayment, parts):
            self.post([entry])

    def leave(self, agreement_id: str) -> None:
        outcome = term.quit_early(self.account(agreement_id), self.clock)
        if isinstance(outcome, Outcome):
            self.take(outcome)

    def decide(self, deed: Deed, about: str, amount_minor: int, rng: random.Random) -> None:
        """An operator decides about an agreement or a member, or proposes it, and another one may approve."""
        found = self.accounts.get(about)
        member = found.agreement.member_id if found else about
        if (member, _CNY) not in self.lines:
            return
        debts = self.account(about).payable() if found else []
        debt_id = debts[0].debt_id if deed == "waiver" and debts else None
        if deed == "write_off":
            amount_minor = sum(debt.outstanding_minor for debt in debts)
        wanted = Adjustment(self.new_id(), deed, member, _CNY, amount_minor, "why", about if found else None, debt_id)
        if self._can(wanted) and self.till.may(wanted, self._weight(wanted), rng.choice(OPERATORS), self.now):
            self._do(wanted)
        if self.till.proposals and rng.random() < 0.7:
            self.approve(rng.choice([*list(self.till.proposals)[-2:]]), rng.choice(OPERATORS))

    def approve(self, proposal_id: str, operator: str) -> None:
        wanted = self.till.approve(proposal_id, operator, self.now)
        if wanted and self._can(wanted):
            self.till.close(wanted, self._weight(wanted), operator, self.now)
            self.visited.add(f"two decided {wanted.deed}")
            self._do(wanted)

    def _weight(self, wanted: Adjustment) -> int:
        return weight(wanted, self.lines[LineKey(wanted.member_id, _CNY)].target_minor)

    def _can(self, wanted: Adjustment) -> bool:
        """Whether what is wanted can be done now, as the commands ask."""
        if wanted.deed == "line":
            return True
        if wanted.deed == "payout":
            taking = any(
                deduction.state in UNDER_WAY
                for found in self.accounts.values()
                if found.agreement.member_id == wanted.member_id
                for deduction in found.deductions.values()
            )
            return not taking and 0 < wanted.amount_minor <= self.lines[LineKey(wanted.member_id, _CNY)].credit_minor
        found = self.account(wanted.agreement_id or "")
        payable = {debt.debt_id: debt.outstanding_minor for debt in found.payable()}
        if wanted.deed == "waiver":
            return 0 < wanted.amount_minor <= payable.get(wanted.debt_id or "", 0)
        all_payable = len(payable) == sum(bool(d.outstanding_minor) for d in found.debts.values())
        is_proposed = "written_off" in LIFE[found.agreement.state] and 0 < sum(payable.values()) <= wanted.amount_minor
        return all_payable and is_proposed and found.agreement.step != "none"

    def _do(self, wanted: Adjustment) -> None:
        key = LineKey(wanted.member_id, _CNY)
        if wanted.deed == "line":
            self.lines[key], entries = retargeted(self.lines[key], wanted.amount_minor)
            self.post(entries)
        elif wanted.deed == "payout":
            legs = pair(f"credit:{wanted.member_id}", "platform:cash", wanted.amount_minor)
            self.post([Entry("payout", wanted.member_id, _CNY, legs, reference=wanted.reference)])
        elif wanted.deed == "write_off":
            self.take(term.write_off(self.account(wanted.agreement_id or ""), wanted.reference, self.clock))
        else:
            found = self.account(wanted.agreement_id or "")
            debt = found.debts[wanted.debt_id or ""]
            self.take(collection.waive(found, debt, wanted.amount_minor, wanted.reference, self.clock))

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
            outcome = issue(stale, f"c-{len(self.coupons) + 1}", member, 0, self.clock)
        else:
            outcome = issue(self.stock, f"c-{len(self.coupons) + 1}", member, before, self.clock)
        if isinstance(outcome, tuple):
            self.stock, coupon = outcome
            self.coupons[coupon.coupon_id] = coupon

    # Deadlines and the errand

    def ring(self, number: int) -> None:
        """A deadline that is due is heard; it may be heard again later."""
        due = [said for said in self.deadlines if said.due_at and said.due_at <= self.now]
        if due:
            said = due[number % len(due)]
            self.deadlines.remove(said)
            self.hear(said.event)

    def hear(self, event: Event) -> None:
        """Membership hears what it said to itself."""
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
            DeductionSucceeded: lambda d: collection.book_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionSucceeded
            DeductionFailed: lambda d: collection.retry_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionFailed
        }
        self.take(rules[type(event)](self.account(agreement_id)))

    def _settle(self, found: Account) -> Outcome:
        """Decide what is charged; a careless office reads another cap, or forgets what was fulfilled."""
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
