"""Events of inventory: where an order ships from, its progress, and the stock that is left."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.audit import AuditedAction
from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import INVENTORY_AUDIT, ORDERS, STOCK
from lutong_contracts.values import AnyLocationKind, AnyMode, Identifier, Instant, Line, Money, Reason


class OrderSourced(Event, topic=ORDERS, key="order_id"):
    """Stock is reserved at the nearest location able to serve the whole order.

    The location must accept by `accept_by`, or the order is cancelled.
    """

    order_id: Identifier
    merchant_id: Identifier
    location_id: Identifier
    location_kind: AnyLocationKind
    distance_m: int = Field(ge=0, description="Great-circle distance, in metres.")
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    mode: AnyMode
    accept_by: Instant


class OrderRejected(Event, topic=ORDERS, key="order_id"):
    """Neither a store nor the flagship can serve the whole order."""

    order_id: Identifier
    merchant_id: Identifier
    reason: Reason


class AcceptanceLapsed(Event, topic=ORDERS, key="order_id"):
    """A deadline, published by inventory for itself: the location had until now to accept the order."""

    order_id: Identifier


class OrderAdvanced(Event, topic=ORDERS, key="order_id"):
    """The location took a step towards handing the order over."""

    order_id: Identifier
    location_id: Identifier
    step: Annotated[str, Open(Literal["accepted", "picked", "ready_for_pickup", "handed_over"])]


class OrderFulfilled(Event, topic=ORDERS, key="order_id"):
    """The member has the goods. The hold may be captured; the road is through."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    post_id: Identifier
    program_id: Identifier
    location_id: Identifier
    location_kind: AnyLocationKind
    amount: Money


class OrderCancelled(Event, topic=ORDERS, key="order_id"):
    """The order ended before the goods left. What was reserved is back on the shelf."""

    order_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    reason: Reason


class OrderRefunded(Event, topic=ORDERS, key="order_id"):
    """Part of a fulfilled order was taken back, or all of it. `amount` is of what the member paid, this time."""

    order_id: Identifier
    refund_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount: Money


class StockAdjusted(Event, topic=STOCK, key="location_id:sku"):
    """Goods were counted, received or lost: `delta` units, `on_hand` afterwards."""

    location_id: Identifier
    sku: Identifier
    delta: int
    on_hand: int = Field(ge=0)
    reason: Reason


class StockDepleted(Event, topic=STOCK, key="location_id:sku"):
    """Nothing of this SKU can be promised at this location any more."""

    location_id: Identifier
    sku: Identifier


class StockRestored(Event, topic=STOCK, key="location_id:sku"):
    """This SKU can be promised at this location again."""

    location_id: Identifier
    sku: Identifier


class ActionAudited(AuditedAction, Event, topic=INVENTORY_AUDIT, key="subject"):
    """Inventory wrote a row of its audit: for systems outside of the suite."""
