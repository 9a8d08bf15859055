"""Orders end before their goods left: their members do not want them, do not come, or do not answer."""

from collections.abc import Mapping, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import RequestCancelled
from lutong_contracts.inventory import (
    OfferLapsed,
    PickupLapsed,
    SlotAnswerLapsed,
)
from lutong_inventory.orders.domain.outcome import cancelled
from lutong_inventory.orders.domain.steps import CANCELLABLE, State
from lutong_inventory.orders.handlers import parts
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.provided import handlers as provided
from lutong_inventory.provided import store as provided_store
from lutong_inventory.slots import places
from lutong_inventory.stock.store.reservations import close_reservations

handlers = Handlers()


@handlers.on(PickupLapsed)
async def cancel_no_shows(batch: Sequence[Received[PickupLapsed]], tx: Tx) -> list[Outgoing]:
    """The member did not come: the goods go back to the shelf, and what was held is given back."""
    return await _cancel(
        {received.event.order_id: received for received in batch}, tx, "no_show", ("ready_for_pickup",)
    )


@handlers.on(OfferLapsed)
async def cancel_unanswered_offers(batch: Sequence[Received[OfferLapsed]], tx: Tx) -> list[Outgoing]:
    """A member did not answer whether the flagship may send their order: it ends, and nothing is charged."""
    causes = {received.event.served_as: received for received in batch}
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
    causes = {received.event.order_id: received for received in batch}
    services = await provided_store.lock(tx, order_ids)
    known = await order_store.known_orders(tx, order_ids) | services.keys()
    await order_store.recall(tx, [order_id for order_id in order_ids if order_id not in known])
    events = await provided.cancel_services(tx, services, causes)
    return events + await _cancel(causes, tx, "cancelled_by_member", CANCELLABLE, every_part=True)


async def _cancel(
    causes: Mapping[str, Received[PickupLapsed | RequestCancelled | SlotAnswerLapsed | OfferLapsed]],
    tx: Tx,
    reason: str,
    states: Sequence[State],
    *,
    every_part: bool = False,
) -> list[Outgoing]:
    row_ids = await order_store.with_parts(tx, causes) if every_part else list(causes)
    rows = await order_store.cancel(tx, row_ids, reason, states)
    reasons = {row.order_id: reason for row in rows}
    freed = await places.release_booked(tx, reasons)
    news = await close_reservations(tx, list(reasons), "released", reasons)
    of_row = {row.order_id: causes[(row.part_of or row.order_id) if every_part else row.order_id] for row in rows}
    events = [of_row[row.order_id].causes(cancelled(row, reason)) for row in rows]
    events += [of_row[order_id].causes(event) for order_id, event in freed.items()]
    events += [list(causes.values())[-1].causes(each) for each in news]
    return events + await parts.ends(tx, rows)
