"""The lengths that operators choose; tests choose seconds, so that things happen while they look."""

from datetime import timedelta

from lutong_chassis import Tx
from lutong_chassis.settings import chosen
from lutong_membership.deduction.settings import DeductionSettings
from lutong_membership.domain.agreements import Clock
from lutong_membership.settings import MembershipSettings


def deducts() -> bool:
    """Whether charges are taken from members' accounts; without a provider they wait to be repaid."""
    return chosen(DeductionSettings).url is not None


def patience() -> timedelta:
    """How long a newcomer waits for a provider that does not answer, before being turned away."""
    return timedelta(seconds=chosen(MembershipSettings).assessment_patience_s)


def clock(tx: Tx) -> Clock:
    """The transaction's time, and the chosen lengths."""
    settings = chosen(MembershipSettings)
    return Clock(
        tx.now,
        timedelta(seconds=settings.plan_day_s) if settings.plan_day_s else None,
        timedelta(seconds=settings.hold_life_s),
        timedelta(seconds=settings.offer_life_s),
    )
