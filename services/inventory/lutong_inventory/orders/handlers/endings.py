"""Orders that a location does not serve after all go elsewhere, or end; and those that their members do not want."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.feed import RequestCancelled
from lutong_contracts.inventory import AcceptanceLapsed, FulfilmentLapsed, LocationDeclined, PickupLapsed
from lutong_inventory.orders.domain.outcome import cancelled, sourced
from lutong_inventory.orders.domain.steps import CANCELLABLE, State
from lutong_inventory.orders.handlers.sourcing import accept_by, lapse, placed, set_aside
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.settings import InventorySettings
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.decision import Decision, Wish
from lutong_inventory.sourcing.store import decisions as decision_store
from lutong_inventory.stock.store.reservations import close_reservations

handlers = Handlers()


class Leaving(NamedTuple):
    """An order that leaves its location, why, and the event that caused it."""

    row: OrderRow
    reason: str
    received: Received[Event]


@handlers.on(AcceptanceLapsed)
async def source_unaccepted_again(batch: Sequence[Received[AcceptanceLapsed]], tx: Tx) -> list[Outgoing]:
    """The location had its time to accept: another location gets the order."""
    causes = {received.event.order_id: received for received in batch}
    places = {order_id: received.event.location_id for order_id, received in causes.items()}
    rows = await _at(tx, places, ("sourced",))
    return await _source_again([Leaving(row, "not_accepted_in_time", causes[row.order_id]) for row in rows], tx)


@handlers.on(FulfilmentLapsed)
async def source_forgotten_again(batch: Sequence[Received[FulfilmentLapsed]], tx: Tx) -> list[Outgoing]:
    """The location accepted, and forgot: another location gets the order."""
    causes = {received.event.order_id: received for received in batch}
    places: dict[str, str | None] = {order_id: received.event.location_id for order_id, received in causes.items()}
    rows = await _at(tx, places, ("accepted", "picked"))
    return await _source_again([Leaving(row, "not_fulfilled_in_time", causes[row.order_id]) for row in rows], tx)


@handlers.on(LocationDeclined)
async def source_declined_again(batch: Sequence[Received[LocationDeclined]], tx: Tx) -> list[Outgoing]:
    """The location cannot serve the order: another location gets it."""
    causes = {received.event.order_id: received for received in batch}
    places: dict[str, str | None] = {order_id: received.event.location_id for order_id, received in causes.items()}
    rows = await _at(tx, places, CANCELLABLE)
    leaving = [Leaving(row, causes[row.order_id].event.reason, causes[row.order_id]) for row in rows]
    return await _source_again(leaving, tx)


@handlers.on(PickupLapsed)
async def cancel_no_shows(batch: Sequence[Received[PickupLapsed]], tx: Tx) -> list[Outgoing]:
    """The member did not come: the goods go back to the shelf, and what was held is given back."""
    return await _cancel(
        {received.event.order_id: received for received in batch}, tx, "no_show", ("ready_for_pickup",)
    )


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


async def _source_again(leaving: Sequence[Leaving], tx: Tx) -> list[Outgoing]:
    """Give back what was set aside, and choose among all locations that did not have the order yet."""
    if not leaving:
        return []
    order_ids = [each.row.order_id for each in leaving]
    events = []
    for each in leaving:
        news = await close_reservations(tx, [each.row.order_id], "released", each.reason)
        events += [each.received.causes(event) for event in news]
    had = await decision_store.had_before(tx, order_ids)
    hops = {each.row.order_id: len(had.get(each.row.order_id, ())) or 1 for each in leaving}
    hops_max = settings_of(InventorySettings).sourcing_hops_max
    again = [each for each in leaving if hops[each.row.order_id] < hops_max and each.row.destination]
    ending = [each for each in leaving if each not in again]
    wishes = [_wish(each.row, had.get(each.row.order_id, ())) for each in again]
    done = 0
    while done < len(again):
        decisions = await sourcing.decide_orders(tx, wishes[done:])  # the next ones: those before are saved, and count
        pairs = [_Moving(*pair) for pair in zip(again[done:], decisions, strict=False)]
        events += await _move(pairs, hops, tx)
        ending += [each for each, decision in pairs if decision.chosen is None]
        done += len(decisions)
    return await _end(ending, tx) + events


def _wish(row: OrderRow, had: Sequence[str]) -> Wish:
    """What an order needs, from anybody who did not have it yet."""
    if row.destination is None:
        raise ValueError(f"order {row.order_id} has no destination")
    wish = sourcing.wish(row.order_id, row.merchant_id, row.destination, row.mode, row.order_lines)
    return Wish(
        wish.order_id, wish.merchant_id, wish.destination, wish.mode, wish.demand, wish.reach_m,
        tuple({*had, *([row.location_key] if row.location_key else ())}),
    )  # fmt: skip


class _Moving(NamedTuple):
    """An order that leaves a location, and the decision where it goes."""

    leaving: Leaving
    decision: Decision


async def _move(pairs: Sequence[_Moving], hops: Mapping[str, int], tx: Tx) -> list[Outgoing]:
    """Write where orders are sourced now, and publish it."""
    by = accept_by(tx)
    moved = [(each, decision) for each, decision in pairs if decision.chosen]
    await order_store.move_orders(tx, [placed(each.row, decision, by) for each, decision in moved])
    news = await set_aside(
        tx, [decision for _, decision in pairs], {order_id: hop + 1 for order_id, hop in hops.items()}
    )
    events = []
    for each, decision in moved:
        answer = each.received.causes(sourced(decision, each.row.order_lines, each.row.mode, by))
        events += [answer, *lapse(answer, decision, by)]
    return events + [pairs[-1].leaving.received.causes(event) for event in news]


async def _end(ending: Sequence[Leaving], tx: Tx) -> list[Outgoing]:
    """Nobody else can serve these orders: what was held for them is given back."""
    await order_store.move_orders(tx, [each.row._replace(state="cancelled", reason=each.reason) for each in ending])
    return [
        each.received.causes(cancelled(each.row.order_id, each.row.member_id, each.row.merchant_id, each.reason))
        for each in ending
    ]


async def _cancel(
    causes: Mapping[str, Received[PickupLapsed] | Received[RequestCancelled]],
    tx: Tx,
    reason: str,
    states: Sequence[State],
) -> list[Outgoing]:
    rows = await order_store.cancel(tx, list(causes), reason, states)
    news = await close_reservations(tx, [row.order_id for row in rows], "released", reason)
    events = [
        causes[row.order_id].causes(cancelled(row.order_id, row.member_id, row.merchant_id, reason)) for row in rows
    ]
    return events + [list(causes.values())[-1].causes(each) for each in news]
