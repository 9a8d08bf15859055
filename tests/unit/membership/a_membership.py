"""A member's agreement as tests want it: builders that say what matters and default the rest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.agreement import Agreement, signed
from lutong_membership.agreements.domain.term import end_term
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.holds.domain.holds import Delivery, Hold, deliver, refund
from lutong_membership.ledger.domain.entries import Line, after, hold, opened
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import TERMS, Plan

NOON: Final = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
OBLIGED: Final[dict[str, Any]] = {
    "period": {"kind": "relative", "days": 30},
    "obligation": {"kind": "times", "times": 3},
    "benefits": {"discount_percent": 10},
    "settlement": {"kind": "by_benefit"},
    "withholding": {"cap_minor": 5_000, "delay_days": 3, "grace_days": 7, "notice_days": 2},
    "payment": {"days": 15, "remind_days": 1, "block_days": 7, "suspend_days": 30, "write_off_days": 90},
}
"""Three times in thirty days, for a discount of a tenth; who fails pays back what was enjoyed, 50 yuan at most."""


def a_plan(limit_minor: int = 100_000, **changes: Any) -> Plan:  # parts of the terms
    terms = TERMS.validate_python({**OBLIGED, **changes})
    return Plan("light", "shop", "CNY", limit_minor, terms=terms)


def a_clock(days: float = 0, **changes: Any) -> Clock:
    """So many days after the agreement was signed."""
    return Clock(NOON + timedelta(days=days), **changes)


def an_agreement(plan: Plan | None = None, *, deducts: bool = False, **terms: Any) -> Account:
    """Signed at noon, with a fresh line of 1,000 yuan."""
    plan = plan or a_plan(**terms)
    agreement, _ = signed(Agreement("a-1", "m", "shop", "light", 1), plan, a_clock())
    line, entry = opened("m", "CNY", plan.line_limit_minor)
    return Account(agreement, plan, after(line, entry), deducts=deducts)


def a_hold(order: str, amount_minor: int, benefit_minor: int = 0, **changes: Any) -> Hold:
    total_minor = amount_minor + benefit_minor
    held = Hold(
        order, "m", "shop", "CNY", "held", agreement_id="a-1", amount_minor=amount_minor,
        total_minor=total_minor, discount_minor=benefit_minor, benefit_minor=benefit_minor,
    )  # fmt: skip
    return replace(held, **changes)


def bought(
    account: Account, order: str, amount_minor: int = 900, benefit_minor: int = 100, *, days: float = 1
) -> Outcome:
    """The member orders, and has the goods so many days after signing."""
    entry = hold(account.line, amount_minor, order, "a-1")
    assert entry
    account = replace(account, line=after(account.line, entry))
    amount = Money(amount_minor=amount_minor, currency="CNY")
    came = Delivery(amount, a_clock(days).now)
    return deliver(account, a_hold(order, amount_minor, benefit_minor), came, a_clock(days))


def emitted(outcome: Outcome) -> list[str]:
    """Names of what is emitted, deadlines included."""
    return [type(each.event).__name__ for each in outcome.emitted]


def kinds(outcome: Outcome) -> list[str]:
    """Kinds of the entries."""
    return [entry.kind for entry in outcome.entries]


def balanced(outcome: Outcome) -> bool:
    """Whether every entry balances."""
    return all(sum(amount for _, amount in entry.postings) == 0 for entry in outcome.entries)


def account(outcomes: list[Outcome], name: str) -> int:
    """The balance of an account after decisions."""
    legs = [leg for outcome in outcomes for entry in outcome.entries for leg in entry.postings]
    return sum(amount for leg, amount in legs if leg == name)


def a_line(**changes: Any) -> Line:
    """A line of 1,000 yuan."""
    whole = Line("m", "CNY", limit_minor=100_000, target_minor=100_000)
    return replace(whole, **changes)


def a_unit_of_work(*accounts: Account) -> UnitOfWork:
    return UnitOfWork({d.agreement.agreement_id: d for d in accounts}, {d.line.key: d.line for d in accounts})


def having_bought(times: int, **terms: Any) -> Account:
    """An agreement of a member who bought so many times: 9 yuan each, 1 yuan saved."""
    account = an_agreement(**terms)
    for number in range(times):
        account = bought(account, f"o-{number}").account
    return account


def ended(account: Account) -> Account:
    """After its thirty days."""
    return end_term(account, a_clock(30)).account


def given_back(account: Account, order: str, amount_minor: int, *, days: float, refund_id: str = "r-1") -> Outcome:
    event = OrderRefunded(
        order_id=order, refund_id=refund_id, member_id="m", merchant_id="shop",
        amount=Money(amount_minor=amount_minor, currency="CNY"),
    )  # fmt: skip
    return refund(account, event, a_clock(days).now, a_clock(days))
