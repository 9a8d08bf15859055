"""Parts of orders that several locations serve: read together, and made of an order that was whole until now."""

from collections.abc import Iterable, Sequence

from lutong_chassis import Reads, Tx, columns
from lutong_inventory.orders.store.orders import ORDER, OrderRow, save_orders


async def parts_of(tx: Reads, order_ids: Iterable[str]) -> list[OrderRow]:
    """All parts of orders that several locations serve, order by order, the first part first."""
    rows = await tx.fetch(
        f"SELECT {ORDER} FROM customer_order WHERE part_of = ANY ($1) ORDER BY part_of, created_at, length(order_id), order_id",
        sorted(set(order_ids)),
    )
    return [OrderRow(*row) for row in rows]


async def with_parts(tx: Tx, order_ids: Iterable[str]) -> list[str]:
    """The ids of orders, and of all their parts."""
    rows = await tx.fetch(
        """
        SELECT order_id FROM unnest($1::text[]) AS given(order_id)
        UNION
        SELECT order_id FROM customer_order WHERE part_of = ANY ($1)
        """,
        sorted(set(order_ids)),
    )
    return [row["order_id"] for row in rows]


async def split_orders(tx: Tx, orders: Sequence[Sequence[OrderRow]]) -> None:
    """Write what is left of locked orders that several locations serve from now on, and the parts that others have."""
    if not orders:
        return
    first = sorted((rows[0].order_id, rows[0].amount_minor, rows[0].lines) for rows in orders)
    await tx.execute(
        """
        UPDATE customer_order
           SET part_of = customer_order.order_id, open_part = true, amount_minor = given.amount_minor, lines = given.lines
          FROM unnest($1::text[], $2::bigint[], $3::text[]) AS given(order_id, amount_minor, lines)
         WHERE customer_order.order_id = given.order_id AND part_of IS NULL
        """,
        *columns(first, 3),
    )
    await save_orders(tx, [row for rows in orders for row in rows[1:]])
