"""What of orders was taken back."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from lutong_chassis import Tx, columns
from lutong_inventory.orders.domain.refunds import KnownRefund


class RefundRow(NamedTuple):
    """A refund under the id that its merchant chose."""

    refund_id: str
    amount_minor: int
    restocked: bool
    refunded_at: datetime


def refund_key(merchant_id: str, refund_id: str) -> str:
    """Under which id a refund is kept: a merchant's ids are the merchant's own. No id contains a colon."""
    return f"{merchant_id}:{refund_id}"


async def refund_of(tx: Tx, merchant_id: str, refund_id: str) -> KnownRefund | None:
    """The refund that a merchant made under an id; those from before ids had owners are kept as they were chosen.

    Serialised by the id: nobody else makes it until commit.
    """
    key = refund_key(merchant_id, refund_id)
    await tx.lock("refund", [key])
    row = await tx.fetchrow(
        """
        SELECT refund_id, order_id, refund.amount_minor, restocked
          FROM refund JOIN customer_order USING (order_id)
         WHERE refund_id = ANY ($1) AND merchant_id = $2
        """,
        [key, refund_id],
        merchant_id,
    )
    if row is None:
        return None
    lines = await tx.fetch("SELECT sku, units FROM refund_line WHERE refund_id = $1", row["refund_id"])
    units = {line["sku"]: line["units"] for line in lines}
    return KnownRefund(row["order_id"], row["amount_minor"], units, row["restocked"])


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
    tx: Tx, refund_key: str, order_id: str, amount_minor: int, units: Mapping[str, int], *, restocked: bool
) -> None:
    """Keep a refund of a locked order, whose id is locked too."""
    await tx.execute(
        "INSERT INTO refund (refund_id, order_id, amount_minor, restocked) VALUES ($1, $2, $3, $4)",
        refund_key,
        order_id,
        amount_minor,
        restocked,
    )
    await tx.execute(
        "UPDATE customer_order SET refunded_minor = refunded_minor + $2, changed_at = now() WHERE order_id = $1",
        order_id,
        amount_minor,
    )
    await tx.execute(
        "INSERT INTO refund_line (refund_id, sku, units) SELECT $1, * FROM unnest($2::text[], $3::integer[])",
        refund_key,
        *columns(sorted(units.items()), 2),
    )


async def refunds_of(tx: Tx, order_id: str) -> list[RefundRow]:
    """Refunds of an order under the ids that their merchant chose, the earliest first."""
    rows = await tx.fetch(
        "SELECT refund_id, amount_minor, restocked, refunded_at FROM refund WHERE order_id = $1 ORDER BY refunded_at, refund_id",
        order_id,
    )
    return [RefundRow(*row)._replace(refund_id=row["refund_id"].rpartition(":")[2]) for row in rows]
