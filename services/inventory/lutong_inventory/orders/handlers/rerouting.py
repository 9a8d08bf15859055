"""Orders that leave a location: what it reports of its shelves is taken in, and another location gets them, or they end."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.inventory import AcceptanceLapsed, FulfilmentLapsed, LocationDeclined, OfferLapsed
from lutong_inventory.locations.domain import location as domain
from lutong_inventory.locations.store import locations as location_store
from lutong_inventory.orders.domain import offers
from lutong_inventory.orders.domain.outcome import cancelled, flagship_offered, led_by, numbered, sourced
from lutong_inventory.orders.domain.steps import CANCELLABLE, State
from lutong_inventory.orders.handlers import parts
from lutong_inventory.orders.handlers.sourcing import accept_by, in_parts, lapse, placed, set_aside
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.settings import InventorySettings
from lutong_inventory.slots import places
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.values import Decision, Wish
from lutong_inventory.sourcing.store import decisions as decision_store
from lutong_inventory.stock.domain.declines import Declined
from lutong_inventory.stock.domain.shelves import Shelf, demand_by_sku
from lutong_inventory.stock.handlers import take_declines_in
from lutong_inventory.stock.store.reservations import close_reservations, keep_reservations

handlers = Handlers()

L = TypeVar("L", AcceptanceLapsed, FulfilmentLapsed, LocationDeclined)


class Leaving(NamedTuple):
    """An order that leaves its location, why, and the event that caused it."""

    row: OrderRow
    reason: str
    received: Received[Event]


@handlers.on(AcceptanceLapsed)
async def source_unaccepted_again(batch: Sequence[Received[AcceptanceLapsed]], tx: Tx) -> list[Outgoing]:
    """The location had its time to accept: another location gets the order."""
    leaving = await _leaving(batch, tx, ("sourced",), lambda _: "not_accepted_in_time")
    return await _source_again(leaving, tx)


@handlers.on(FulfilmentLapsed)
async def source_forgotten_again(batch: Sequence[Received[FulfilmentLapsed]], tx: Tx) -> list[Outgoing]:
    """The location accepted, and forgot: another location gets the order."""
    leaving = await _leaving(batch, tx, ("accepted", "picked"), lambda _: "not_fulfilled_in_time")
    return await _source_again(leaving, tx)


@handlers.on(LocationDeclined)
async def source_declined_again(batch: Sequence[Received[LocationDeclined]], tx: Tx) -> list[Outgoing]:
    """The location cannot serve the order: another location gets it."""
    return await _source_again(await _leaving(batch, tx, CANCELLABLE, lambda event: event.reason), tx)


async def _leaving(
    batch: Sequence[Received[L]], tx: Tx, states: Sequence[State], why: Callable[[L], str]
) -> list[Leaving]:
    """Orders, locked, that are still at the locations that lost them and in one of these states.

    Their names are locked first: an order may become several parts here, and a member who cancels it means all of them.
    """
    await tx.lock("order", (received.event.order_id for received in batch))
    causes = {received.event.served_as: received for received in batch}
    rows = await order_store.lock_orders(tx, causes)
    return [
        Leaving(row, why(causes[order_id].event), causes[order_id])
        for order_id, row in rows.items()
        if row.state in states and causes[order_id].event.location_id in {None, row.location_id}
    ]


async def _source_again(leaving: Sequence[Leaving], tx: Tx) -> list[Outgoing]:
    """Give back what was set aside, and choose among all locations that did not have the order yet."""
    if not leaving:
        return []
    order_ids = [each.row.order_id for each in leaving]
    paused = await _ease(tx, leaving)
    freed = await places.release_booked(tx, {each.row.order_id: each.reason for each in leaving if each.row.window})
    news = await close_reservations(tx, order_ids, "released", {each.row.order_id: each.reason for each in leaving})
    events = [leaving[-1].received.causes(event) for event in [*paused, *freed.values(), *news]]
    moved = await take_declines_in(tx, [each for one in leaving for each in _declines(one)])
    events += [leaving[-1].received.causes(event) for event in moved]
    await decision_store.lost(tx, {each.row.order_id: each.reason for each in leaving})
    had = await decision_store.had_before(tx, order_ids)
    never = decision_store.Had(1, [])  # orders of releases that kept no decisions
    hops_max = settings_of(InventorySettings).sourcing_hops_max
    again = [
        each for each in leaving if had.get(each.row.order_id, never).hops < hops_max and _may_go_elsewhere(each.row)
    ]
    ending = [each for each in leaving if each not in again]
    wishes = [_wish(each.row, had.get(each.row.order_id, never).keys) for each in again]
    done = 0
    while done < len(again):
        decisions = await sourcing.decide_orders(tx, wishes[done:])  # the next ones: those before are saved, and count
        pairs = [_Moving(*pair) for pair in zip(again[done:], decisions, strict=False)]
        events += await _move(pairs, {order_id: each.decisions for order_id, each in had.items()}, tx)
        ending += [each for each, decision in pairs if decision.chosen is None]
        done += len(decisions)
    ended = await _end(ending, tx)
    return ended + events + await parts.ends(tx, [each.row for each in ending])


async def _ease(tx: Tx, leaving: Sequence[Leaving]) -> list[Event]:
    """Locations that did not serve an order are paused or lowered, by its reason; gives what others may know of them."""
    settings = settings_of(InventorySettings)
    reasons = {each.row.location_key: each.reason for each in leaving if each.row.location_key}
    known = await location_store.lock_locations(tx, reasons)
    pause_for = timedelta(seconds=settings.rush_pause_s)
    eased = [domain.eased(each, reasons[each.key], tx.now, pause_for) for each in known]
    lowered = [each.key for each, new in zip(known, eased, strict=True) if new == each]
    await location_store.lower(tx, lowered, tx.now + timedelta(seconds=settings.lowered_s))
    changed = [new for each, new in zip(known, eased, strict=True) if new != each]
    changed = await location_store.save_locations(tx, changed) if changed else []
    return [domain.location_event(each, tx.now) for each in changed]


def _declines(leaving: Leaving) -> list[Declined]:
    """What a decline reports of shelves: of those that it names, of the only one, or perhaps of each."""
    row, event = leaving.row, leaving.received.event
    if not isinstance(event, LocationDeclined) or row.location_key is None:
        return []
    demand = demand_by_sku(row.order_lines)
    named = set(event.skus) or ({demand[0].sku} if len(demand) == 1 else set())
    return [
        Declined(Shelf(row.location_key, sku), units, event.reason, row.order_id, sku in named)
        for sku, units in demand
        if not named or sku in named
    ]


def _may_go_elsewhere(row: OrderRow) -> bool:
    """An order in a slot has no place in one of another location: it was for that time that the member asked."""
    return row.destination is not None and row.window is None


def _wish(row: OrderRow, had: Sequence[str]) -> Wish:
    """What an order needs, from anybody who did not have it yet. A whole order may be split now; a part goes elsewhere whole."""
    if row.destination is None:
        raise ValueError(f"order {row.order_id} has no destination")
    wish = sourcing.wish(row.order_id, row.merchant_id, row.destination, row.mode, row.order_lines)
    excluded = tuple({*had, *([row.location_key] if row.location_key else ())})
    whole = row.part_of is None
    return replace(wish, excluded=excluded, part_of=row.part_of, may_split=wish.may_split and whole)


class _Moving(NamedTuple):
    """An order that leaves a location, and the decision where it goes."""

    leaving: Leaving
    decision: Decision


async def _move(pairs: Sequence[_Moving], decided: Mapping[str, int], tx: Tx) -> list[Outgoing]:
    """Write where orders are sourced now, and publish it. `decided`: how many decisions there are of each so far."""
    by = accept_by(tx)
    moved = [(each, decision) for each, decision in pairs if decision.chosen]
    placed_now = [_placed_in_parts(each.row, decision, by, tx) for each, decision in moved]
    await order_store.move_orders(tx, [rows[0] for rows in placed_now])
    split = [rows for rows in placed_now if len(rows) > 1]
    await order_store.split_orders(tx, split)
    await keep_reservations(tx, {rows[0].order_id: [line.sku for line in rows[0].order_lines] for rows in split})
    numbers = [numbered(decision.parts, decided.get(each.row.order_id, 1)) for each, decision in pairs]
    news = await set_aside(tx, [decision for _, decision in pairs], dict(ChainMap(*numbers)))
    events: list[Outgoing] = []
    for (each, decision), rows in zip(moved, placed_now, strict=True):
        for part, row in zip(decision.parts, rows, strict=True):
            events += _publish(each, part, row, by)
    return events + [pairs[-1].leaving.received.causes(event) for event in news]


def _publish(leaving: Leaving, decision: Decision, row: OrderRow, by: datetime) -> list[Outgoing]:
    """Where an order, or a part of it, is sourced now; or the question to its member."""
    if row.state == "offered":
        return _ask(leaving, row)
    consent = offers.agreed_by(leaving.row.location_kind, str(row.location_kind), leaving.row.flagship_ok_by)
    answer = leaving.received.causes(
        led_by(sourced(decision, row.order_lines, row.mode, by, consent=consent), row.touch)
    )
    return [answer, *lapse(answer, decision, by)]


def _placed_in_parts(row: OrderRow, decision: Decision, by: datetime, tx: Tx) -> list[OrderRow]:
    """An order where it goes now, as so many rows as locations serve it; the first has its id."""
    return [_placed(each, part, by, tx) for each, part in zip(in_parts(row, decision), decision.parts, strict=True)]


def _placed(row: OrderRow, decision: Decision, by: datetime, tx: Tx) -> OrderRow:
    """An order at the location that was chosen: sourced there, or offered when that is the flagship and nobody agreed to it."""
    new = placed(row, decision, by)
    if not offers.needs_consent(row.location_kind, str(new.location_kind), flagship_ok=row.flagship_ok):
        return new
    answer_by = tx.now + timedelta(seconds=settings_of(InventorySettings).offer_answer_s)
    return new._replace(state="offered", accept_by=answer_by)


def _ask(leaving: Leaving, row: OrderRow) -> list[Outgoing]:
    """Ask the member of an order whether the flagship may send it, and wait so long."""
    settings = settings_of(InventorySettings)
    times = (timedelta(seconds=settings.store_eta_s), timedelta(seconds=settings.flagship_eta_s))
    before = offers.eta("store", leaving.row.distance_m or 0, *times)
    after = offers.eta("flagship", row.distance_m or 0, *times)
    answer_by = row.accept_by or leaving.received.time
    offered = flagship_offered(row, round((after - before).total_seconds()), leaving.reason, answer_by)
    return [
        leaving.received.causes(offered),
        leaving.received.causes(OfferLapsed(**row.names), due_at=answer_by),
    ]


async def _end(ending: Sequence[Leaving], tx: Tx) -> list[Outgoing]:
    """Nobody else can serve these orders: what was held for them is given back."""
    await order_store.move_orders(tx, [each.row._replace(state="cancelled", reason=each.reason) for each in ending])
    return [each.received.causes(cancelled(each.row, each.reason)) for each in ending]
