"""What of orders was taken back."""

from collections.abc import Mapping

import asyncpg

from lutong_chassis import Tx, columns


async def returned_units(tx: Tx, order_id: str) -> dict[str, int]:
    """How many units of each SKU of an order were taken back. The order must be locked."""
    rows = await tx.fetch(
        """
        SELECT sku, sum(units)::integer AS units
          FROM refund_line JOIN refund USING (refund_id)
         WHERE order_id = $1
         GROUP BY sku
        """,
        order_id,
    )
    return {row["sku"]: row["units"] for row in rows}


async def save_refund(
    tx: Tx, refund_id: str, order_id: str, amount_minor: int, units: Mapping[str, int], *, restocked: bool
) -> bool:
    """Keep a refund of a locked order; False when there is one with this id."""
    fresh = await tx.fetchval(
        """
        INSERT INTO refund (refund_id, order_id, amount_minor, restocked)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (refund_id) DO NOTHING
        RETURNING true
        """,
        refund_id,
        order_id,
        amount_minor,
        restocked,
    )
    if not fresh:
        return False
    await tx.execute(
        "UPDATE customer_order SET refunded_minor = refunded_minor + $2, changed_at = now() WHERE order_id = $1",
        order_id,
        amount_minor,
    )
    await tx.execute(
        "INSERT INTO refund_line (refund_id, sku, units) SELECT $1, * FROM unnest($2::text[], $3::integer[])",
        refund_id,
        *columns(sorted(units.items()), 2),
    )
    return True


async def refunds_of(tx: Tx, order_id: str) -> list[asyncpg.Record]:
    """Refunds of an order, the earliest first."""
    return await tx.fetch(
        "SELECT refund_id, amount_minor, restocked, refunded_at FROM refund WHERE order_id = $1 ORDER BY refunded_at, refund_id",
        order_id,
    )
