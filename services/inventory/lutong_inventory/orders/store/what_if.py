"""Decisions on a merchant's orders, in the order in which these came, for deciding them again."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson

from lutong_chassis import Reads
from lutong_contracts.values import Place
from lutong_inventory.orders.store.report import Span
from lutong_inventory.sourcing.domain.values import Considered
from lutong_inventory.sourcing.domain.what_if import Decided, Known


class After(NamedTuple):
    """The last order of a page: when it came, and its id."""

    created_at: datetime
    order_id: str


class Page(NamedTuple):
    """First decisions, and the order that the last of them is about; None where there are no more."""

    orders: list[Decided]
    last: After | None


async def first_decisions(read: Reads, span: Span, after: After | None, limit: int) -> Page:
    """The first decision on each order, behind a given one. Orders that were refused before they were decided on have none."""
    rows = await read.fetch(
        """
        SELECT placed.order_id, merchant_id, mode, latitude, longitude, decision.reason, considered, decided_at, created_at
          FROM customer_order AS placed
          JOIN sourcing_decision AS decision ON decision.order_id = placed.order_id AND hop = 1
         WHERE merchant_id = $1 AND created_at >= $2 AND created_at < $3 AND (created_at, placed.order_id) > ($4, $5)
           AND (part_of IS NULL OR part_of = placed.order_id) AND latitude IS NOT NULL
         ORDER BY created_at, placed.order_id
         LIMIT $6
        """,
        *span,
        after.created_at if after else span.since,
        after.order_id if after else "",
        limit,
    )
    orders = [
        Decided(
            row["order_id"],
            row["merchant_id"],
            row["mode"],
            Place(latitude=row["latitude"], longitude=row["longitude"]),
            row["reason"],
            tuple(Considered(**each) for each in orjson.loads(row["considered"])),
            row["decided_at"],
        )
        for row in rows
    ]
    return Page(orders, After(rows[-1]["created_at"], rows[-1]["order_id"]) if len(rows) == limit else None)


async def orders_between(read: Reads, span: Span) -> int:
    """How many orders of a merchant came in a time."""
    found: int = await read.fetchval(
        """
        SELECT count(*) FROM customer_order
         WHERE merchant_id = $1 AND created_at >= $2 AND created_at < $3 AND (part_of IS NULL OR part_of = order_id)
        """,
        *span,
    )
    return found


async def known_locations(read: Reads, merchant_id: str, location_ids: Iterable[str]) -> dict[str, Known]:
    """Locations of a merchant as they are now, by what it calls them."""
    rows = await read.fetch(
        """
        SELECT code, location_id, kind, latitude, longitude, zone
          FROM location
         WHERE merchant_id = $1 AND code = ANY ($2)
        """,
        merchant_id,
        sorted(set(location_ids)),
    )
    return {
        row["code"]: Known(
            row["location_id"], row["kind"], Place(latitude=row["latitude"], longitude=row["longitude"]), row["zone"]
        )
        for row in rows
    }
