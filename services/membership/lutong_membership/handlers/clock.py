"""The lengths that operators choose, by environment variables; tests choose seconds, so that things happen while they look."""

import os
from datetime import timedelta
from typing import Final

from lutong_chassis import Tx
from lutong_membership.domain.agreements import HOLD_LIFE_DEFAULT, OFFER_LIFE_DEFAULT, Clock


def _seconds(name: str) -> timedelta | None:
    given = os.environ.get(name)
    return timedelta(seconds=float(given)) if given else None


PLAN_DAY: Final = _seconds("LUTONG_PLAN_DAY_S")
"""How long a day of a plan lasts, when it is not a day of the calendar."""

HOLD_LIFE: Final = _seconds("LUTONG_HOLD_LIFE_S") or HOLD_LIFE_DEFAULT
OFFER_LIFE: Final = _seconds("LUTONG_OFFER_LIFE_S") or OFFER_LIFE_DEFAULT

PATIENCE: Final = _seconds("LUTONG_ASSESSMENT_PATIENCE_S") or timedelta(seconds=30)
"""How long a newcomer waits for a provider that does not answer, before being turned away."""


def deducts() -> bool:
    """Whether charges are taken from members' accounts; without a provider they wait to be repaid."""
    return bool(os.environ.get("LUTONG_DEDUCTION_URL"))


def clock(tx: Tx) -> Clock:
    """The transaction's time, and the chosen lengths."""
    return Clock(tx.now, PLAN_DAY, HOLD_LIFE, OFFER_LIFE)
