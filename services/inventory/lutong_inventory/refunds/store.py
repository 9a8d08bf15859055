"""What of orders was taken back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from lutong_chassis import Reads, Tx, columns
from lutong_inventory.refunds.domain import KnownRefund


class RefundRow(NamedTuple):
    """A refund under the id that its merchant chose."""

    refund_id: str
    amount_minor: int
    restocked: bool
    refunded_at: datetime


class RefundName(NamedTuple):
    """A refund by its merchant, whose own its id is."""

    merchant_id: str
    refund_id: str

    @property
    def key(self) -> str:
        """Under which id the refund is kept. No id contains a colon."""
        return f"{self.merchant_id}:{self.refund_id}"


class NewRefund(NamedTuple):
    """A refund of a locked order, whose name is locked too."""

    name: RefundName
    order_id: str
    amount_minor: int
    restocked: bool
    units: Mapping[str, int]


async def refunds_named(tx: Tx, names: Iterable[RefundName]) -> dict[RefundName, KnownRefund]:
    """The refunds that merchants made under names, of goods or of services; those from before ids had owners are kept as they were chosen.

    Serialised by the names: nobody else makes them until commit.
    """
    wanted = sorted(set(names))
    if not wanted:
        return {}
    await tx.lock("refund", [name.key for name in wanted])
    rows = await tx.fetch(
        """
        SELECT asked.merchant_id, asked.refund_id, refund.order_id, refund.amount_minor, restocked,
               array_agg(sku) FILTER (WHERE sku IS NOT NULL) AS skus, array_agg(units) FILTER (WHERE sku IS NOT NULL) AS units
          FROM unnest($1::text[], $2::text[]) AS asked(merchant_id, refund_id)
          JOIN refund ON refund.refund_id IN (asked.merchant_id || ':' || asked.refund_id, asked.refund_id)
          LEFT JOIN customer_order USING (order_id)
          LEFT JOIN refund_line ON refund_line.refund_id = refund.refund_id
         WHERE customer_order.merchant_id = asked.merchant_id OR refund.refund_id = asked.merchant_id || ':' || asked.refund_id
         GROUP BY asked.merchant_id, asked.refund_id, refund.refund_id
        """,
        *columns(wanted, 2),
    )
    return {
        RefundName(row[0], row[1]): KnownRefund(
            row["order_id"],
            row["amount_minor"],
            dict(zip(row["skus"] or (), row["units"] or (), strict=True)),
            row["restocked"],
        )
        for row in rows
    }


async def returned_units(tx: Tx, order_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many units of each SKU of orders were taken back, by order. The orders must be locked."""
    rows = await tx.fetch(
        """
        SELECT order_id, sku, sum(units)::integer AS units
          FROM refund_line JOIN refund USING (refund_id)
         WHERE order_id = ANY ($1)
         GROUP BY order_id, sku
        """,
        sorted(set(order_ids)),
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row["order_id"]][row["sku"]] = row["units"]
    return found


async def save_refunds(tx: Tx, refunds: Sequence[NewRefund]) -> None:
    """Keep refunds, and add them up on their orders."""
    if not refunds:
        return
    rows = sorted((new.name.key, new.order_id, new.amount_minor, new.restocked) for new in refunds)
    await tx.execute(
        """
        WITH given AS (
            INSERT INTO refund (refund_id, order_id, amount_minor, restocked)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[])
            RETURNING order_id, amount_minor
        ), total AS (SELECT order_id, sum(amount_minor) AS amount_minor FROM given GROUP BY order_id)
        UPDATE customer_order
           SET refunded_minor = refunded_minor + total.amount_minor, changed_at = now()
          FROM total
         WHERE customer_order.order_id = total.order_id
        """,
        *columns(rows, 4),
    )
    lines = sorted((new.name.key, sku, units) for new in refunds for sku, units in new.units.items())
    await tx.execute(
        "INSERT INTO refund_line (refund_id, sku, units) SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])",
        *columns(lines, 3),
    )


async def refunds_of(tx: Reads, order_ids: Sequence[str]) -> list[RefundRow]:
    """Refunds of an order, or of its parts, under the ids that their merchant chose, the earliest first."""
    rows = await tx.fetch(
        "SELECT refund_id, amount_minor, restocked, refunded_at FROM refund WHERE order_id = ANY ($1) ORDER BY refunded_at, refund_id",
        list(order_ids),
    )
    return [RefundRow(*row)._replace(refund_id=row["refund_id"].rpartition(":")[2]) for row in rows]
