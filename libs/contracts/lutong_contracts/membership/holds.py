"""Holds: events of the credit that is reserved for orders, until it is captured, released or expired."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import HOLDS
from lutong_contracts.touches import Touch
from lutong_contracts.values import AnyMode, Identifier, Line, Money, Place, Reason


class CreditHeld(Event, topic=HOLDS, key="order_id"):
    """Credit is set aside for an order: `amount` is what the member pays. Carries all that sourcing the order needs."""

    order_id: Identifier
    agreement_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    post_id: Identifier
    program_id: Identifier
    amount: Money
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    destination: Place
    mode: AnyMode
    slot_hold_id: Identifier | None = Field(
        default=None, description="The place in a slot of delivery that inventory holds for this order."
    )
    flagship_ok: bool = Field(default=False, description="The member agrees beforehand that the flagship may send it.")
    address_id: Identifier | None = Field(
        default=None, description="Under which id the vault of inventory has the exact address, when it has it."
    )
    sold_by: Identifier | None = Field(
        default=None,
        description="The location of the merchant whose staff led the member here: the sale is credited to it.",
    )
    flagship_ok_by: Annotated[str, Open(Literal["request", "plan"])] | None = Field(
        default=None, description="By what the member agrees beforehand: this request, or the plan that they signed."
    )
    touch: Touch | None = Field(
        default=None, description="The item of the feed that led to the order, when it was served."
    )
    provided: bool = Field(
        default=False, description="A service without goods: its merchant does it, and nothing is sourced."
    )


class CreditDeclined(Event, topic=HOLDS, key="order_id"):
    """No credit for this order; it ends here and nothing is held."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    reason: Reason


class HoldCaptured(Event, topic=HOLDS, key="order_id"):
    """The order was fulfilled: `amount` is now owed by the member, and `released` of the hold is available again.

    Of an order that several locations serve there is one for each part that came, and one at its end: with what of the
    hold is available again, and an amount of what no part captured before.
    """

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money
    released: Money | None = None
    touch: Touch | None = Field(
        default=None, description="The item of the feed that led to the order, when it was served."
    )
    fulfilment_id: Identifier | None = Field(default=None, description="Which part came; absent: all of the order.")


class HoldReleased(Event, topic=HOLDS, key="order_id"):
    """The order ended without goods: what was held is available again."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money
    reason: Reason


class NoShowCharged(Event, topic=HOLDS, key="order_id"):
    """Nobody picked the order up, and the plan that the member signed keeps a fee: `fee` is now owed, `released` of the hold is
    available again. Nothing came: it is no purchase, and counts towards no obligation.
    """

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    fee: Money
    released: Money


class HoldLapsed(Event, topic=HOLDS, key="order_id"):
    """A deadline: no event reported the end of the order until now."""

    order_id: Identifier


class HoldExpired(Event, topic=HOLDS, key="order_id"):
    """The order took too long: what was held is available again. Goods that come later are owed all the same."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money


class RefundBooked(Event, topic=HOLDS, key="order_id"):
    """Part of an order was taken back: `amount` is not owed any more, or is owed to the member if it was paid."""

    order_id: Identifier
    refund_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money
    fulfilment_id: Identifier | None = Field(
        default=None, description="Which part of an order that several locations served; absent: all of it."
    )
