"""The time of a transaction and the lengths that operators choose. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.terms import Plan

HOLD_LIFE_DEFAULT: Final = timedelta(days=7)
"""How long credit is held for an order that neither arrives nor ends."""

OFFER_LIFE_DEFAULT: Final = timedelta(days=1)
"""How long a member may think about terms that were offered."""

CLAIM_LIFE_DEFAULT: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Clock:
    """The transaction's time, and the lengths that operators choose.

    `day` is how long a plan's day is where it is not a calendar's (tests, chaos).
    """

    now: datetime
    day: timedelta | None = None
    hold_life: timedelta = HOLD_LIFE_DEFAULT
    offer_life: timedelta = OFFER_LIFE_DEFAULT

    def calendar(self, plan: Plan) -> Calendar:
        """The plan's calendar."""
        return Calendar(plan.terms.zone, self.day)
