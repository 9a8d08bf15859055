"""The ledger of sales: rows are added, and never changed. A store's balance is the sum of its rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_inventory.sales.domain import SHORT_OF_GOODS, Sale

PAGE_MAX: Final = 500


class Entry(NamedTuple):
    """What a location is credited with: for an order (`sold`), or less for what of it was taken back (`refunded`, negative)."""

    order_id: str
    kind: str
    reference: str
    merchant_id: str
    location_id: str
    currency: str
    amount_minor: int
    reason: str


class Booked(NamedTuple):
    """An entry of a location, and when it was booked."""

    order_id: str
    kind: str
    reference: str
    currency: str
    amount_minor: int
    reason: str
    booked_at: datetime


class Balance(NamedTuple):
    """What a location is credited with in one currency, and how: `orders` by its till, handed on to the flagship, from its shelf."""

    location_id: str
    currency: str
    sold_minor: int
    refunded_minor: int
    till: int
    handed_on: int
    shelf: int


_ENTRY: Final = columns_of(Entry)


async def sales(tx: Tx, order_ids: Iterable[str]) -> dict[str, Sale]:
    """Orders that are here, as far as it is decided by them whose sale they were."""
    rows = await tx.fetch(
        """
        SELECT order_id, customer_order.location_id AS shipped_by, location_kind AS shipped_kind, seller.location_id AS sold_by,
               (SELECT decision.location_id
                  FROM sourcing_decision AS decision JOIN location ON location.location_id = decision.location_id
                 WHERE decision.order_id = customer_order.order_id AND left_for = ANY ($2::text[]) AND location.kind = 'store'
                 ORDER BY hop DESC LIMIT 1) AS handed_on_by,
               part_of IS NOT NULL AS is_part
          FROM customer_order
          LEFT JOIN location AS seller ON seller.merchant_id = customer_order.merchant_id AND seller.code = customer_order.sold_by
         WHERE order_id = ANY ($1) AND customer_order.location_id IS NOT NULL
        """,
        sorted(set(order_ids)),
        list(SHORT_OF_GOODS),
    )
    return {row["order_id"]: Sale(*row) for row in rows}


async def sold(tx: Tx, order_ids: Iterable[str]) -> dict[str, Entry]:
    """What was booked for orders when they were fulfilled."""
    rows = await tx.fetch(
        f"SELECT {_ENTRY.names} FROM sales_entry WHERE order_id = ANY ($1) AND kind = 'sold'", sorted(set(order_ids))
    )
    return {row["order_id"]: Entry(*row) for row in rows}


async def enter(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add entries; what is booked is booked once."""
    if entries:
        await tx.execute(
            f"""
            INSERT INTO sales_entry ({_ENTRY.names})
            SELECT {_ENTRY.names} FROM {_ENTRY.unnest()}
                ON CONFLICT (order_id, kind, reference) DO NOTHING
            """,
            *_ENTRY.arrays(sorted(entries)),
        )


async def balances(read: Reads, merchant_id: str, since: datetime | None, until: datetime | None) -> list[Balance]:
    """What the locations of a merchant were credited with between two moments, by location and currency."""
    rows = await read.fetch(
        """
        SELECT code, currency, sum(amount_minor) FILTER (WHERE entry.kind = 'sold')::bigint AS sold_minor,
               -coalesce(sum(amount_minor) FILTER (WHERE entry.kind = 'refunded'), 0)::bigint AS refunded_minor,
               count(*) FILTER (WHERE entry.kind = 'sold' AND reason = 'till') AS till,
               count(*) FILTER (WHERE entry.kind = 'sold' AND reason = 'handed_on') AS handed_on,
               count(*) FILTER (WHERE entry.kind = 'sold' AND reason = 'shelf') AS shelf
          FROM sales_entry AS entry JOIN location USING (location_id)
         WHERE entry.merchant_id = $1 AND ($2::timestamptz IS NULL OR booked_at >= $2)
           AND ($3::timestamptz IS NULL OR booked_at < $3)
         GROUP BY code, currency
         ORDER BY code, currency
        """,
        merchant_id,
        since,
        until,
    )
    return [Balance(*row)._replace(sold_minor=row["sold_minor"] or 0) for row in rows]


async def entries_of(read: Reads, location_key: str, before: datetime | None, limit: int) -> list[Booked]:
    """The entries of a location that were booked before a moment, the latest first."""
    rows = await read.fetch(
        """
        SELECT order_id, kind, reference, currency, amount_minor, reason, booked_at
          FROM sales_entry
         WHERE location_id = $1 AND ($2::timestamptz IS NULL OR booked_at < $2)
         ORDER BY booked_at DESC, order_id
         LIMIT $3
        """,
        location_key,
        before,
        limit,
    )
    return [Booked(*row) for row in rows]
