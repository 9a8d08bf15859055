"""Orders: locked in key order; their first ending wins."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from lutong_chassis import Cause, Tx, columns
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Line, LocationKind, Mode
from lutong_inventory.orders.domain.steps import CANCELLABLE, State
from lutong_inventory.sourcing.domain import Outcome, Recalled, Sourced


class OrderRow(NamedTuple):
    """An order as it is stored."""

    order_id: str
    merchant_id: str
    member_id: str
    post_id: str
    program_id: str
    amount_minor: int
    currency: str
    mode: Mode
    lines: str
    state: State
    location_id: str | None
    location_kind: LocationKind | None
    distance_m: int | None
    accept_by: datetime | None
    reason: str | None
    correlation_id: str
    causation_id: str | None
    refunded_minor: int = 0

    @property
    def cause(self) -> Cause:
        """What happens to an order continues the journey that brought it."""
        return Cause(self.correlation_id, self.causation_id)

    @property
    def order_lines(self) -> list[Line]:
        """What was ordered."""
        return [Line.model_validate(line) for line in orjson.loads(self.lines)]


_ORDER: Final = ", ".join(OrderRow._fields)


async def lock_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, OrderRow]:
    """Orders, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_ORDER} FROM customer_order WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE",
        sorted(set(order_ids)),
    )
    return {row["order_id"]: OrderRow(*row) for row in rows}


async def advance(tx: Tx, order_ids: Sequence[str], step: str) -> None:
    """Move locked orders to their next state."""
    await tx.execute(
        "UPDATE customer_order SET state = $2, changed_at = now() WHERE order_id = ANY ($1)", order_ids, step
    )


async def cancel(tx: Tx, order_ids: Sequence[str], reason: str, states: Sequence[str] = CANCELLABLE) -> list[OrderRow]:
    """Cancel those orders that are still in one of the given states; gives them. The first ending wins."""
    await lock_orders(tx, order_ids)
    rows = await tx.fetch(
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
    return [OrderRow(*row) for row in rows]


async def order(tx: Tx, order_id: str) -> OrderRow | None:
    """An order."""
    row = await tx.fetchrow(f"SELECT {_ORDER} FROM customer_order WHERE order_id = $1", order_id)
    return OrderRow(*row) if row else None


async def orders_at(tx: Tx, location_id: str, state: str, after: str, limit: int) -> list[OrderRow]:
    """Orders of a location in a state, by id, after a given one."""
    rows = await tx.fetch(
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
    return [OrderRow(*row) for row in rows]


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


async def save_orders(tx: Tx, outcomes: Sequence[tuple[Outcome, Cause]], accept_by: datetime) -> None:
    """Write orders, as they were decided on."""
    rows = [_order_row(outcome, cause, accept_by) for outcome, cause in outcomes]
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
        *columns([row[:-1] for row in sorted(rows, key=lambda row: row.order_id)], 17),
    )


def _order_row(outcome: Outcome, cause: Cause, accept_by: datetime) -> OrderRow:
    sourced = outcome if isinstance(outcome, Sourced) else None
    order: CreditHeld = outcome.order
    return OrderRow(
        order.order_id,
        order.merchant_id,
        order.member_id,
        order.post_id,
        order.program_id,
        order.amount.amount_minor,
        order.amount.currency,
        order.mode,
        orjson.dumps([line.model_dump() for line in order.lines]).decode(),
        "sourced" if sourced else "cancelled" if isinstance(outcome, Recalled) else "rejected",
        sourced.location.location_id if sourced else None,
        sourced.location.kind if sourced else None,
        sourced.distance_m if sourced else None,
        accept_by if sourced else None,
        getattr(outcome, "reason", None),
        cause.correlation_id,
        cause.causation_id,
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
