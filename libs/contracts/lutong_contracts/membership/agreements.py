"""Agreements: events from the consultation to the end of the term."""

from pydantic import Field

from lutong_contracts.event import Event
from lutong_contracts.topics import AGREEMENTS
from lutong_contracts.values import Identifier, Instant, Money, Reason


class AgreementConsulted(Event, topic=AGREEMENTS, key="agreement_id"):
    """A member asks to join a plan, and is being assessed."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    plan_version: int = Field(ge=1)


class CreditAssessed(Event, topic=AGREEMENTS, key="agreement_id"):
    """A provider has answered, or could not be asked in time. Published by membership for itself: a decision, never a score."""

    agreement_id: Identifier
    member_id: Identifier
    admitted: bool
    reason: Reason | None = None


class AgreementOffered(Event, topic=AGREEMENTS, key="agreement_id"):
    """The member is admitted and may sign until `sign_by`. `charge_cap` is the most that failing can cost."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    plan_version: int = Field(ge=1)
    charge_cap: Money
    sign_by: Instant


class OfferLapsed(Event, topic=AGREEMENTS, key="agreement_id"):
    """A deadline: the member had until now to sign what was offered."""

    agreement_id: Identifier


class AgreementLapsed(Event, topic=AGREEMENTS, key="agreement_id"):
    """The member did not sign in time."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier


class AgreementSigned(Event, topic=AGREEMENTS, key="agreement_id"):
    """A member may enjoy first and pay later under this plan of this merchant.

    The term is [begins_at, ends_at); without an end it lasts until the member leaves. The version of
    the plan, and the most that can be charged, are fixed from now on.
    """

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    plan_version: int | None = Field(default=None, ge=1)
    begins_at: Instant | None = None
    ends_at: Instant | None = None
    charge_cap: Money | None = None


class AgreementDeclined(Event, topic=AGREEMENTS, key="agreement_id"):
    """The member was assessed and not admitted to the plan. The reason is a decision, not a score."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    reason: Reason


class BenefitConsumed(Event, topic=AGREEMENTS, key="agreement_id"):
    """A member used a right of their agreement, worth so much."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    right_id: Identifier
    use_id: Identifier
    value: Money


class BenefitReversed(Event, topic=AGREEMENTS, key="agreement_id"):
    """The use of a right was taken back."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    right_id: Identifier
    use_id: Identifier
    value: Money


class TermEnded(Event, topic=AGREEMENTS, key="agreement_id"):
    """A deadline: the last moment of the term has passed."""

    agreement_id: Identifier


class AgreementFulfilled(Event, topic=AGREEMENTS, key="agreement_id"):
    """The term is over and the member did what the plan asks for. Late events may still change that."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier


class AgreementUnfulfilled(Event, topic=AGREEMENTS, key="agreement_id"):
    """The term is over and the member did not do what the plan asks for. Late events may still change that."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier


class AgreementQuit(Event, topic=AGREEMENTS, key="agreement_id"):
    """The member left before the term was over."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
