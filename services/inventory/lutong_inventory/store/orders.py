"""Orders: locked in key order; their first ending wins."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
import orjson

from lutong_chassis import Tx
from lutong_inventory.domain import CANCELLABLE

_ORDER: Final = """order_id, merchant_id, member_id, post_id, program_id, amount_minor, currency, mode, lines, state,
                  location_id, location_kind, distance_m, accept_by, reason, correlation_id, causation_id, created_at,
                  changed_at, refunded_minor"""


async def lock_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, asyncpg.Record]:
    """Orders, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_ORDER} FROM customer_order WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE",
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
        f"""
        UPDATE customer_order
           SET state = 'cancelled', reason = $2, changed_at = now()
         WHERE order_id = ANY ($1) AND state = ANY ($3)
        RETURNING {_ORDER}
        """,
        order_ids,
        reason,
        list(states),
    )


async def order(tx: Tx, order_id: str) -> asyncpg.Record | None:
    """An order."""
    return await tx.fetchrow(f"SELECT {_ORDER} FROM customer_order WHERE order_id = $1", order_id)


async def orders_at(tx: Tx, location_id: str, state: str, after: str, limit: int) -> list[asyncpg.Record]:
    """Orders of a location in a state, by id, after a given one."""
    return await tx.fetch(
        f"""
        SELECT {_ORDER}
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
