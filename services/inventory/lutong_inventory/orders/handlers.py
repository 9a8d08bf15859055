"""Orders: sourced when credit is held, cancelled when nobody accepts them or the member changes their mind."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.feed import RequestCancelled
from lutong_contracts.inventory import (
    AcceptanceLapsed,
    OrderCancelled,
    OrderRejected,
    OrderSourced,
)
from lutong_contracts.membership import CreditHeld
from lutong_inventory.orders.domain.steps import CANCELLABLE
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.settings import InventorySettings
from lutong_inventory.sourcing import domain as sourcing
from lutong_inventory.sourcing import store as sourcing_store
from lutong_inventory.sourcing.domain import Outcome, Recalled, Sourced
from lutong_inventory.stock import store as stock_store
from lutong_inventory.stock.domain import Shelf, shelf_news
from lutong_inventory.stock.store import Reservation

handlers = Handlers()


@handlers.on(CreditHeld)
async def source_orders(batch: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Credit is held: choose where each order ships from, and reserve it there."""
    await tx.lock("order", (received.event.order_id for received in batch))
    known = await order_store.known_orders(tx, [received.event.order_id for received in batch])
    fresh = list({r.event.order_id: r for r in reversed(batch) if r.event.order_id not in known}.values())[::-1]
    outcomes = await _source([received.event for received in fresh], tx)

    accept_by = _accept_by(tx)
    causes = [received.as_cause for received in fresh]
    await order_store.save_orders(tx, list(zip(outcomes, causes, strict=True)), accept_by)
    changed = await stock_store.reserve(tx, [each for outcome in outcomes for each in _reservations(outcome)])

    said = []
    for received, outcome in zip(fresh, outcomes, strict=True):
        said.append(received.causes(_answer(outcome, tx)))
        if isinstance(outcome, Sourced):
            said.append(received.causes(AcceptanceLapsed(order_id=outcome.order.order_id), due_at=accept_by))
    return said + [fresh[-1].causes(news) for news in shelf_news(changed)]


def _reservations(outcome: Outcome) -> list[Reservation]:
    """What an outcome sets aside."""
    if not isinstance(outcome, Sourced):
        return []
    location_id = outcome.location.location_id
    return [Reservation(outcome.order.order_id, sku, location_id, units) for sku, units in outcome.demand]


def _accept_by(tx: Tx) -> datetime:
    return tx.now + timedelta(seconds=settings_of(InventorySettings).acceptance_window_s)


async def _source(orders: Sequence[CreditHeld], tx: Tx) -> list[Outcome]:
    """Decide on what the shelves say, lock those that were chosen, and decide again if they had changed."""
    candidates = await sourcing_store.nearest_locations(tx, orders)
    recalled = await order_store.recalled(tx, [order.order_id for order in orders])
    wanted = {
        Shelf(location.location_id, line.sku)
        for order in orders
        for location in candidates.get(order.order_id, ())
        for line in order.lines
    }
    stock = await stock_store.available(tx, wanted)
    locked: set[Shelf] = set()
    while True:
        outcomes = sourcing.source_all(orders, candidates, stock, recalled)
        chosen = {shelf for outcome in outcomes if isinstance(outcome, Sourced) for shelf in outcome.shelves}
        if chosen <= locked:
            return outcomes
        stock |= await stock_store.available(tx, chosen - locked, lock=True)
        locked |= chosen


def _answer(outcome: Outcome, tx: Tx) -> Event:
    order = outcome.order
    if isinstance(outcome, Sourced):
        return OrderSourced(
            order_id=order.order_id,
            merchant_id=order.merchant_id,
            location_id=outcome.location.location_id,
            location_kind=outcome.location.kind,
            distance_m=outcome.distance_m,
            lines=order.lines,
            mode=order.mode,
            accept_by=_accept_by(tx),
        )
    if isinstance(outcome, Recalled):
        return OrderCancelled(
            order_id=order.order_id,
            member_id=order.member_id,
            merchant_id=order.merchant_id,
            reason="cancelled_by_member",
        )
    return OrderRejected(order_id=order.order_id, merchant_id=order.merchant_id, reason=outcome.reason)


@handlers.on(AcceptanceLapsed)
async def cancel_unaccepted(batch: Sequence[Received[AcceptanceLapsed]], tx: Tx) -> list[Outgoing]:
    """The location had its time: an order that nobody accepted is cancelled, its stock released."""
    return await _cancel(batch, tx, "not_accepted_in_time", ["sourced"])


@handlers.on(RequestCancelled)
async def cancel_requests(batch: Sequence[Received[RequestCancelled]], tx: Tx) -> list[Outgoing]:
    """A member changed their mind: cancel what has not left, or remember it for an order yet to come."""
    order_ids = [received.event.order_id for received in batch]
    await tx.lock("order", order_ids)
    known = await order_store.known_orders(tx, order_ids)
    await order_store.recall(tx, [order_id for order_id in order_ids if order_id not in known])
    return await _cancel(batch, tx, "cancelled_by_member", CANCELLABLE)


async def _cancel(
    batch: Sequence[Received[AcceptanceLapsed]] | Sequence[Received[RequestCancelled]],
    tx: Tx,
    reason: str,
    states: Sequence[str],
) -> list[Outgoing]:
    causes = {received.event.order_id: received for received in batch}
    cancelled = await order_store.cancel(tx, list(causes), reason, states)
    released = await stock_store.close_reservations(tx, [row.order_id for row in cancelled], "released")
    said = [
        causes[row.order_id].causes(
            OrderCancelled(order_id=row.order_id, member_id=row.member_id, merchant_id=row.merchant_id, reason=reason)
        )
        for row in cancelled
    ]
    return said + [batch[-1].causes(news) for news in shelf_news(released)]
