"""The order of the story: the events of the road, what comes after it, and then all others."""

from typing import Final

from lutong_contracts import Event, event_types

_ROAD: Final = (
    "PostPublished", "ServiceDiscovered", "ServiceNotFound", "CardTapped", "ServiceSolved", "ServiceRequested",
    "AgreementConsulted", "CreditAssessed", "AgreementSigned", "AgreementDeclined", "CreditHeld", "CreditDeclined",
    "OrderSourced", "OrderRejected", "OrderAdvanced", "OrderFulfilled", "OrderCancelled", "HoldCaptured", "HoldReleased",
)  # fmt: skip
"""The order of the story; what comes after the road, and then whatever is in neither, follows."""

_AFTERWARDS: Final = (
    "PostRefused", "AgreementOffered", "OfferLapsed", "AgreementLapsed", "HoldLapsed", "HoldExpired", "OrderRefunded", "RefundBooked",
    "BenefitConsumed", "BenefitReversed", "TermEnded", "AgreementFulfilled", "AgreementUnfulfilled", "AgreementQuit",
    "SettlementDue", "AgreementCharged", "ChargeCredited", "DeductionNotified", "DeductionDue", "DeductionSucceeded",
    "DeductionFailed", "DebtWaived", "AgreementSettled", "OverdueStepDue", "AgreementOverdue", "AgreementRecovered",
    "AgreementWrittenOff", "GraceEnded", "AgreementClosed", "CouponIssued", "CouponReserved", "CouponRedeemed",
    "CouponReturned", "CouponLapsed", "CouponExpired", "CouponVoided",
)  # fmt: skip


def story() -> list[type[Event]]:
    """The events of the road, in the order of the story."""
    by_name = {event.__name__: event for event in event_types().values()}
    return [by_name[name] for name in _ROAD]


def in_order() -> list[type[Event]]:
    """All events in the order of the story."""
    places = {name: place for place, name in enumerate((*_ROAD, *_AFTERWARDS))}
    return sorted(event_types().values(), key=lambda event: (places.get(event.__name__, len(places)), event.type))
