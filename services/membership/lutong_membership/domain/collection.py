"""How debts become less: paid, deducted, given back, waived. Pure.

Whatever changes the amount of a charge that was notified makes the notice void: the amount that is
deducted is the amount that was notified, or none.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Literal

from lutong_contracts.membership import DebtWaived, DeductionDue, DeductionNotified
from lutong_membership.domain import deductions as rules
from lutong_membership.domain.agreements import Clock, Said
from lutong_membership.domain.debts import Debt, oldest_first
from lutong_membership.domain.deductions import ATTEMPTS_MAX, Deduction
from lutong_membership.domain.dossier import (
    Dossier,
    Outcome,
    booked,
    changed,
    entry_about,
    owe,
    reduce_debt,
    relieved,
    with_debt,
)
from lutong_membership.domain.ledger import EntryKind, Source, pair

Back = Literal["refund", "charge_credited"]
"""Why a member is to pay less than was booked."""

_BEARER: Final[dict[Back, Source]] = {"refund": "merchant", "charge_credited": "benefits"}
_OWED: Final[dict[Back, EntryKind]] = {"refund": "refund_owed", "charge_credited": "charge_owed"}
_FORGIVEN: Final[dict[Back, EntryKind]] = {"refund": "refund_forgiven", "charge_credited": "charge_forgiven"}
_ACCOUNT: Final[dict[Back, str]] = {"refund": "payable", "charge_credited": "benefits"}


def notify(dossier: Dossier, debt_id: str, clock: Clock) -> Outcome:
    """Tell the member what will be deducted, and from when on; where nothing is deducted, a charge is due by then."""
    debt, withholding = dossier.debts[debt_id], dossier.plan.terms.withholding
    if withholding is None or not debt.outstanding_minor:
        return Outcome(dossier)
    not_before = rules.not_before(withholding, clock.now, clock.calendar(dossier.plan))
    debt = replace(debt, due_at=debt.due_at or not_before)
    outcome = owe(dossier, debt)
    if not dossier.deducts:
        return outcome
    deduction = Deduction(
        deduction_id=f"{debt.agreement_id}.{len(dossier.deductions) + 1}",
        agreement_id=debt.agreement_id,
        debt_id=debt.debt_id,
        member_id=debt.member_id,
        currency=debt.currency,
        amount_minor=debt.outstanding_minor,
        notified_at=clock.now,
        not_before=not_before,
        attempt=1 + sum(earlier.state == "failed" for earlier in dossier.deductions.values()),
    )
    told = DeductionNotified(
        **dossier.agreement.facts,
        deduction_id=deduction.deduction_id,
        amount=dossier.money(deduction.amount_minor),
        not_before=not_before,
    )
    due = DeductionDue(agreement_id=debt.agreement_id, deduction_id=deduction.deduction_id)
    return Outcome(_with(outcome.dossier, deduction), (), (Said(told), Said(due, not_before)))


def release_deduction(dossier: Dossier, deduction_id: str, clock: Clock) -> Outcome:
    """The notice is over: the attempt may be made."""
    deduction = dossier.deductions.get(deduction_id)
    if deduction is None or deduction.state != "notified" or deduction.not_before > clock.now:
        return Outcome(dossier)
    return Outcome(_with(dossier, deduction.moved("due")))


def book_deduction(dossier: Dossier, deduction_id: str, clock: Clock) -> Outcome:
    """The amount that was notified has been taken: the charge is paid."""
    deduction = dossier.deductions[deduction_id]
    debt = dossier.debts[deduction.debt_id]
    about = entry_about(dossier, "deduction", deduction_id)
    booked_one = _with(dossier, deduction.moved("succeeded"))
    return reduce_debt(booked_one, debt, deduction.amount_minor, "cash", about).then(relieved, clock)


def retry_deduction(dossier: Dossier, deduction_id: str, clock: Clock) -> Outcome:
    """It certainly failed: notify the member again, a few times; then the charge is left to the ladder."""
    deduction = dossier.deductions[deduction_id]
    if deduction.attempt >= ATTEMPTS_MAX:
        return Outcome(dossier)
    return notify(dossier, deduction.debt_id, clock)


def pay(
    dossier: Dossier, debt: Debt, amount_minor: int, reference: str, clock: Clock, source: Source = "cash"
) -> Outcome:  # what, how much, under which id, and where the money is
    """The member pays part of a debt, or all of it."""
    about = entry_about(dossier, "repayment", reference)
    return (
        reduce_debt(dossier, debt, amount_minor, source, about)
        .then(void_notices, debt.debt_id, clock)
        .then(relieved, clock)
    )


def allocate(dossiers: Iterable[Dossier], amount_minor: int) -> list[tuple[str, Debt, int]]:
    """Which debts of a member an amount pays, as (agreement, debt, amount): the oldest first, whatever they are for."""
    payable = oldest_first(debt for dossier in dossiers for debt in dossier.payable())
    parts = []
    for debt in payable:
        if amount_minor:
            part_minor = min(amount_minor, debt.outstanding_minor)
            parts.append((debt.agreement_id, debt, part_minor))
            amount_minor -= part_minor
    return parts


def give_back(
    dossier: Dossier, kind: Back, reference: str, debt_id: str, amount_minor: int, clock: Clock
) -> Outcome:  # what, why, of which debt, how much
    """The member is to pay less than was booked: drop what is unpaid, and owe the member what they paid of the rest.

    What a waiver or a write-off bore goes back to the platform: nobody is given money that never came. What is owed to
    the member pays other debts of the agreement first.
    """
    debt = dossier.debts[debt_id]
    unpaid_minor = debt.outstanding_minor if debt in dossier.payable() else 0
    dropped_minor = min(amount_minor, unpaid_minor)
    outcome = Outcome(dossier)
    if dropped_minor:
        about = entry_about(dossier, kind, reference)
        outcome = reduce_debt(dossier, debt, dropped_minor, _BEARER[kind], about).then(void_notices, debt_id, clock)
    rest_minor = amount_minor - dropped_minor
    if rest_minor:
        outcome = outcome.then(_give_rest_back, kind, reference, debt_id, rest_minor).then(_offset, reference, clock)
    return outcome.then(relieved, clock)


def _give_rest_back(dossier: Dossier, kind: Back, reference: str, debt_id: str, rest_minor: int) -> Outcome:
    """Of what is not unpaid: the member's money goes to the member, what the platform gave up comes back to it.

    What a deduction is perhaps paying right now counts as paid: its outcome decides about the debt, not about this.
    """
    debt = dossier.debts[debt_id]
    taking_minor = 0 if debt in dossier.payable() else debt.outstanding_minor
    owed_minor = min(rest_minor, max(0, debt.paid_minor + taking_minor))
    account = f"merchant:{dossier.agreement.merchant_id}:{_ACCOUNT[kind]}"
    parts: tuple[tuple[EntryKind, str, int], ...] = (
        (_OWED[kind], f"credit:{debt.member_id}", owed_minor),
        (_FORGIVEN[kind], "platform:waivers", rest_minor - owed_minor),
    )
    entries = [
        replace(entry_about(dossier, entry, reference), postings=pair(account, other, part_minor), debt_id=debt_id)
        for entry, other, part_minor in parts
    ]
    paid = replace(debt, paid_minor=debt.paid_minor - owed_minor)
    return booked(dossier, entries, debts=with_debt(dossier, paid))


def waive(dossier: Dossier, debt: Debt, amount_minor: int, reference: str, clock: Clock) -> Outcome:
    """An operator lets the member off part of a debt, or all of it."""
    about = entry_about(dossier, "waiver", reference)
    event = DebtWaived(**dossier.agreement.facts, amount=dossier.money(amount_minor))
    return (
        reduce_debt(dossier, debt, amount_minor, "waivers", about, event)
        .then(void_notices, debt.debt_id, clock)
        .then(relieved, clock)
    )


def _offset(dossier: Dossier, reference: str, clock: Clock) -> Outcome:
    """What the platform owes the member pays what the member owes under this agreement, the oldest first."""
    outcome = Outcome(dossier)
    for _, debt, part_minor in allocate([dossier], dossier.line.credit_minor):
        about = entry_about(dossier, "offset", reference)
        outcome = outcome.then(reduce_debt, debt, part_minor, "credit", about).then(void_notices, debt.debt_id, clock)
    return outcome


def void_notices(dossier: Dossier, debt_id: str, clock: Clock) -> Outcome:
    """The amount is another now: what was notified is void, and what is left is notified anew."""
    void = {
        deduction_id: deduction.moved("void")
        for deduction_id, deduction in dossier.deductions.items()
        if deduction.debt_id == debt_id and deduction.state in {"notified", "due"}
    }
    if not void:
        return Outcome(dossier)
    outcome = changed(dossier, deductions={**dossier.deductions, **void})
    return outcome.then(notify, debt_id, clock)


def _with(dossier: Dossier, deduction: Deduction) -> Dossier:
    return replace(dossier, deductions={**dossier.deductions, deduction.deduction_id: deduction})
