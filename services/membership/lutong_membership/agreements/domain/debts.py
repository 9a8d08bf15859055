"""Debts, the order in which they are paid, and dunning: the steps that an overdue debt causes. Pure.

Dunning of an agreement follows its oldest unpaid debt. When that one is paid it follows the next:
steps that the next debt has not earned are taken back, and none is skipped on the way up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from lutong_membership.agreements.domain.agreement import Step
from lutong_membership.ledger.domain.entries import DebtKind
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.terms import Payment

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


def oldest_first(debts: Iterable[Debt]) -> list[Debt]:
    """Unpaid debts in the order in which they are paid."""
    return sorted((d for d in debts if d.outstanding_minor), key=lambda debt: (debt.incurred_at, debt.debt_id))


def oldest_due(debts: Sequence[Debt]) -> datetime | None:
    """When the oldest unpaid debt is, or was, due: dunning counts from there."""
    return min((debt.due_at for debt in debts if debt.outstanding_minor and debt.due_at), default=None)


def step_at(payment: Payment, oldest: datetime | None, now: datetime, calendar: Calendar) -> Step:
    """The dunning step that a debt has earned by now."""
    if oldest is None:
        return "none"
    return DUNNING_STEPS[sum(calendar.plus_days(oldest, days) <= now for days in _days(payment))]


def next_step_due(payment: Payment, oldest: datetime | None, step: Step, calendar: Calendar) -> datetime | None:
    """When the step after this one is due; None after the last step, and where no debt has a due date."""
    place = DUNNING_STEPS.index(step)
    if oldest is None or place == len(DUNNING_STEPS) - 1:
        return None
    return calendar.plus_days(oldest, _days(payment)[place])


def higher(one: Step, other: Step) -> bool:
    """Whether one step is above another."""
    return DUNNING_STEPS.index(one) > DUNNING_STEPS.index(other)


def _days(payment: Payment) -> tuple[int, ...]:
    return payment.remind_days, payment.block_days, payment.suspend_days, payment.write_off_days
