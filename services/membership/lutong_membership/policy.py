"""The lengths that operators choose; tests choose seconds, so that things happen while they look."""

from datetime import timedelta

from lutong_chassis import Tx
from lutong_chassis.settings import settings_of
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.settings import MembershipSettings
from lutong_membership.thresholds import Policy


def deducts() -> bool:
    """Whether charges are taken from members' accounts; without a provider they wait to be repaid."""
    return settings_of(DeductionSettings).url is not None


def collects() -> bool:
    """Whether repayments are put to a payment provider; without one an operator confirms them by a bank's reference."""
    return settings_of(PaymentSettings).url is not None


def policy() -> Policy:
    """What one operator decides alone."""
    return settings_of(MembershipSettings).policy


def viewers_are_members() -> bool:
    """Whether a viewer without a binding orders as the member of the same id."""
    return settings_of(MembershipSettings).viewers_are_members


def claim_life() -> timedelta:
    """How long a member's claim waits for evidence."""
    return timedelta(seconds=settings_of(MembershipSettings).claim_life_s)


def patience() -> timedelta:
    """How long a newcomer waits for a provider that does not answer, before being turned away."""
    return timedelta(seconds=settings_of(MembershipSettings).assessment_patience_s)


def clock(tx: Tx) -> Clock:
    """The transaction's time, and the chosen lengths."""
    settings = settings_of(MembershipSettings)
    return Clock(
        tx.now,
        timedelta(seconds=settings.plan_day_s) if settings.plan_day_s else None,
        timedelta(seconds=settings.hold_life_s),
        timedelta(seconds=settings.offer_life_s),
    )
