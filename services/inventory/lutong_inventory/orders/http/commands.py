"""What the commands on orders have in common."""

from collections.abc import Iterable

from lutong_chassis import Tx, Who, not_found
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow


async def lock_orders(tx: Tx, who: Who, order_ids: Iterable[str]) -> dict[str, OrderRow]:
    """Orders, locked; refuse those that do not exist or belong to another merchant."""
    rows = await order_store.lock_orders(tx, order_ids)
    for order_id in order_ids:
        row = rows.get(order_id) or not_found("order", order_id)
        who.require(merchant=row.merchant_id, hide=("order", order_id))
    return rows


async def lock_order(tx: Tx, who: Who, order_id: str) -> OrderRow:
    """An order, locked; 404 when it does not exist or belongs to another merchant."""
    return (await lock_orders(tx, who, [order_id]))[order_id]
