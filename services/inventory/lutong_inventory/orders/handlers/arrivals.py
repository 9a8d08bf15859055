"""Orders arrive when their credit is held; the member may have changed their mind before."""

from collections.abc import Sequence

import orjson

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import CreditHeld
from lutong_inventory.orders.domain.outcome import cancelled, sourced
from lutong_inventory.orders.domain.steps import MODES
from lutong_inventory.orders.handlers.sourcing import accept_by, lapse, placed, set_aside
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.decision import Decision

handlers = Handlers()


@handlers.on(CreditHeld)
async def source_orders(batch: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Credit is held: choose where each order ships from, and reserve it there."""
    await tx.lock("order", (received.event.order_id for received in batch))
    known = await order_store.known_orders(tx, [received.event.order_id for received in batch])
    fresh = list({r.event.order_id: r for r in reversed(batch) if r.event.order_id not in known}.values())[::-1]
    recalled = await order_store.recalled(tx, [received.event.order_id for received in fresh])
    events, waiting = [], []
    for received in fresh:
        order = received.event
        if order.order_id in recalled:
            row = _arrived(received)._replace(state="cancelled", reason="cancelled_by_member")
            await order_store.save_orders(tx, [row])
            events.append(
                received.causes(cancelled(row.order_id, row.member_id, row.merchant_id, "cancelled_by_member"))
            )
        else:
            waiting.append(received)
    return events + await _source(waiting, tx)


async def _source(waiting: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Decide in order of arrival, and save as often as the database has to be asked again: once, nearly always."""
    by = accept_by(tx)
    events: list[Outgoing] = []
    unknown = [received for received in waiting if received.event.mode not in MODES]
    waiting = [received for received in waiting if received.event.mode in MODES]
    wishes = [
        sourcing.wish(o.order_id, o.merchant_id, o.destination, o.mode, o.lines) for o in (r.event for r in waiting)
    ]
    done = 0
    while done < len(waiting):
        decisions = await sourcing.decide_orders(tx, wishes[done:])  # the next ones: those before are saved, and count
        pairs = list(zip(waiting[done:], decisions, strict=False))
        rows = [_decided(placed(_arrived(received), decision, by), decision) for received, decision in pairs]
        await order_store.save_orders(tx, rows)
        news = await set_aside(tx, decisions, {})
        for received, decision in pairs:
            answer = received.causes(sourced(decision, received.event.lines, received.event.mode, by))
            events += [answer, *lapse(answer, decision, by)]
        events += [pairs[-1][0].causes(each) for each in news]
        done += len(decisions)
    return events + await _refuse(unknown, tx)


async def _refuse(unknown: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Orders in a mode that only newer versions know: nobody here could hand the goods over."""
    if not unknown:
        return []
    refused = [_arrived(received)._replace(state="rejected", reason="unknown_mode") for received in unknown]
    await order_store.save_orders(tx, refused)
    events = []
    for received in unknown:
        order = received.event
        wish = sourcing.wish(order.order_id, order.merchant_id, order.destination, order.mode, order.lines)
        decision = Decision(wish, None, None, (), "unknown_mode")
        events.append(received.causes(sourced(decision, order.lines, order.mode, tx.now)))
    return events


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
        lines=orjson.dumps([line.model_dump() for line in order.lines]).decode(),
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
    )


def _decided(row: OrderRow, decision: Decision) -> OrderRow:
    return row if decision.chosen else row._replace(reason=decision.reason)
