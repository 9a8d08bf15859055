"""The end of orders that several locations serve: published once, when the last part has ended."""

from collections.abc import Iterable
from itertools import groupby

from lutong_chassis import Outgoing, Tx
from lutong_inventory.orders.domain.outcome import end_of
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow


async def ends(tx: Tx, ended: Iterable[OrderRow]) -> list[Outgoing]:
    """How orders ended whose last part is among those that ended now, and are written.

    Two parts of an order may end at once in two transactions: the lock, taken after all others, lets the second one see both.
    """
    orders = {row.part_of for row in ended if row.part_of}
    if not orders:
        return []
    await tx.lock("parts", orders)
    found = await order_store.parts_of(tx, orders)
    every = (list(parts) for _, parts in groupby(found, key=lambda row: row.part_of))
    return [Outgoing(event, parts[0].cause) for parts in every if (event := end_of(parts))]
