"""Orders that a location does not serve after all go elsewhere, or end; and those that their members do not want."""

from collections.abc import Mapping, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import RequestCancelled
from lutong_contracts.inventory import (
    AcceptanceLapsed,
    FulfilmentLapsed,
    LocationDeclined,
    OfferLapsed,
    PickupLapsed,
    SlotAnswerLapsed,
)
from lutong_inventory.orders.domain.outcome import cancelled
from lutong_inventory.orders.domain.steps import CANCELLABLE, State
from lutong_inventory.orders.handlers.rerouting import Leaving, source_again
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.slots import places
from lutong_inventory.stock.store.reservations import close_reservations

handlers = Handlers()


@handlers.on(AcceptanceLapsed)
async def source_unaccepted_again(batch: Sequence[Received[AcceptanceLapsed]], tx: Tx) -> list[Outgoing]:
    """The location had its time to accept: another location gets the order."""
    causes = {received.event.order_id: received for received in batch}
    places = {order_id: received.event.location_id for order_id, received in causes.items()}
    rows = await _at(tx, places, ("sourced",))
    return await source_again([Leaving(row, "not_accepted_in_time", causes[row.order_id]) for row in rows], tx)


@handlers.on(FulfilmentLapsed)
async def source_forgotten_again(batch: Sequence[Received[FulfilmentLapsed]], tx: Tx) -> list[Outgoing]:
    """The location accepted, and forgot: another location gets the order."""
    causes = {received.event.order_id: received for received in batch}
    places: dict[str, str | None] = {order_id: received.event.location_id for order_id, received in causes.items()}
    rows = await _at(tx, places, ("accepted", "picked"))
    return await source_again([Leaving(row, "not_fulfilled_in_time", causes[row.order_id]) for row in rows], tx)


@handlers.on(LocationDeclined)
async def source_declined_again(batch: Sequence[Received[LocationDeclined]], tx: Tx) -> list[Outgoing]:
    """The location cannot serve the order: another location gets it."""
    causes = {received.event.order_id: received for received in batch}
    places: dict[str, str | None] = {order_id: received.event.location_id for order_id, received in causes.items()}
    rows = await _at(tx, places, CANCELLABLE)
    leaving = [Leaving(row, causes[row.order_id].event.reason, causes[row.order_id]) for row in rows]
    return await source_again(leaving, tx)


@handlers.on(PickupLapsed)
async def cancel_no_shows(batch: Sequence[Received[PickupLapsed]], tx: Tx) -> list[Outgoing]:
    """The member did not come: the goods go back to the shelf, and what was held is given back."""
    return await _cancel(
        {received.event.order_id: received for received in batch}, tx, "no_show", ("ready_for_pickup",)
    )


@handlers.on(OfferLapsed)
async def cancel_unanswered_offers(batch: Sequence[Received[OfferLapsed]], tx: Tx) -> list[Outgoing]:
    """A member did not say whether the flagship may send their order: it ends, and nothing is charged."""
    causes = {received.event.order_id: received for received in batch}
    return await _cancel(causes, tx, "offer_not_answered", ("offered",))


@handlers.on(SlotAnswerLapsed)
async def cancel_withdrawn(batch: Sequence[Received[SlotAnswerLapsed]], tx: Tx) -> list[Outgoing]:
    """The slot of an order was withdrawn, and its member took no other one: nobody could deliver when they asked for it."""
    causes = {received.event.order_id: received for received in batch}
    await order_store.lock_orders(tx, causes)
    still = await places.withdrawn(tx, {order_id: received.event.slot_id for order_id, received in causes.items()})
    return await _cancel({order_id: causes[order_id] for order_id in still}, tx, "slot_withdrawn", CANCELLABLE)


@handlers.on(RequestCancelled)
async def cancel_requests(batch: Sequence[Received[RequestCancelled]], tx: Tx) -> list[Outgoing]:
    """A member changed their mind: cancel what has not left, or remember it for an order yet to come."""
    order_ids = [received.event.order_id for received in batch]
    await tx.lock("order", order_ids)
    known = await order_store.known_orders(tx, order_ids)
    await order_store.recall(tx, [order_id for order_id in order_ids if order_id not in known])
    causes = {received.event.order_id: received for received in batch}
    return await _cancel(causes, tx, "cancelled_by_member", CANCELLABLE)


async def _at(tx: Tx, places: Mapping[str, str | None], states: Sequence[State]) -> list[OrderRow]:
    """Orders, locked, that are still at these locations and in one of these states; None is any location."""
    rows = await order_store.lock_orders(tx, places)
    return [
        row for order_id, row in rows.items() if row.state in states and places[order_id] in {None, row.location_id}
    ]


async def _cancel(
    causes: Mapping[str, Received[PickupLapsed | RequestCancelled | SlotAnswerLapsed | OfferLapsed]],
    tx: Tx,
    reason: str,
    states: Sequence[State],
) -> list[Outgoing]:
    rows = await order_store.cancel(tx, list(causes), reason, states)
    reasons = {row.order_id: reason for row in rows}
    freed = await places.release_booked(tx, reasons)
    news = await close_reservations(tx, list(reasons), "released", reasons)
    events = [
        causes[row.order_id].causes(cancelled(row.order_id, row.member_id, row.merchant_id, reason)) for row in rows
    ]
    events += [causes[order_id].causes(event) for order_id, event in freed.items()]
    return events + [list(causes.values())[-1].causes(each) for each in news]
