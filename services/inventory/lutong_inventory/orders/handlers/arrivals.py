"""Orders arrive when their credit is held; the member may have changed their mind before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import OrderRejected
from lutong_contracts.membership import CreditHeld
from lutong_inventory.orders.domain.outcome import cancelled, sourced
from lutong_inventory.orders.domain.steps import MODES
from lutong_inventory.orders.handlers.sourcing import accept_by, in_parts, lapse, placed, set_aside
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import Addressed, OrderRow, written
from lutong_inventory.provided import handlers as provided
from lutong_inventory.slots import places
from lutong_inventory.slots.domain.slots import Booking
from lutong_inventory.slots.places import Fitting
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.values import Decision, Wish

handlers = Handlers()


@handlers.on(CreditHeld)
async def source_orders(batch: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Credit is held: choose where each order ships from, and reserve it there; a service without goods waits for its merchant."""
    await tx.lock("order", (received.event.order_id for received in batch))
    services = [received for received in batch if received.event.provided]
    goods = [received for received in batch if not received.event.provided]
    recalled = await order_store.recalled(tx, [received.event.order_id for received in services]) if services else ()
    awaited = await provided.await_services(tx, services, recalled) if services else []
    return awaited + await _arrive(goods, tx) if goods else awaited


async def _arrive(batch: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    known = await order_store.known_orders(tx, [received.event.order_id for received in batch])
    fresh = list({r.event.order_id: r for r in reversed(batch) if r.event.order_id not in known}.values())[::-1]
    recalled = await order_store.recalled(tx, [received.event.order_id for received in fresh])
    events: list[Outgoing] = []
    waiting = []
    for received in fresh:
        order = received.event
        if order.order_id in recalled:
            row = _arrived(received)._replace(state="cancelled", reason="cancelled_by_member")
            await order_store.save_orders(tx, [row])
            events.append(received.causes(cancelled(row, "cancelled_by_member")))
        else:
            waiting.append(received)
    refused = {received.event.order_id: "unknown_mode" for received in waiting if received.event.mode not in MODES}
    orders = [received.event for received in waiting]
    named = [Addressed(o.order_id, o.address_id, o.member_id) for o in orders if o.address_id]
    refused |= dict.fromkeys(await order_store.to_strange_addresses(tx, named), "unknown_address")
    fitting = await places.fit(tx, _bookings([r for r in waiting if r.event.order_id not in refused]))
    refused |= {order_id: refusal.kind for order_id, refusal in fitting.refusals.items()}
    events += await _source([r for r in waiting if r.event.order_id not in refused], fitting, tx)
    return events + await _refuse([r for r in waiting if r.event.order_id in refused], refused, tx)


def _bookings(waiting: Sequence[Received[CreditHeld]]) -> dict[str, list[Booking]]:
    """The orders that come with a place in a slot, by the hold that they name, in order of arrival."""
    found: dict[str, list[Booking]] = {}
    for order in (received.event for received in waiting):
        if order.slot_hold_id is not None:
            booking = Booking(order.order_id, order.member_id, order.merchant_id, order.mode, order.destination)
            found.setdefault(order.slot_hold_id, []).append(booking)
    return found


async def _source(waiting: Sequence[Received[CreditHeld]], fitting: Fitting, tx: Tx) -> list[Outgoing]:
    """Decide in order of arrival, and save as often as the database has to be asked again: once, nearly always."""
    events: list[Outgoing] = []
    wishes = [_wish(received.event, fitting) for received in waiting]
    done = 0
    while done < len(waiting):
        decisions = await sourcing.decide_orders(tx, wishes[done:])  # the next ones: those before are saved, and count
        pairs = list(zip(waiting[done:], decisions, strict=False))
        decided = [_decided(received, decision, fitting, tx) for received, decision in pairs]
        await order_store.save_orders(tx, [row for rows in decided for row in rows])
        news = await set_aside(tx, decisions, {})
        ends = {rows[0].order_id: rows[0].reason for rows in decided}
        settled = await places.settle(tx, fitting.places, ends)
        for (received, decision), rows in zip(pairs, decided, strict=True):
            for part, row in zip(decision.parts, rows, strict=True):
                by = row.accept_by or tx.now
                answer = received.causes(sourced(part, row.order_lines, row.mode, by, row.window))
                events += [answer, *lapse(answer, part, by)]
            order_id = received.event.order_id
            events += [received.causes(settled[order_id])] if order_id in settled else []
        events += [pairs[-1][0].causes(each) for each in news]
        done += len(decisions)
    return events


def _wish(order: CreditHeld, fitting: Fitting) -> Wish:
    """What an order needs; one in a slot needs all of it of the location whose slot that is."""
    wish = sourcing.wish(order.order_id, order.merchant_id, order.destination, order.mode, order.lines)
    place = fitting.places.get(order.order_id)
    return replace(wish, only_at=place.slot.ground.location_key, may_split=False) if place else wish


def _decided(received: Received[CreditHeld], decision: Decision, fitting: Fitting, tx: Tx) -> list[OrderRow]:
    """An order as it was decided on, part by part. A location need not accept before the cut-off: until then its slot fills."""
    by = accept_by(tx)
    row = _arrived(received)
    place = fitting.places.get(row.order_id)
    if place:
        by = max(by, place.slot.cut_off_at)
        window = place.slot.window
        row = row._replace(window_starts_at=window.starts_at, window_ends_at=window.ends_at)
    if decision.chosen is None:
        return [row._replace(reason=decision.reason)]
    return [placed(each, part, by) for each, part in zip(in_parts(row, decision), decision.parts, strict=True)]


async def _refuse(refused: Sequence[Received[CreditHeld]], reasons: Mapping[str, str], tx: Tx) -> list[Outgoing]:
    """Orders in a mode that only newer versions know, and those whose place in a slot is not theirs, or not any more."""
    if not refused:
        return []
    rows = [_arrived(each)._replace(state="rejected", reason=reasons[each.event.order_id]) for each in refused]
    await order_store.save_orders(tx, rows)
    return [
        received.causes(OrderRejected(order_id=row.order_id, merchant_id=row.merchant_id, reason=reasons[row.order_id]))
        for received, row in zip(refused, rows, strict=True)
    ]


def _arrived(received: Received[CreditHeld]) -> OrderRow:
    """An order, before it is decided on."""
    order, cause = received.event, received.as_cause
    return OrderRow(
        order_id=order.order_id,
        merchant_id=order.merchant_id,
        member_id=order.member_id,
        post_id=order.post_id,
        program_id=order.program_id,
        amount_minor=order.amount.amount_minor,
        currency=order.amount.currency,
        mode=order.mode,
        lines=written(order.lines),
        state="rejected",
        location_key=None,
        location_kind=None,
        distance_m=None,
        accept_by=None,
        reason=None,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        latitude=order.destination.latitude,
        longitude=order.destination.longitude,
        flagship_ok=order.flagship_ok,
        address_id=order.address_id,
        sold_by=order.sold_by,
        flagship_ok_by=order.flagship_ok_by,
        touch=order.touch,
    )
