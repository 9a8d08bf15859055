"""Events of inventory: where an order ships from, its progress, and the stock that is left."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.audit import AuditedAction
from lutong_contracts.entity import Entity
from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import INVENTORY_AUDIT, LOCATIONS, ORDERS, SLOTS, STOCK, TRANSFERS
from lutong_contracts.touches import Touch
from lutong_contracts.values import (
    AnyLocationKind,
    AnyMode,
    AnyStockBand,
    Identifier,
    Instant,
    Line,
    Money,
    Place,
    Reason,
    Units,
    Value,
    Window,
)


class LocationFacts(Entity):
    """A place that goods come from, as others may know it. Ids are their merchant's own: it takes both to name one.

    `kind` is store, flagship or distribution_centre, `state` is open, paused or closed (for good), `modes` are delivery
    and pickup; there may be others one day. `radius_m` is how far it delivers, when its merchant set it.
    """

    merchant_id: Identifier
    location_id: Identifier
    kind: Reason
    state: Reason
    place: Place
    zone: str = Field(min_length=1, max_length=64, description="An IANA time zone.")
    modes: tuple[Reason, ...] = Field(default=(), max_length=10)
    radius_m: int | None = Field(default=None, ge=1)
    paused_until: Instant | None = None


class LocationOpened(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location takes orders for the first time."""


class LocationChanged(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location is elsewhere, or serves in other ways, or takes orders again."""


class LocationPaused(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location takes no orders until `paused_until`, or until it reports that it does."""


class LocationClosed(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location is closed for good. What was ordered before still leaves it."""


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


class OrderFulfilled(Event, topic=ORDERS, key="order_id"):
    """The member has the goods. The hold may be captured; the road is through.

    Of an order that several locations serve it is the end: `amount` is of all parts that came, each of which was
    PartFulfilled before, and the location is that of the first of them.
    """

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    post_id: Identifier
    program_id: Identifier
    location_id: Identifier
    location_kind: AnyLocationKind
    amount: Money
    touch: Touch | None = Field(
        default=None, description="The item of the feed that led to the order, when it was served."
    )
    listed: Money | None = Field(
        default=None,
        description="List price of the goods that came, where some of the order did not; absent: all came.",
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


class SlotWithdrawn(Event, topic=ORDERS, key="order_id"):
    """The location cannot deliver in the slot that is booked for an order: it closes early, for example. The member is asked.

    Until `answer_by` they may take another slot of the location; otherwise the order is cancelled.
    """

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    location_id: Identifier
    window: Window
    reason: Reason
    answer_by: Instant


class SlotAnswerLapsed(Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the member had until now to take another slot."""

    order_id: Identifier
    slot_id: Identifier


class SlotFacts(Value):
    """A place in a slot of delivery: whose slot it is, and under which hold."""

    slot_id: Identifier
    hold_id: Identifier
    merchant_id: Identifier
    location_id: Identifier


class SlotHeld(SlotFacts, Event, topic=SLOTS, key="slot_id"):
    """A member holds a place in a slot until `expires_at`, before any credit is asked for."""

    expires_at: Instant


class SlotBooked(SlotFacts, Event, topic=SLOTS, key="slot_id"):
    """The held place in a slot is an order's."""

    order_id: Identifier


class SlotReleased(SlotFacts, Event, topic=SLOTS, key="slot_id"):
    """A place in a slot is free again: nobody ordered in time, or the order that had it ended."""

    order_id: Identifier | None = None
    reason: Reason


class SlotHoldLapsed(Event, topic=SLOTS, key="slot_id"):
    """A deadline, published by inventory for itself: the member had until now to order."""

    slot_id: Identifier
    hold_id: Identifier


class TransferFacts(Value):
    """Goods that go from one location of a merchant to another; `lines` are what this event is about."""

    transfer_id: Identifier
    merchant_id: Identifier
    from_location_id: Identifier
    to_location_id: Identifier
    lines: tuple[Units, ...] = Field(default=(), max_length=200)


class TransferSent(TransferFacts, Event, topic=TRANSFERS, key="transfer_id"):
    """Goods left a location for another one of the merchant."""


class TransferReceived(TransferFacts, Event, topic=TRANSFERS, key="transfer_id"):
    """Goods arrived: all of a transfer, or the part that `lines` names."""


class TransferLost(TransferFacts, Event, topic=TRANSFERS, key="transfer_id"):
    """What is left of a transfer will not arrive."""


class StockAdjusted(Event, topic=STOCK, key="location_id:sku"):
    """Goods were counted, received or lost: `delta` units, `on_hand` afterwards. What of them can be promised is a band's matter."""

    location_id: Identifier
    sku: Identifier
    delta: int
    on_hand: int = Field(ge=0)
    reason: Reason
    merchant_id: Identifier | None = Field(default=None, description="Whose location: ids are their merchant's own.")


class StockDepleted(Event, topic=STOCK, key="location_id:sku"):
    """Nothing of this SKU can be promised at this location any more."""

    location_id: Identifier
    sku: Identifier
    merchant_id: Identifier | None = Field(default=None, description="Whose location: ids are their merchant's own.")
    band: AnyStockBand | None = Field(default=None, description="Always `out_of_stock`; absent in older events.")


class StockRestored(Event, topic=STOCK, key="location_id:sku"):
    """This SKU can be promised at this location again: `band` has how much of it."""

    location_id: Identifier
    sku: Identifier
    merchant_id: Identifier | None = Field(default=None, description="Whose location: ids are their merchant's own.")
    band: AnyStockBand | None = Field(default=None, description="How much there is; absent in older events.")


class StockBandChanged(Event, topic=STOCK, key="location_id:sku"):
    """A few units of this SKU can be promised at this location where many could, or the other way round.

    The units at which a band begins and ends differ, so one unit that goes back and forth is no event. That nothing is
    left is `StockDepleted`, that something is there again `StockRestored`: the band is that of the last of the three.
    """

    merchant_id: Identifier
    location_id: Identifier
    sku: Identifier
    band: AnyStockBand


class ActionAudited(AuditedAction, Event, topic=INVENTORY_AUDIT, key="subject"):
    """Inventory wrote a row of its audit: for systems outside of the suite."""
