"""Stores are credited with what was fulfilled, and less with what was taken back."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import OrderFulfilled, OrderRefunded
from lutong_inventory.sales import store
from lutong_inventory.sales.domain import credited
from lutong_inventory.sales.store import Entry

handlers = Handlers()


@handlers.on(OrderFulfilled)
async def credit_sales(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """A member has the goods: the sale is credited to one location, for what the member pays."""
    sales = await store.sales(tx, (received.event.order_id for received in batch))
    entries = []
    for order in (received.event for received in batch):
        if sale := sales.get(order.order_id):
            location_key, why = credited(sale)
            entries.append(
                Entry(
                    order.order_id,
                    "sold",
                    order.order_id,
                    order.merchant_id,
                    location_key,
                    order.amount.currency,
                    order.amount.amount_minor,
                    why,
                )
            )
    await store.enter(tx, entries)
    return []


@handlers.on(OrderRefunded)
async def reverse_sales(batch: Sequence[Received[OrderRefunded]], tx: Tx) -> list[Outgoing]:
    """Part of an order was taken back: the store that was credited with it is credited with that much less."""
    sold = await store.sold(tx, (received.event.order_id for received in batch))
    refunds = [received.event for received in batch if received.event.order_id in sold]
    entries = [
        sold[refund.order_id]._replace(
            kind="refunded", reference=refund.refund_id, amount_minor=-refund.amount.amount_minor
        )
        for refund in refunds
    ]
    await store.enter(tx, entries)
    return []
