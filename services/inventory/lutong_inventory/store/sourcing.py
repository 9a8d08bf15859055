"""Where orders can come from, and what was decided about them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import orjson

from lutong_chassis import Cause, Tx, columns
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Place
from lutong_inventory.domain import Location, Outcome, Recalled, Sourced
from lutong_inventory.store.shelves import reserve

CANDIDATES_MAX: Final = 32
"""Stores looked at per order. When none of them can serve it, the flagship does, not a farther store."""


async def nearest_locations(tx: Tx, orders: Sequence[CreditHeld]) -> dict[str, list[Location]]:
    """For each order, open stores of its merchant around the destination, and the flagship."""
    rows = await tx.fetch(
        """
        SELECT wanted.order_id, found.location_id, found.kind, found.latitude, found.longitude
          FROM (SELECT order_id, merchant_id,
                       (hashtext(merchant_id)::bigint & 1048575) * 1000 AS plane, latitude, longitude
                  FROM unnest($1::text[], $2::text[], $3::float[], $4::float[])
                       AS given(order_id, merchant_id, latitude, longitude)) AS wanted
         CROSS JOIN LATERAL (
               (SELECT location_id, kind, latitude, longitude
                  FROM location
                 WHERE kind = 'store' AND open AND merchant_id = wanted.merchant_id
                   AND position <@ box(point(plane - 180, -90), point(plane + 180, 90))
                 ORDER BY position <-> point(plane + wanted.longitude, wanted.latitude)
                 LIMIT $5)
               UNION ALL
               SELECT location_id, kind, latitude, longitude
                 FROM location
                WHERE kind = 'flagship' AND open AND merchant_id = wanted.merchant_id
               ) AS found
        """,
        *columns([(o.order_id, o.merchant_id, o.destination.latitude, o.destination.longitude) for o in orders], 4),
        CANDIDATES_MAX,
    )
    found: dict[str, list[Location]] = defaultdict(list)
    for row in rows:
        place = Place(latitude=row["latitude"], longitude=row["longitude"])
        found[row["order_id"]].append(Location(row["location_id"], row["kind"], place))
    return found


async def recalled(tx: Tx, order_ids: Sequence[str]) -> frozenset[str]:
    """Which of these orders their members cancelled beforehand."""
    rows = await tx.fetch("SELECT order_id FROM recall WHERE order_id = ANY ($1)", order_ids)
    return frozenset(row["order_id"] for row in rows)


async def recall(tx: Tx, order_ids: Sequence[str]) -> None:
    """Remember that members cancelled orders that are not here yet."""
    await tx.execute(
        "INSERT INTO recall (order_id) SELECT unnest($1::text[]) ON CONFLICT (order_id) DO NOTHING", sorted(order_ids)
    )


async def known_orders(tx: Tx, order_ids: Sequence[str]) -> set[str]:
    """Which of these orders are here."""
    rows = await tx.fetch("SELECT order_id FROM customer_order WHERE order_id = ANY ($1)", order_ids)
    return {row["order_id"] for row in rows}


async def save_outcomes(tx: Tx, outcomes: Sequence[tuple[Outcome, Cause]], accept_by: datetime) -> list[asyncpg.Record]:
    """Write orders and reserve their stock; gives the shelves with their availability."""
    rows = [(*_order_row(outcome, accept_by), cause.correlation_id, cause.causation_id) for outcome, cause in outcomes]
    await tx.execute(
        """
        INSERT INTO customer_order (order_id, merchant_id, member_id, post_id, program_id, amount_minor, currency,
                                    mode, lines, state, location_id, location_kind, distance_m, accept_by, reason,
                                    correlation_id, causation_id)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                      $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::integer[],
                      $14::timestamptz[], $15::text[], $16::text[], $17::text[])
        """,
        *columns(sorted(rows, key=lambda row: str(row[0])), 17),
    )
    reserved = [
        (outcome.order.order_id, sku, outcome.location.location_id, units)
        for outcome, _ in outcomes
        if isinstance(outcome, Sourced)
        for sku, units in outcome.demand
    ]
    return await reserve(tx, reserved) if reserved else []


def _order_row(outcome: Outcome, accept_by: datetime) -> tuple[object, ...]:
    order = outcome.order
    facts = (
        order.order_id,
        order.merchant_id,
        order.member_id,
        order.post_id,
        order.program_id,
        order.amount.amount_minor,
        order.amount.currency,
        order.mode,
        orjson.dumps([line.model_dump() for line in order.lines]).decode(),
    )
    if isinstance(outcome, Sourced):
        location = outcome.location
        return (*facts, "sourced", location.location_id, location.kind, outcome.distance_m, accept_by, None)
    if isinstance(outcome, Recalled):
        return (*facts, "cancelled", None, None, None, None, "cancelled_by_member")
    return (*facts, "rejected", None, None, None, None, outcome.reason)
