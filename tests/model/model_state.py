"""What membership's database holds in the model, what a rule is decided on, and how its outcome is kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lutong_contracts.membership import (
    DeductionNotified,
)
from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.agreement import LIVE, Agreement, Pinned
from lutong_membership.coupons.domain import Coupon, Stock
from lutong_membership.holds.domain.holds import Hold
from lutong_membership.holds.domain.joining import RequestContext, ValidAssessment
from lutong_membership.holds.domain.requests import Decision
from lutong_membership.ledger.domain.chain import Sealed, append, seal
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import MemberPlan
from lutong_membership.plans.domain.terms import TERMS, Plan
from lutong_membership.values import Emitted
from tests.model.bank import Bank
from tests.model.till import Till

START: Final = datetime(2026, 3, 10, 4, tzinfo=UTC)  # noon in Shanghai
MEMBERS: Final = ("m-1", "m-2")
Without = frozenset[str]
CNY: Final = "CNY"
COMMON: Final[dict[str, Any]] = {
    "benefits": {"discount_percent": 10},
    "payment": {"days": 3, "remind_days": 1, "block_days": 3, "suspend_days": 5, "write_off_days": 8},
    "sign_interval_days": 2,
}
PLANS: Final = {
    "shop": TERMS.validate_python(
        COMMON
        | {
            "period": {"kind": "relative", "days": 6},
            "obligation": {"kind": "times", "times": 2},
            "settlement": {"kind": "by_benefit"},
            "withholding": {"cap_minor": 150, "delay_days": 1, "grace_days": 3, "notice_days": 1},
            "no_show": "keep",
            "no_show_fee_minor": 300,
        }
    ),
    "cafe": TERMS.validate_python(
        COMMON
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
class State:
    """What membership's database holds, and the deadlines that it set itself."""

    without: Without = frozenset()
    now: datetime = START
    bank: Bank = field(default_factory=Bank)
    versions: dict[str, list[Plan]] = field(
        default_factory=lambda: {m: [Plan(f"{m}-light", m, CNY, 12_000, 1, t)] for m, t in PLANS.items()}
    )
    accounts: dict[str, Account] = field(default_factory=dict)  # of agreements that were signed
    asked: dict[str, tuple[Agreement, Plan]] = field(default_factory=dict)  # consulted, preordered, declined, lapsed
    waiting: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[str, int] = field(default_factory=dict)
    lines: dict[LineKey, Line] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    parts: Counter[str] = field(default_factory=Counter)  # how many of each order came
    coupons: dict[str, Coupon] = field(default_factory=dict)
    stock: Stock = field(default_factory=lambda: Stock("spring", "shop", CNY, 300, 1_000, 6, 4, 2, valid_days=5))
    deadlines: list[Emitted] = field(default_factory=list)
    inbox: set[str] = field(default_factory=set)  # refunds, by id: the inbox
    ledger: list[tuple[Entry, Line]] = field(default_factory=list)  # with the line after it
    checked: int = 0  # entries of the ledger that promises were checked for
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
            standing=standing,
            blockers=self._blockers(),
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

    def emit(self, emitted: tuple[Emitted, ...]) -> None:
        for each in emitted:
            if each.due_at:
                self.deadlines.append(each)
            if isinstance(each.event, DeductionNotified):
                self.notices[each.event.deduction_id] = each.event

    def take(self, outcome: Outcome) -> None:
        """Keep what was decided about an account."""
        before = self.lines[outcome.account.line.key]
        self.lines[before.key] = replace(before, target_minor=outcome.account.line.target_minor)
        self.post(outcome.entries)
        self.accounts[outcome.account.agreement.agreement_id] = outcome.account
        self.visited.add(outcome.account.agreement.state)
        self.visited |= {f"deduction {deduction.state}" for deduction in outcome.account.deductions.values()}
        self.visited |= {f"accrual {accrual.effect}" for accrual in outcome.account.accruals.values()}
        self.emit(outcome.emitted)

    def account(self, agreement_id: str) -> Account:
        found = self.accounts[agreement_id]
        open_holds = sum(h.agreement_id == agreement_id and h.state in {"held", "waiting"} for h in self.holds.values())
        plan = self.versions[found.agreement.merchant_id][-1] if "pinned" in self.without else found.plan
        return replace(
            found,
            line=self.lines[LineKey(found.agreement.member_id, CNY)],
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
        self.emit(decision.emitted)

    def sign(self, agreement: Agreement, plan: Plan, opened: Line | None) -> None:
        if opened:
            self.lines[opened.key] = opened
        self.accounts[agreement.agreement_id] = Account(agreement, plan, self.lines[LineKey(agreement.member_id, CNY)])
        self.signed.append(agreement)
