"""Stores are credited with what was fulfilled, and less with what was taken back."""

from collections.abc import Mapping, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import OrderFulfilled, OrderRefunded, PartFulfilled
from lutong_inventory.sales import store
from lutong_inventory.sales.domain import credited
from lutong_inventory.sales.store import Entry

handlers = Handlers()


@handlers.on(OrderFulfilled)
async def credit_sales(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """A member has the goods: the sale is credited to one location, for what the member pays. Parts were, one by one."""
    await _credit(tx, {received.event.order_id: received.event for received in batch}, parts=False)
    return []


@handlers.on(PartFulfilled)
async def credit_parts(batch: Sequence[Received[PartFulfilled]], tx: Tx) -> list[Outgoing]:
    """A member has a part of an order: that much is the sale of one location."""
    await _credit(tx, {received.event.fulfilment_id: received.event for received in batch}, parts=True)
    return []


async def _credit(tx: Tx, came: Mapping[str, OrderFulfilled | PartFulfilled], *, parts: bool) -> None:
    sales = await store.sales(tx, came)
    entries = []
    for order_id, sale in sales.items():
        if sale.is_part != parts:
            continue
        event, (location_key, why) = came[order_id], credited(sale)
        amount = event.amount
        entry = Entry(
            order_id, "sold", order_id, event.merchant_id, location_key, amount.currency, amount.amount_minor, why
        )
        entries.append(entry)
    await store.enter(tx, entries)


@handlers.on(OrderRefunded)
async def reverse_sales(batch: Sequence[Received[OrderRefunded]], tx: Tx) -> list[Outgoing]:
    """Something of an order was taken back: the store that was credited with it is credited with that much less."""
    sold = await store.sold(tx, (received.event.served_as for received in batch))
    refunds = [received.event for received in batch if received.event.served_as in sold]
    entries = [
        sold[refund.served_as]._replace(
            kind="refunded", reference=refund.refund_id, amount_minor=-refund.amount.amount_minor
        )
        for refund in refunds
    ]
    await store.enter(tx, entries)
    return []
