"""What operators may do about a member's money: pay out, set a line, waive a debt, write off. Each may be refused. Pure."""

from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.agreement import LIFE
from lutong_membership.agreements.domain.approvals import Adjustment
from lutong_membership.agreements.domain.collection import waive
from lutong_membership.agreements.domain.term import write_off
from lutong_membership.ledger.domain.entries import Entry, Line, pair
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.values import Refusal


def pay_out(wanted: Adjustment, line: Line, *, deduction_under_way: bool) -> Entry | Refusal:
    """Pay the member what the platform owes them, at most that."""
    if wanted.amount_minor > line.credit_minor:
        return Refusal("not_owed", f"{line.credit_minor} minor units are owed to the member: pay out at most that")
    if deduction_under_way:
        return Refusal("deduction_under_way", "a deduction from this member is under way: wait for its outcome")
    legs = pair(f"credit:{wanted.member_id}", "platform:cash", wanted.amount_minor)
    return Entry("payout", wanted.member_id, wanted.currency, legs, reference=wanted.reference)


def adjust(account: Account, wanted: Adjustment, clock: Clock) -> Outcome | Refusal:
    """Waive a debt of an agreement, or write off all of them."""
    if wanted.kind == "write_off":
        return _write_off(account, wanted, clock)
    debt = next((debt for debt in account.payable() if debt.debt_id == wanted.debt_id), None)
    if debt is None or wanted.amount_minor > debt.outstanding_minor:
        return Refusal("not_owed", f"that much of debt {wanted.debt_id!r} is not open, or a deduction is under way")
    return waive(account, debt, wanted.amount_minor, wanted.reference, clock)


def _write_off(account: Account, wanted: Adjustment, clock: Clock) -> Outcome | Refusal:
    payable = account.payable()
    if len(payable) < sum(bool(debt.outstanding_minor) for debt in account.debts.values()):
        return Refusal("deduction_under_way", "a deduction is under way: wait for its outcome")
    if not payable or "written_off" not in LIFE[account.agreement.state]:
        return Refusal("nothing_owed", "nothing is owed under this agreement")
    return write_off(account, wanted.reference, clock)


def amount_of(account: Account, wanted: Adjustment) -> int:
    """What an adjustment of an agreement comes to, in minor units: of a write-off, all that is payable."""
    return account.payable_minor if wanted.kind == "write_off" else wanted.amount_minor
