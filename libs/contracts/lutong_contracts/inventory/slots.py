"""Events of delivery slots: held, booked, released, and withdrawn with the orders in them."""

from lutong_contracts.event import Event
from lutong_contracts.topics import ORDERS, SLOTS
from lutong_contracts.values import Identifier, Instant, Reason, Value, Window


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
