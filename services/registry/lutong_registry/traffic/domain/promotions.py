"""Which allowance a promotion is given next. Pure: no clock, no database, no ids made here."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_registry.traffic.domain.ledger import Account

ALLOWANCE_PV: Final = 200
"""So many page views of a promotion the feed has at once."""
ALLOWANCE_OPEN: Final = timedelta(hours=1)
"""For so long it has them; what was not shown by then goes back."""
LONGEST: Final = timedelta(days=31)
"""For so long a promotion may last."""


class Promotion(NamedTuple):
    """A program in a placement, with so many page views at most. `used` were shown; `is_allowed` while the feed has an allowance."""

    promotion_id: str
    program_id: str
    placement: str
    pv: int
    ends_at: datetime
    is_ended: bool
    used: int
    is_allowed: bool


class Allowance(NamedTuple):
    """So many page views, until then."""

    pv: int
    ends_at: datetime


def allowance(promotion: Promotion, account: Account, now: datetime) -> Allowance | None:
    """What the feed may show next of a promotion; None while it has something, or when nothing is left to give.

    >>> day = datetime(2026, 1, 2)
    >>> tea = Promotion("p", "tea", "home", 300, day + timedelta(days=1), False, 250, False)
    >>> allowance(tea, Account("tea"), day) is None
    True
    """
    if promotion.is_ended or promotion.is_allowed or promotion.ends_at <= now:
        return None
    there = sum(lot.remaining for lot in account.lots if lot.expires_at > now)
    pv = min(ALLOWANCE_PV, promotion.pv - promotion.used, there)
    return Allowance(pv, min(promotion.ends_at, now + ALLOWANCE_OPEN)) if pv > 0 else None
