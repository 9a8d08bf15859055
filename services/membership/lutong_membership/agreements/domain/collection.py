"""How debts become less: paid, deducted, given back, waived. Pure.

Whatever changes the amount of a charge that was notified makes the notice void: the amount that is
deducted is the amount that was notified, or none.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from lutong_contracts.membership import DebtWaived, DeductionDue, DeductionNotified
from lutong_membership.agreements.domain.account import (
    Account,
    Debt,
    Outcome,
    add_debt,
    booked,
    changed,
    entry_about,
    oldest_first,
    recover,
    reduce_debt,
    with_debt,
)
from lutong_membership.agreements.domain.direct_debit import ATTEMPTS_MAX, Deduction
from lutong_membership.ledger.domain.entries import EntryKind, Source, pair
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import Withholding
from lutong_membership.values import Emitted

Back = Literal["refund", "charge_credited"]
"""Why a member is to pay less than was booked."""

_BEARER: Final[dict[Back, Source]] = {"refund": "merchant", "charge_credited": "benefits"}
_OWED: Final[dict[Back, EntryKind]] = {"refund": "refund_owed", "charge_credited": "charge_owed"}
_FORGIVEN: Final[dict[Back, EntryKind]] = {"refund": "refund_forgiven", "charge_credited": "charge_forgiven"}
_ACCOUNT: Final[dict[Back, str]] = {"refund": "payable", "charge_credited": "benefits"}


class Part(NamedTuple):
    """The part of an amount that pays one debt, or some of it."""

    debt: Debt
    amount_minor: int


class Reduction(NamedTuple):
    """So much less of a debt, and why; `reference` is the business id of the cause."""

    kind: Back
    reference: str
    debt_id: str
    amount_minor: int


def notify(account: Account, debt_id: str, clock: Clock) -> Outcome:
    """Notify the member of what will be deducted, and from when on; without direct debit, the charge is due by then."""
    debt, withholding = account.debts[debt_id], account.plan.terms.withholding
    if withholding is None or not debt.outstanding_minor:
        return Outcome(account)
    not_before = _not_before(withholding, clock.now, clock.calendar(account.plan))
    debt = replace(debt, due_at=debt.due_at or not_before)
    outcome = add_debt(account, debt)
    if not account.deducts:
        return outcome
    deduction = Deduction(
        deduction_id=f"{debt.agreement_id}.{len(account.deductions) + 1}",
        agreement_id=debt.agreement_id,
        debt_id=debt.debt_id,
        member_id=debt.member_id,
        currency=debt.currency,
        amount_minor=debt.outstanding_minor,
        notified_at=clock.now,
        not_before=not_before,
        attempt=1 + sum(earlier.state == "failed" for earlier in account.deductions.values()),
    )
    notice = DeductionNotified(
        **account.agreement.facts,
        deduction_id=deduction.deduction_id,
        amount=account.money(deduction.amount_minor),
        not_before=not_before,
    )
    due = DeductionDue(agreement_id=debt.agreement_id, deduction_id=deduction.deduction_id)
    return Outcome(_with(outcome.account, deduction), (), (Emitted(notice), Emitted(due, not_before)))


def _not_before(withholding: Withholding, notified_at: datetime, calendar: Calendar) -> datetime:
    """From when on a notified charge may be taken: after its notice, and when the window is open."""
    return calendar.open_from(calendar.plus_days(notified_at, withholding.notice_days), withholding.window)


def release_deduction(account: Account, deduction_id: str, clock: Clock) -> Outcome:
    """The notice is over: the attempt may be made."""
    deduction = account.deductions.get(deduction_id)
    if deduction is None or deduction.state != "notified" or deduction.not_before > clock.now:
        return Outcome(account)
    return Outcome(_with(account, deduction.moved("due")))


def record_deduction(account: Account, deduction_id: str, clock: Clock) -> Outcome:
    """The amount that was notified has been taken: the charge is paid."""
    deduction = account.deductions[deduction_id]
    debt = account.debts[deduction.debt_id]
    about = entry_about(account, "deduction", deduction_id)
    booked_one = _with(account, deduction.moved("succeeded"))
    outcome = reduce_debt(booked_one, debt, deduction.amount_minor, "cash", about)
    return outcome + recover(outcome.account, clock)


def retry_deduction(account: Account, deduction_id: str, clock: Clock) -> Outcome:
    """It certainly failed: notify the member again, up to `ATTEMPTS_MAX` times; then the charge is left to dunning."""
    deduction = account.deductions[deduction_id]
    if deduction.attempt >= ATTEMPTS_MAX:
        return Outcome(account)
    return notify(account, deduction.debt_id, clock)


def pay(account: Account, part: Part, reference: str, clock: Clock, source: Source = "cash") -> Outcome:
    """The member pays part of a debt, or all of it."""
    about = entry_about(account, "repayment", reference)
    outcome = reduce_debt(account, part.debt, part.amount_minor, source, about)
    outcome += void_notices(outcome.account, part.debt.debt_id, clock)
    return outcome + recover(outcome.account, clock)


def allocate(accounts: Iterable[Account], amount_minor: int) -> list[Part]:
    """Which debts of a member an amount pays: the oldest first, whatever they are for."""
    payable = oldest_first(debt for account in accounts for debt in account.payable())
    parts = []
    for debt in payable:
        if amount_minor:
            parts.append(Part(debt, min(amount_minor, debt.outstanding_minor)))
            amount_minor -= parts[-1].amount_minor
    return parts


def give_back(account: Account, less: Reduction, clock: Clock) -> Outcome:
    """The member is to pay less than was booked: drop what is unpaid, and owe the member what they paid of the rest.

    What a waiver or a write-off bore goes back to the platform: money that never came is not paid out. What is owed to
    the member pays other debts of the agreement first.
    """
    debt = account.debts[less.debt_id]
    unpaid_minor = debt.outstanding_minor if debt in account.payable() else 0
    dropped_minor = min(less.amount_minor, unpaid_minor)
    outcome = Outcome(account)
    if dropped_minor:
        about = entry_about(account, less.kind, less.reference)
        outcome = reduce_debt(account, debt, dropped_minor, _BEARER[less.kind], about)
        outcome += void_notices(outcome.account, less.debt_id, clock)
    rest_minor = less.amount_minor - dropped_minor
    if rest_minor:
        outcome += _give_rest_back(outcome.account, less._replace(amount_minor=rest_minor))
        outcome += _offset(outcome.account, less.reference, clock)
    return outcome + recover(outcome.account, clock)


def _give_rest_back(account: Account, less: Reduction) -> Outcome:
    """Of what is not unpaid: the member's money goes to the member, what the platform gave up comes back to it.

    What a deduction is perhaps paying right now counts as paid: its outcome decides about the debt, not about this.
    """
    debt, rest_minor = account.debts[less.debt_id], less.amount_minor
    taking_minor = 0 if debt in account.payable() else debt.outstanding_minor
    owed_minor = min(rest_minor, max(0, debt.paid_minor + taking_minor))
    owner = f"merchant:{account.agreement.merchant_id}:{_ACCOUNT[less.kind]}"
    owed = replace(
        entry_about(account, _OWED[less.kind], less.reference),
        postings=pair(owner, f"credit:{debt.member_id}", owed_minor),
        debt_id=less.debt_id,
    )
    forgiven = replace(
        entry_about(account, _FORGIVEN[less.kind], less.reference),
        postings=pair(owner, "platform:waivers", rest_minor - owed_minor),
        debt_id=less.debt_id,
    )
    paid = replace(debt, paid_minor=debt.paid_minor - owed_minor)
    return booked(account, [owed, forgiven], debts=with_debt(account, paid))


def waive(account: Account, debt: Debt, amount_minor: int, reference: str, clock: Clock) -> Outcome:
    """An operator lets the member off part of a debt, or all of it."""
    about = entry_about(account, "waiver", reference)
    event = DebtWaived(**account.agreement.facts, amount=account.money(amount_minor))
    outcome = reduce_debt(account, debt, amount_minor, "waivers", about, event)
    outcome += void_notices(outcome.account, debt.debt_id, clock)
    return outcome + recover(outcome.account, clock)


def _offset(account: Account, reference: str, clock: Clock) -> Outcome:
    """What the platform owes the member pays what the member owes under this agreement, the oldest first."""
    outcome = Outcome(account)
    for debt, part_minor in allocate([account], account.line.credit_minor):
        about = entry_about(account, "offset", reference)
        outcome += reduce_debt(outcome.account, debt, part_minor, "credit", about)
        outcome += void_notices(outcome.account, debt.debt_id, clock)
    return outcome


def void_notices(account: Account, debt_id: str, clock: Clock) -> Outcome:
    """The amount is another now: what was notified is void, and what is left is notified anew."""
    void = {
        deduction_id: deduction.moved("void")
        for deduction_id, deduction in account.deductions.items()
        if deduction.debt_id == debt_id and deduction.state in {"notified", "due"}
    }
    if not void:
        return Outcome(account)
    outcome = changed(account, deductions={**account.deductions, **void})
    return outcome + notify(outcome.account, debt_id, clock)


def _with(account: Account, deduction: Deduction) -> Account:
    return replace(account, deductions={**account.deductions, deduction.deduction_id: deduction})
