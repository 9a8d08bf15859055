"""Events of orders: from where one ships, how far it is, and how it ends."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import ORDERS
from lutong_contracts.touches import Touch
from lutong_contracts.values import (
    AnyLocationKind,
    AnyMode,
    AnyServedBy,
    Identifier,
    Instant,
    Line,
    Money,
    Reason,
    Value,
    Window,
)


class Fulfilment(Value):
    """An order, or one part of it where its merchant lets several locations serve one.

    A part goes by its `fulfilment_id` in all that a location does with it; the first part has the id of the order.
    """

    order_id: Identifier
    fulfilment_id: Identifier | None = Field(
        default=None, description="Which part of an order that several locations serve; absent: all of it."
    )

    @property
    def served_as(self) -> str:
        """By which id a location has it: that of the part, or of the order."""
        return self.fulfilment_id or self.order_id


class OrderSourced(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """Stock is reserved at the nearest location able to serve the whole order, or at each of the few that serve a part of it.

    The location must accept by `accept_by`, or another one gets it.
    """

    merchant_id: Identifier
    location_id: Identifier
    location_kind: AnyLocationKind
    distance_m: int = Field(ge=0, description="Great-circle distance, in metres.")
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    mode: AnyMode
    accept_by: Instant
    window: Window | None = Field(default=None, description="When it is delivered; absent: as soon as it can be.")
    consent: Annotated[str, Open(Literal["request", "plan", "answer"])] | None = Field(
        default=None,
        description="Why the flagship may send what a store had: the member agreed in the request, by their plan, or when asked.",
    )


class OrderRejected(Event, topic=ORDERS, key="order_id"):
    """Neither a store nor the flagship can serve the whole order."""

    order_id: Identifier
    merchant_id: Identifier
    reason: Reason


class AcceptanceLapsed(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the location had until now to accept the order."""

    location_id: Identifier | None = Field(default=None, description="Which location; another one has its own time.")


class FulfilmentLapsed(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the location had until now to hand over what it accepted, or to make it ready."""

    location_id: Identifier


class PickupLapsed(Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the member had until now to pick the order up."""

    order_id: Identifier


class PickupReminderDue(Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: if the order is still not picked up, its member is to be reminded."""

    order_id: Identifier
    pick_up_by: Instant


class PickupReminded(Event, topic=ORDERS, key="order_id"):
    """The order waits for its member at a location, and goes back to the shelf after `pick_up_by`: remind them. Once for each order."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    location_id: Identifier
    pick_up_by: Instant


class LocationDeclined(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """A location cannot serve an order after all: sold out, damaged, rush hour, closed, or less is there than was counted.

    The order is sourced again, elsewhere: OrderSourced follows, or OrderCancelled when nobody else can serve it. Of a part
    PartCancelled is what follows then.
    """

    merchant_id: Identifier
    location_id: Identifier
    reason: Reason
    skus: tuple[Identifier, ...] = Field(
        default=(), max_length=200, description="Which of its goods, when that is known."
    )


class FlagshipOffered(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """The store cannot serve an order after all, and only the flagship can: its member is asked whether they want that.

    The goods are set aside at the flagship until `answer_by`. `price_delta` is what it costs more, `eta_delta_s` how much
    later it comes, about. OrderSourced follows, or OrderCancelled (PartCancelled, of a part).
    """

    member_id: Identifier
    merchant_id: Identifier
    location_id: Identifier
    distance_m: int = Field(ge=0)
    price_delta: Money
    eta_delta_s: int
    reason: Reason
    answer_by: Instant


class OfferLapsed(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the member had until now to agree to the flagship."""


class OrderAdvanced(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """The location took a step towards handing the order over."""

    location_id: Identifier
    step: Annotated[str, Open(Literal["accepted", "picked", "ready_for_pickup", "handed_over"])]


class ServiceAwaited(Event, topic=ORDERS, key="order_id"):
    """A service without goods is paid for, and its merchant is to do it by `done_by`. OrderFulfilled follows with `provider` as who served it, or
    OrderRejected: because the merchant reported why not, or reported nothing in time."""

    order_id: Identifier
    merchant_id: Identifier
    member_id: Identifier
    program_id: Identifier
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    amount: Money
    done_by: Instant


class ProvisionLapsed(Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the merchant had until now to do a service without goods."""

    order_id: Identifier


class OrderFulfilled(Event, topic=ORDERS, key="order_id"):
    """The member has the goods. The hold may be captured; the road is through.

    Of an order that several locations serve it is the end: `amount` is of all parts that came, each of which was
    PartFulfilled before, and the location is that of the first of them. Of a service without goods the location is its merchant, by the kind
    `provider`, and `reference` is the merchant's own for what was done.
    """

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    post_id: Identifier
    program_id: Identifier
    location_id: Identifier
    location_kind: AnyServedBy
    amount: Money
    touch: Touch | None = Field(
        default=None, description="The item of the feed that led to the order, when it was served."
    )
    listed: Money | None = Field(
        default=None,
        description="List price of the goods that came, where some of the order did not; absent: all came.",
    )
    reference: Identifier | None = Field(
        default=None, description="What the merchant calls what it did, of a service without goods."
    )


class PartFacts(Value):
    """One part of an order that several locations serve."""

    order_id: Identifier
    fulfilment_id: Identifier
    member_id: Identifier
    merchant_id: Identifier


class PartFulfilled(PartFacts, Event, topic=ORDERS, key="order_id"):
    """The member has one part of an order: `amount` of the hold may be captured. OrderFulfilled follows with the last part."""

    location_id: Identifier
    location_kind: AnyLocationKind
    amount: Money


class PartCancelled(PartFacts, Event, topic=ORDERS, key="order_id"):
    """One part of an order will not come; `amount` of the hold is not needed for it. The others are on their way, or came:
    OrderFulfilled follows with the last of them, or OrderCancelled when none came."""

    amount: Money
    reason: Reason


class OrderCancelled(Event, topic=ORDERS, key="order_id"):
    """The order ended before the goods left. What was reserved is back on the shelf."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    reason: Reason


class OrderRefunded(Fulfilment, Event, topic=ORDERS, key="order_id"):
    """Something of a fulfilled order was taken back, or all of it. `amount` is of what the member paid, this time."""

    refund_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money
    touch: Touch | None = Field(
        default=None, description="The item of the feed that led to the order, when it was served."
    )
