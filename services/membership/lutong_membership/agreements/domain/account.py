"""The aggregate that rules decide on, what a decision gives, and dunning: the steps that an overdue debt causes. Pure.

A rule that applies several others passes each the account that the one before left, and adds up their outcomes:

    outcome = add_debt(account, debt)
    outcome += schedule_dunning(outcome.account, clock)

Dunning of an agreement follows its oldest unpaid debt. When that one is paid it follows the next:
steps that the next debt has not earned are taken back, and none is skipped on the way up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from lutong_contracts import Event
from lutong_contracts.membership import (
    AgreementClosed,
    AgreementOverdue,
    AgreementRecovered,
    AgreementSettled,
    OverdueStepDue,
)
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.accruals import Accrual
from lutong_membership.agreements.domain.agreement import CLOSING, Agreement, State, Step
from lutong_membership.agreements.domain.direct_debit import UNDER_WAY, Deduction
from lutong_membership.ledger.domain.entries import (
    MONEY,
    DebtKind,
    Entry,
    EntryKind,
    Line,
    Source,
    after,
    reduced,
    settled,
)
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import Payment, Plan
from lutong_membership.values import Emitted

DUNNING_STEPS: Final[tuple[Step, ...]] = ("none", "reminded", "blocked", "suspended", "proposed")


@dataclass(frozen=True, slots=True)
class Debt:
    """One thing that a member is to pay. Without `due_at` it is payable, and never overdue.

    `paid_minor` is what the member's money paid of it and was not given back: a refund owes them no more than that.
    """

    debt_id: str
    agreement_id: str
    member_id: str
    currency: str
    kind: DebtKind
    amount_minor: int
    outstanding_minor: int
    incurred_at: datetime
    due_at: datetime | None = None
    paid_minor: int = 0

    def less(self, amount_minor: int, *, paid: bool = False) -> "Debt":
        """The debt after so much of it is gone: paid with the member's money, or dropped."""
        if not 0 <= amount_minor <= self.outstanding_minor:
            raise RuntimeError(f"debt {self.debt_id}: {amount_minor} of {self.outstanding_minor}")
        paid_minor = self.paid_minor + (amount_minor if paid else 0)
        return replace(self, outstanding_minor=self.outstanding_minor - amount_minor, paid_minor=paid_minor)


@dataclass(frozen=True, slots=True)
class Account:
    """An agreement, its plan as it was signed, the member's line, and what hangs on the agreement, by id.

    `deducts` is whether charges are taken by direct debit; otherwise they wait to be repaid.
    """

    agreement: Agreement
    plan: Plan
    line: Line
    accruals: Mapping[str, Accrual] = field(default_factory=dict)
    debts: Mapping[str, Debt] = field(default_factory=dict)
    deductions: Mapping[str, Deduction] = field(default_factory=dict)
    open_holds: int = 0
    deducts: bool = False

    def money(self, amount_minor: int) -> Money:
        """An amount in the plan's currency."""
        return Money(amount_minor=amount_minor, currency=self.plan.currency)

    def payable(self) -> list[Debt]:
        """Unpaid debts that may be paid now: not those that a deduction is perhaps paying already."""
        taken = {d.debt_id for d in self.deductions.values() if d.state in UNDER_WAY}
        return [debt for debt in oldest_first(self.debts.values()) if debt.debt_id not in taken]

    @property
    def payable_minor(self) -> int:
        """What may be paid now, in minor units."""
        return sum(debt.outstanding_minor for debt in self.payable())

    @property
    def owes(self) -> bool:
        """Whether anything is unpaid."""
        return any(debt.outstanding_minor for debt in self.debts.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule decided: the account afterwards, its new ledger entries, and the events to publish."""

    account: Account
    entries: tuple[Entry, ...] = ()
    emitted: tuple[Emitted, ...] = ()

    def __add__(self, later: "Outcome") -> "Outcome":
        """Both decisions as one. `later` was decided on the account that this one left."""
        return Outcome(later.account, self.entries + later.entries, self.emitted + later.emitted)


def oldest_first(debts: Iterable[Debt]) -> list[Debt]:
    """Unpaid debts in the order in which they are paid."""
    return sorted((d for d in debts if d.outstanding_minor), key=lambda debt: (debt.incurred_at, debt.debt_id))


def changed(account: Account, /, *events: Event, **changes: Any) -> Outcome:  # fields of an account
    """A decision that moves no money."""
    return Outcome(replace(account, **changes), emitted=tuple(map(Emitted, events)))


def booked(
    account: Account, /, entries: Iterable[Entry], *events: Event, **changes: Any
) -> Outcome:  # fields of an account
    """A decision that moves money: the line moves with its entries."""
    written = tuple(entry for entry in entries if entry.postings)
    line = after(account.line, *written)
    return Outcome(replace(account, line=line, **changes), written, tuple(map(Emitted, events)))


def with_debt(account: Account, debt: Debt) -> dict[str, Debt]:
    """The debts of an account with one added or changed."""
    return {**account.debts, debt.debt_id: debt}


def moved(account: Account, /, state: State, *events: Event, **changes: Any) -> Outcome:  # fields of an agreement
    """The agreement goes on to another state."""
    return changed(account, *events, agreement=account.agreement.moved(state, **changes))


def reduce_debt(
    account: Account, debt: Debt, amount_minor: int, source: Source, about: Entry, *events: Event
) -> Outcome:  # fmt: skip
    """A debt becomes less. `about` is the entry of it, without its legs."""
    legs = reduced(debt.kind, debt.member_id, amount_minor, source, account.agreement.merchant_id)
    entry = replace(about, postings=legs, debt_id=debt.debt_id, agreement_id=debt.agreement_id)
    entries = settled(account.line, entry) if legs else []
    return booked(account, entries, *events, debts=with_debt(account, debt.less(amount_minor, paid=source in MONEY)))


def entry_about(account: Account, kind: EntryKind, reference: str | None = None) -> Entry:
    """An entry of this member's line that has no legs yet."""
    line = account.line
    agreement_id = account.agreement.agreement_id
    return Entry(kind, line.member_id, line.currency, (), agreement_id=agreement_id, reference=reference)


def add_debt(account: Account, debt: Debt) -> Outcome:
    """The member owes more, or under other conditions."""
    return changed(account, debts=with_debt(account, debt))


def incur_debt(account: Account, debt: Debt, clock: Clock) -> Outcome:
    """Goods are to be paid: the debt is added, and dunning is scheduled."""
    outcome = add_debt(account, debt)
    if account.agreement.state in {*CLOSING, "closed"} and debt.outstanding_minor:
        outcome += moved(outcome.account, "settling")
    return outcome + schedule_dunning(outcome.account, clock)


def schedule_dunning(account: Account, clock: Clock) -> Outcome:
    """Emit the deadline of the next dunning step, unless one that is not later was emitted before."""
    agreement = account.agreement
    oldest = _oldest_due(list(account.debts.values()))
    due_at = _next_step_due(account.plan.terms.payment, oldest, agreement.step, clock.calendar(account.plan))
    if due_at is None or (agreement.step_due_at is not None and agreement.step_due_at <= due_at):
        return Outcome(account)
    deadline = Emitted(OverdueStepDue(agreement_id=agreement.agreement_id), due_at)
    return Outcome(replace(account, agreement=replace(agreement, step_due_at=due_at)), emitted=(deadline,))


def _oldest_due(debts: Sequence[Debt]) -> datetime | None:
    """When the oldest unpaid debt is, or was, due: dunning counts from there."""
    return min((debt.due_at for debt in debts if debt.outstanding_minor and debt.due_at), default=None)


def step_at(payment: Payment, oldest: datetime | None, now: datetime, calendar: Calendar) -> Step:
    """The dunning step that a debt has earned by now."""
    if oldest is None:
        return "none"
    return DUNNING_STEPS[sum(calendar.plus_days(oldest, days) <= now for days in _days(payment))]


def _next_step_due(payment: Payment, oldest: datetime | None, step: Step, calendar: Calendar) -> datetime | None:
    """When the step after this one is due; None after the last step, and where no debt has a due date."""
    place = DUNNING_STEPS.index(step)
    if oldest is None or place == len(DUNNING_STEPS) - 1:
        return None
    return calendar.plus_days(oldest, _days(payment)[place])


def _higher(one: Step, other: Step) -> bool:
    """Whether one step is above another."""
    return DUNNING_STEPS.index(one) > DUNNING_STEPS.index(other)


def _days(payment: Payment) -> tuple[int, ...]:
    return payment.remind_days, payment.block_days, payment.suspend_days, payment.write_off_days


def advance_dunning(account: Account, clock: Clock) -> Outcome:
    """Take the next dunning step if it is due by the oldest unpaid debt, and schedule the one after it."""
    agreement, payment = account.agreement, account.plan.terms.payment
    if agreement.step_due_at is None or agreement.step_due_at > clock.now:
        return Outcome(account)
    calendar = clock.calendar(account.plan)
    oldest = _oldest_due(list(account.debts.values()))
    reached = step_at(payment, oldest, clock.now, calendar)
    outcome = changed(account, agreement=replace(agreement, step_due_at=None))
    if _higher(reached, agreement.step):
        step = DUNNING_STEPS[DUNNING_STEPS.index(agreement.step) + 1]
        outcome += _stepped(outcome.account, step)
    return outcome + schedule_dunning(outcome.account, clock)


def _stepped(account: Account, step: Step) -> Outcome:
    event = AgreementOverdue(**account.agreement.facts, step=step)
    outcome = changed(account, event, agreement=replace(account.agreement, step=step))
    return outcome + moved(outcome.account, "overdue") if account.agreement.state == "settling" else outcome


def recover(account: Account, clock: Clock) -> Outcome:
    """Less is owed: take back dunning steps that the oldest debt left has not earned; settle when no debt is left."""
    agreement, payment = account.agreement, account.plan.terms.payment
    oldest = _oldest_due(list(account.debts.values()))
    allowed = step_at(payment, oldest, clock.now, clock.calendar(account.plan))
    outcome = Outcome(account)
    if _higher(agreement.step, allowed):
        event = AgreementRecovered(**agreement.facts, step=allowed)
        outcome = changed(account, event, agreement=replace(agreement, step=allowed))
        outcome += schedule_dunning(outcome.account, clock)
    return outcome + _collected(outcome.account, clock)


def _collected(account: Account, clock: Clock) -> Outcome:
    """What is left to collect decides where a settled agreement goes on."""
    agreement = account.agreement
    if agreement.state == "overdue" and account.owes and agreement.step == "none":
        return moved(account, "settling")
    if agreement.state not in {"settling", "overdue"} or account.owes:
        return Outcome(account)
    charge = account.money(agreement.charge_minor or 0)
    event = AgreementSettled(**agreement.facts, charge=charge)
    state: State = "settled" if agreement.state == "settling" else "recovered"
    outcome = moved(account, state, event)
    return outcome + close(outcome.account, clock)


def close(account: Account, clock: Clock) -> Outcome:
    """The end of everything, once no late event can have an effect any more and no order is under way."""
    agreement = account.agreement
    over = agreement.grace_ends_at is None or agreement.grace_ends_at <= clock.now
    if agreement.state not in CLOSING or not over or account.open_holds:
        return Outcome(account)
    return moved(account, "closed", AgreementClosed(**agreement.facts))
