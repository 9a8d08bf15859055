"""The life of an agreement: asked for, signed, fulfilled or not, settled. Pure.

Business time decides: the term is [begins, ends), in the plan's zone. A deadline that comes late or
for nothing finds a state in which nothing is to be done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from lutong_contracts.membership import AgreementSigned, TermEnded
from lutong_contracts.values import Money
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import Appointed, FixedDay, Period, Plan
from lutong_membership.values import Emitted

State = Literal[
    "consulted", "declined", "preordered", "lapsed", "active", "fulfilled", "unfulfilled", "quit", "settling",
    "settled", "overdue", "recovered", "written_off", "closed",
]  # fmt: skip
Step = Literal["none", "reminded", "blocked", "suspended", "proposed"]

LIFE: Final[Mapping[State, tuple[State, ...]]] = {
    "consulted": ("declined", "preordered", "active"),
    "declined": (),
    "preordered": ("active", "lapsed"),
    "lapsed": (),
    "active": ("fulfilled", "unfulfilled", "quit", "written_off"),
    "fulfilled": ("unfulfilled", "settling", "settled", "written_off"),
    "unfulfilled": ("fulfilled", "settling", "settled", "written_off"),
    "quit": ("settling", "settled", "written_off"),
    "settling": ("settled", "overdue", "written_off"),
    "settled": ("closed", "settling"),
    "overdue": ("settling", "recovered", "written_off"),
    "recovered": ("closed", "settling"),
    "written_off": ("closed", "settling"),
    "closed": ("settling",),
}
"""What may follow each state. Goods that come after everything else (a late capture) lead back to settling."""

LIVE: Final[tuple[State, ...]] = ("consulted", "preordered", "active")
"""One of these per member and plan."""

ENDED: Final[tuple[State, ...]] = ("fulfilled", "unfulfilled", "quit")
"""The term is over and not settled: late events still count."""

CLOSING: Final[tuple[State, ...]] = ("settled", "recovered", "written_off")
"""Nothing is owed any more: what is left is to wait for orders under way and for late events."""

SETTLED: Final[tuple[State, ...]] = ("settling", "settled", "overdue", "recovered", "written_off", "closed")
"""What is charged is decided: late events only ever help the member."""


class IllegalMoveError(RuntimeError):
    """A state was to follow that never follows: a bug, caught before it is written."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A member's standing under one version of a plan.

    `settle_at` and `grace_ends_at` are set when the term ends, `charge_minor` when it is settled.
    `free` is set when the member left within the days in which that costs nothing.
    `step` is the dunning step that was reached; `step_due_at` is when the next one is due.
    """

    agreement_id: str
    member_id: str
    merchant_id: str
    plan_id: str
    version: int
    state: State = "consulted"
    holdout: bool = False
    signed_at: datetime | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    settle_at: datetime | None = None
    grace_ends_at: datetime | None = None
    free: bool = False
    charge_minor: int | None = None
    step: Step = "none"
    step_due_at: datetime | None = None

    def moved(self, state: State, **changes: Any) -> "Agreement":  # fields of this class
        """The agreement in another state, which must be one that may follow."""
        if state not in LIFE[self.state]:
            message = f"agreement {self.agreement_id} is {self.state}: {state} cannot follow"
            raise IllegalMoveError(message)
        return replace(self, state=state, **changes)

    def covers(self, moment: datetime) -> bool:
        """Whether a moment of business time is within the term."""
        begins_at, ends_at = self.begins_at, self.ends_at
        return begins_at is not None and begins_at <= moment and (ends_at is None or moment < ends_at)

    def grants_benefits(self, now: datetime) -> bool:
        """Whether orders are at the member's price now."""
        suspended = self.step in {"suspended", "proposed"}
        return self.state == "active" and not self.holdout and not suspended and self.covers(now)

    def why_no_benefits(self, now: datetime, calendar: Calendar) -> str:
        """Why it gives no benefits at a moment, in a sentence; it does not mention experiments."""
        if self.state != "active":
            return f"the agreement is {self.state} and gives no benefits"
        if self.begins_at and now < self.begins_at:
            return f"benefits begin on {calendar.shown(self.begins_at)}"
        if self.ends_at and now >= self.ends_at:
            return f"benefits ended on {calendar.shown(self.ends_at)}"
        if self.step in {"suspended", "proposed"}:
            return "benefits rest while a debt is overdue"
        return "the agreement is active and gives no benefits now"

    @property
    def facts(self) -> dict[str, Any]:
        """What every event about an agreement contains."""
        names = ("agreement_id", "member_id", "plan_id", "merchant_id")
        return {name: getattr(self, name) for name in names}


class Pinned(NamedTuple):
    """An agreement with the version of the plan that was shown when it was asked for: later versions do not change it."""

    agreement: Agreement
    plan: Plan


class Transition(NamedTuple):
    """An agreement in its next state, and the events of the step."""

    agreement: Agreement
    emitted: tuple[Emitted, ...]


class Term(NamedTuple):
    """The term of an agreement, [begins_at, ends_at); without `ends_at` it has no end."""

    begins_at: datetime
    ends_at: datetime | None


def term(period: Period | None, signed_at: datetime, calendar: Calendar) -> Term:
    """When the term begins and ends, [begins, ends), for a plan that is signed now. Without a period it has no end.

    A last day of 9999-12-31 is how people write that there is none: no day follows it.
    """
    if period is None:
        return Term(signed_at, None)
    if isinstance(period, Appointed):
        ends_at = None if period.last_day == date.max else calendar.midnight(period.last_day + timedelta(days=1))
        return Term(calendar.midnight(period.first_day), ends_at)
    if isinstance(period, FixedDay):
        return Term(signed_at, calendar.next_day_of_month(signed_at, period.day, months_on=period.months - 1))
    begins_at = signed_at if period.kind == "relative" else calendar.tomorrow(signed_at)
    ends_at = calendar.plus_months(begins_at, period.months) if period.months else begins_at
    return Term(begins_at, calendar.plus_days(ends_at, period.days) if period.days else ends_at)


def signed(agreement: Agreement, plan: Plan, clock: Clock) -> Transition:
    """The member joins: the term is fixed now, by the version that was shown."""
    begins_at, ends_at = term(plan.terms.period, clock.now, clock.calendar(plan))
    agreement = agreement.moved("active", signed_at=clock.now, begins_at=begins_at, ends_at=ends_at)
    event = AgreementSigned(
        **agreement.facts,
        plan_version=plan.version,
        begins_at=begins_at,
        ends_at=ends_at,
        charge_cap=Money(amount_minor=plan.terms.cap_minor, currency=plan.currency),
    )
    if ends_at is None:
        return Transition(agreement, (Emitted(event),))
    return Transition(agreement, (Emitted(event), Emitted(TermEnded(agreement_id=agreement.agreement_id), ends_at)))


def may_be_signed(plan: Plan, clock: Clock) -> bool:
    """Whether the plan's term is not over already."""
    _, ends_at = term(plan.terms.period, clock.now, clock.calendar(plan))
    return ends_at is None or ends_at > clock.now
