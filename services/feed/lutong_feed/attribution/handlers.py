"""What orders are credited to, decided when they are requested and again when older clicks and impressions come late."""

from collections.abc import Collection, Sequence
from datetime import datetime

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRefunded, OrderSourced
from lutong_contracts.membership import AgreementSettled, CreditHeld
from lutong_feed.attribution import domain, store
from lutong_feed.attribution.domain import OrderRow
from lutong_feed.attribution.store import SettledRow, StageRow

handlers = Handlers()


async def credit_orders(tx: Tx, batch: Sequence[Received[ServiceRequested]]) -> None:
    """Services were requested: credit each order to the item that led to it."""
    orders = [
        OrderRow(e.order_id, e.viewer_id, e.post_id, e.program_id, e.total.currency, r.time, e.touch)
        for r in batch
        for e in (r.event,)
    ]
    await store.keep_orders(tx, orders)
    await _decide(tx, {order.order_id for order in orders})


async def credit_again(tx: Tx, viewer_ids: Collection[str], since: datetime) -> None:
    """Clicks and impressions came late: what these viewers ordered since then may be credited to them."""
    await _decide(tx, await store.orders_after(tx, viewer_ids, since))


async def reach(
    tx: Tx, stage: str, batch: Sequence[Received[OrderSourced] | Received[OrderFulfilled] | Received[OrderCancelled]]
) -> None:
    """Orders reached a stage."""
    rows = [StageRow(r.event.order_id, stage, r.time, _amount_minor(r.event)) for r in batch]
    await store.keep_stages(tx, rows)


def _amount_minor(event: OrderSourced | OrderFulfilled | OrderCancelled) -> int:
    return event.amount.amount_minor if isinstance(event, OrderFulfilled) else 0


async def _decide(tx: Tx, order_ids: Collection[str]) -> None:
    if order_ids:
        orders = await store.lock_orders(tx, order_ids)
        touched = await store.touched(tx, orders)
        await store.save_credits(tx, [domain.credited(order, touched[order.order_id]) for order in orders])


@handlers.on(CreditHeld)
async def keep_held(batch: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Credit is held for orders, under their agreements."""
    rows = [
        StageRow(r.event.order_id, "held", r.time, r.event.amount.amount_minor, r.event.agreement_id) for r in batch
    ]
    await store.keep_stages(tx, rows)
    return []


@handlers.on(OrderRefunded)
async def keep_refunds(batch: Sequence[Received[OrderRefunded]], tx: Tx) -> list[Outgoing]:
    """Orders were taken back, in part or whole: their credit shrinks, or is reversed."""
    rows = [
        StageRow(r.event.order_id, "refunded", r.time, r.event.amount.amount_minor, r.event.refund_id) for r in batch
    ]
    await store.keep_stages(tx, rows)
    return []


@handlers.on(AgreementSettled)
async def keep_settled(batch: Sequence[Received[AgreementSettled]], tx: Tx) -> list[Outgoing]:
    """Nothing is owed under agreements any more: their orders are settled."""
    await store.keep_settled(tx, [SettledRow(r.event.agreement_id, r.time) for r in batch])
    return []
