"""Taking a charge from a member's account elsewhere: only after a notice of the same amount, only in its window. Pure.

An attempt has one id for ever. What became of it may be unknown for a while: then it is asked for,
and never tried again under another id. A debt with an attempt under way cannot be paid otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from lutong_membership.plans.domain.calendar import Calendar, Window
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import Plan

DeductionState = Literal["notified", "due", "sent", "unknown", "taken", "succeeded", "failed", "void"]

DEDUCTION_LIFE: Final[Mapping[DeductionState, tuple[DeductionState, ...]]] = {
    "notified": ("due", "void"),
    "due": ("sent", "void"),
    "sent": ("taken", "failed", "unknown", "due"),
    "unknown": ("taken", "failed", "due"),
    "taken": ("succeeded",),
    "succeeded": (),
    "failed": (),
    "void": (),
}
UNDER_WAY: Final[tuple[DeductionState, ...]] = ("sent", "unknown", "taken")
"""It may have happened, or has and is not booked yet: the debt must not be paid otherwise."""

ATTEMPT_TIMEOUT: Final = timedelta(minutes=2)
"""How long one attempt may take at most: it is not begun when the window closes sooner."""

ATTEMPTS_MAX: Final = 3
"""How often a charge is deducted before it is left to dunning."""


@dataclass(frozen=True, slots=True)
class Deduction:
    """One attempt: the amount that was notified, and from when on it may be taken."""

    deduction_id: str
    agreement_id: str
    debt_id: str
    member_id: str
    currency: str
    amount_minor: int
    notified_at: datetime
    not_before: datetime
    attempt: int = 1
    state: DeductionState = "notified"
    reason: str | None = None

    def moved(self, state: DeductionState, reason: str | None = None) -> "Deduction":
        """The attempt in another state, which must be one that may follow."""
        if state not in DEDUCTION_LIFE[self.state]:
            raise RuntimeError(f"deduction {self.deduction_id} is {self.state}: {state} cannot follow")
        return replace(self, state=state, reason=reason)


def postponed(now: datetime, window: Window, calendar: Calendar) -> datetime | None:
    """When the window opens next, if it is closed now or closes within one attempt."""
    for moment in (now, now + ATTEMPT_TIMEOUT):
        opens_at = calendar.open_from(moment, window)
        if opens_at > moment:
            return opens_at
    return None


def waits_until(plan: Plan, clock: Clock, *, sent_before: bool) -> datetime | None:
    """When the window opens that an attempt waits for; None when it may be made, or asked for, now."""
    withholding = plan.terms.withholding
    if sent_before or withholding is None:
        return None
    return postponed(clock.now, withholding.window, clock.calendar(plan))
