"""Every SQL statement of inventory: sets of keys in, sets of rows out. Orders are locked before shelves, both in key order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import orjson

from lutong_chassis import Cause, Tx, columns
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Place
from lutong_inventory.domain import CANCELLABLE, Location, Outcome, Recalled, Shelf, Sourced

CANDIDATES_MAX: Final = 32
"""Stores looked at per order. When none of them can serve it, the flagship does, not a farther store."""


class OversoldError(RuntimeError):
    """More was promised than is there: a bug, caught before a customer waits for nothing."""


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


async def available(tx: Tx, shelves: Iterable[Shelf], *, lock: bool = False) -> dict[Shelf, int]:
    """Units that may be promised, by shelf; locked in key order when asked."""
    rows = await tx.fetch(
        f"""
        SELECT location_id, sku, on_hand - reserved - safety_stock AS available
          FROM shelf
         WHERE (location_id, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY location_id, sku
        {"FOR NO KEY UPDATE" if lock else ""}
        """,
        *columns(sorted(set(shelves)), 2),
    )
    return {(row["location_id"], row["sku"]): row["available"] for row in rows}


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
    """Write orders and reserve their stock; gives the shelves that ran empty by it."""
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


async def reserve(tx: Tx, reserved: Sequence[tuple[str, str, str, int]]) -> list[asyncpg.Record]:
    """Set units aside, given as (order, SKU, location, units); gives the shelves that ran empty by it."""
    await tx.execute(
        """
        INSERT INTO reservation (order_id, sku, location_id, units, state)
        SELECT order_id, sku, location_id, units, 'open'
          FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS given(order_id, sku, location_id, units)
        """,
        *columns(sorted(reserved), 4),
    )
    shelves = {(location_id, sku) for _, sku, location_id, _ in reserved}
    changed = await move(tx, "reserved", [(location, sku, 0, units, order) for order, sku, location, units in reserved])
    if len(changed) != len(shelves):
        raise OversoldError
    return [row for row in changed if row["available"] <= 0 < row["available_before"]]


async def move(tx: Tx, kind: str, moves: Sequence[tuple[str, str, int, int, str | None]]) -> list[asyncpg.Record]:
    """Move stock, given as (location, SKU, on hand delta, reserved delta, order); gives the shelves that could.

    What is reserved anew must be available, safety stock aside: the condition is part of the update.
    """
    ordered = sorted(moves, key=lambda move: move[:2])
    changed = await tx.fetch(
        """
        UPDATE shelf
           SET on_hand = on_hand + on_hand_delta, reserved = reserved + reserved_delta
          FROM (SELECT location_id, sku, sum(on_hand_delta)::integer AS on_hand_delta,
                       sum(reserved_delta)::integer AS reserved_delta
                  FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[])
                       AS given(location_id, sku, on_hand_delta, reserved_delta)
                 GROUP BY location_id, sku) AS moved
         WHERE shelf.location_id = moved.location_id AND shelf.sku = moved.sku
           AND (reserved_delta <= 0 OR on_hand - reserved - safety_stock >= reserved_delta)
        RETURNING shelf.location_id, shelf.sku, on_hand, on_hand - reserved - safety_stock AS available,
                  on_hand - reserved - safety_stock - on_hand_delta + reserved_delta AS available_before
        """,
        *columns([move[:4] for move in ordered], 4),
    )
    await tx.execute(
        """
        INSERT INTO movement (kind, location_id, sku, on_hand_delta, reserved_delta, order_id)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[])
        """,
        kind,
        *columns(ordered, 5),
    )
    return changed


async def lock_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, asyncpg.Record]:
    """Orders, locked in key order."""
    rows = await tx.fetch(
        "SELECT * FROM customer_order WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE",
        sorted(set(order_ids)),
    )
    return {row["order_id"]: row for row in rows}


async def advance(tx: Tx, order_ids: Sequence[str], step: str) -> None:
    """Move locked orders to their next state."""
    await tx.execute(
        "UPDATE customer_order SET state = $2, changed_at = now() WHERE order_id = ANY ($1)", order_ids, step
    )


async def cancel(
    tx: Tx, order_ids: Sequence[str], reason: str, states: Sequence[str] = CANCELLABLE
) -> list[asyncpg.Record]:
    """Cancel those orders that are still in one of the given states; gives them. The first ending wins."""
    await lock_orders(tx, order_ids)
    return await tx.fetch(
        """
        UPDATE customer_order
           SET state = 'cancelled', reason = $2, changed_at = now()
         WHERE order_id = ANY ($1) AND state = ANY ($3)
        RETURNING *
        """,
        order_ids,
        reason,
        list(states),
    )


async def close_reservations(tx: Tx, order_ids: Sequence[str], state: str) -> list[asyncpg.Record]:
    """Release or ship what is set aside for orders; gives the shelves with their availability."""
    rows = await tx.fetch(
        """
        UPDATE reservation
           SET state = $2
         WHERE order_id = ANY ($1) AND state = 'open'
        RETURNING order_id, sku, location_id, units
        """,
        order_ids,
        state,
    )
    if not rows:
        return []
    await available(tx, [(row["location_id"], row["sku"]) for row in rows], lock=True)
    shipped = state == "shipped"
    moves = [
        (row["location_id"], row["sku"], -row["units"] if shipped else 0, -row["units"], row["order_id"])
        for row in rows
    ]
    return await move(tx, state, moves)


async def save_locations(tx: Tx, locations: Sequence[tuple[str, str, str, str, float, float, bool]]) -> None:
    """Create or change locations, given as (id, merchant, kind, name, latitude, longitude, open)."""
    await tx.execute(
        """
        INSERT INTO location (location_id, merchant_id, kind, name, latitude, longitude, open)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float[], $6::float[], $7::boolean[])
            ON CONFLICT (location_id) DO UPDATE
           SET name = excluded.name, latitude = excluded.latitude, longitude = excluded.longitude, open = excluded.open
        """,
        *columns(sorted({location[0]: location for location in locations}.values()), 7),
    )


async def locations(tx: Tx, location_ids: Iterable[str]) -> dict[str, asyncpg.Record]:
    """Locations by id."""
    rows = await tx.fetch("SELECT * FROM location WHERE location_id = ANY ($1)", sorted(set(location_ids)))
    return {row["location_id"]: row for row in rows}


async def flagships(tx: Tx, merchants: Iterable[str]) -> dict[str, str]:
    """The open flagship of each merchant."""
    rows = await tx.fetch(
        "SELECT merchant_id, location_id FROM location WHERE kind = 'flagship' AND open AND merchant_id = ANY ($1)",
        sorted(set(merchants)),
    )
    return {row["merchant_id"]: row["location_id"] for row in rows}


async def count_stock(tx: Tx, counted: Sequence[tuple[str, str, int, int]]) -> list[asyncpg.Record]:
    """Set shelves to what was counted, given as (location, SKU, on hand, safety stock).

    Gives those that could be set, with what they were before. A count below what is reserved is
    refused: the goods are promised.
    """
    ordered = sorted({row[:2]: row for row in counted}.values())
    await tx.execute(
        """
        INSERT INTO shelf (location_id, sku, on_hand)
        SELECT location_id, sku, 0 FROM unnest($1::text[], $2::text[]) AS given(location_id, sku)
            ON CONFLICT (location_id, sku) DO NOTHING
        """,
        *columns([row[:2] for row in ordered], 2),
    )
    changed = await tx.fetch(
        """
        WITH before AS (
            SELECT location_id, sku, shelf.on_hand AS on_hand_before,
                   shelf.on_hand - reserved - shelf.safety_stock AS available_before,
                   given.on_hand, given.safety_stock
              FROM shelf
              JOIN unnest($1::text[], $2::text[], $3::integer[], $4::integer[])
                   AS given(location_id, sku, on_hand, safety_stock) USING (location_id, sku)
             ORDER BY location_id, sku
               FOR NO KEY UPDATE OF shelf
        )
        UPDATE shelf
           SET on_hand = before.on_hand, safety_stock = before.safety_stock
          FROM before
         WHERE shelf.location_id = before.location_id AND shelf.sku = before.sku AND reserved <= before.on_hand
        RETURNING shelf.location_id, shelf.sku, shelf.on_hand, shelf.on_hand - on_hand_before AS delta,
                  shelf.on_hand - reserved - shelf.safety_stock AS available, available_before
        """,
        *columns(ordered, 4),
    )
    await tx.execute(
        """
        INSERT INTO movement (kind, location_id, sku, on_hand_delta, reserved_delta)
        SELECT 'counted', location_id, sku, delta, 0
          FROM unnest($1::text[], $2::text[], $3::integer[]) AS given(location_id, sku, delta)
         WHERE delta <> 0
        """,
        *columns([(row["location_id"], row["sku"], row["delta"]) for row in changed], 3),
    )
    return changed


async def stock_of(tx: Tx, location_id: str) -> list[asyncpg.Record]:
    """What is on a location's shelves."""
    return await tx.fetch(
        """
        SELECT sku, on_hand, reserved, safety_stock, on_hand - reserved - safety_stock AS available
          FROM shelf
         WHERE location_id = $1
         ORDER BY sku
         LIMIT 5000
        """,
        location_id,
    )


async def order(tx: Tx, order_id: str) -> asyncpg.Record | None:
    """An order."""
    return await tx.fetchrow("SELECT * FROM customer_order WHERE order_id = $1", order_id)


async def orders_at(tx: Tx, location_id: str, state: str, after: str, limit: int) -> list[asyncpg.Record]:
    """Orders of a location in a state, by id, after a given one."""
    return await tx.fetch(
        """
        SELECT *
          FROM customer_order
         WHERE location_id = $1 AND state = $2 AND order_id > $3
         ORDER BY order_id
         LIMIT $4
        """,
        location_id,
        state,
        after,
        limit,
    )


async def summary(tx: Tx) -> dict[str, Any]:
    """Counts; `shelves_off_movements` and `reservations_off_shelves` must be 0."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM customer_order GROUP BY state) AS o)
                   ::text AS orders,
               (SELECT count(*) FROM location) AS locations,
               (SELECT count(*)
                  FROM shelf FULL JOIN (SELECT location_id, sku, sum(on_hand_delta) AS on_hand,
                                               sum(reserved_delta) AS reserved
                                          FROM movement GROUP BY location_id, sku) AS folded USING (location_id, sku)
                 WHERE (shelf.on_hand, shelf.reserved)
                       IS DISTINCT FROM (coalesce(folded.on_hand, 0), coalesce(folded.reserved, 0)))
                   AS shelves_off_movements,
               (SELECT count(*)
                  FROM shelf LEFT JOIN (SELECT location_id, sku, sum(units) AS units
                                          FROM reservation WHERE state = 'open' GROUP BY location_id, sku) AS promised
                       USING (location_id, sku)
                 WHERE reserved <> coalesce(units, 0)) AS reservations_off_shelves,
               (SELECT coalesce(sum(amount_minor), 0)::bigint FROM customer_order WHERE state = 'fulfilled')
                   AS fulfilled_minor
        """
    )
    return dict(row) | {"orders": orjson.loads(row["orders"] or "{}")} if row else {}
