"""What membership says: agreements and the credit held for orders. Decisions travel, scores never."""

from pydantic import Field

from lutong_contracts.event import Event
from lutong_contracts.topics import AGREEMENTS, HOLDS
from lutong_contracts.values import Identifier, Line, Mode, Money, Place, Reason


class AgreementSigned(Event, topic=AGREEMENTS, key="agreement_id"):
    """A member may enjoy first and pay later under this plan of this merchant."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier


class AgreementDeclined(Event, topic=AGREEMENTS, key="agreement_id"):
    """The member was assessed and not admitted to the plan. The reason is a decision, not a score."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    reason: Reason


class CreditHeld(Event, topic=HOLDS, key="order_id"):
    """Credit is set aside for an order. Carries all that sourcing the order needs."""

    order_id: Identifier
    agreement_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    post_id: Identifier
    program_id: Identifier
    amount: Money
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    destination: Place
    mode: Mode


class CreditDeclined(Event, topic=HOLDS, key="order_id"):
    """No credit for this order; it ends here and nothing is held."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    reason: Reason


class HoldCaptured(Event, topic=HOLDS, key="order_id"):
    """The order was fulfilled: what was held is now owed by the member."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money


class HoldReleased(Event, topic=HOLDS, key="order_id"):
    """The order ended without goods: what was held is available again."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money
    reason: Reason
