"""Orders: locked in key order; their first ending wins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import orjson

from lutong_chassis import Cause, Reads, Tx, columns
from lutong_contracts.values import Line, LocationKind, Place, Window
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.orders.domain.steps import CANCELLABLE, State
from lutong_inventory.parts import Names, names


class OrderRow(NamedTuple):
    """An order as it is stored, or a part of the order `part_of`. `location_key` is under what its location is stored."""

    order_id: str
    merchant_id: str
    member_id: str
    post_id: str
    program_id: str
    amount_minor: int
    currency: str
    mode: str
    lines: str
    state: State
    location_key: str | None
    location_kind: LocationKind | None
    distance_m: int | None
    accept_by: datetime | None
    reason: str | None
    correlation_id: str
    causation_id: str | None
    latitude: float | None
    longitude: float | None
    window_starts_at: datetime | None = None
    window_ends_at: datetime | None = None
    flagship_ok: bool = False
    address_id: str | None = None
    sold_by: str | None = None
    flagship_ok_by: str | None = None
    part_of: str | None = None
    touch: str | None = None
    refunded_minor: int = 0

    @property
    def names(self) -> Names:
        """What events call it: an order, or a part of one."""
        return names(self.order_id, self.part_of)

    @property
    def location_id(self) -> str | None:
        """What its merchant calls the location that it is sourced from."""
        return location_id_of(self.location_key) if self.location_key else None

    @property
    def cause(self) -> Cause:
        """What happens to an order continues the journey that brought it."""
        return Cause(self.correlation_id, self.causation_id)

    @property
    def destination(self) -> Place | None:
        """Where the goods go, as far as it is known here; orders of the release before do not have it."""
        if self.latitude is None or self.longitude is None:
            return None
        return Place(latitude=self.latitude, longitude=self.longitude)

    @property
    def window(self) -> Window | None:
        """When it is delivered; None is as soon as it can be."""
        if self.window_starts_at is None or self.window_ends_at is None:
            return None
        return Window(starts_at=self.window_starts_at, ends_at=self.window_ends_at)

    @property
    def order_lines(self) -> list[Line]:
        """What was ordered."""
        return [Line.model_validate(line) for line in orjson.loads(self.lines)]


class Addressed(NamedTuple):
    """An order, and the address that it names as its member's."""

    order_id: str
    address_id: str
    member_id: str


def written(lines: Sequence[Line]) -> str:
    """Lines as they are stored."""
    return orjson.dumps([line.model_dump() for line in lines]).decode()


ORDER: Final = ", ".join(OrderRow._fields).replace("location_key", "location_id AS location_key")


async def lock_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, OrderRow]:
    """Orders, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {ORDER} FROM customer_order WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE",
        sorted(set(order_ids)),
    )
    return {row["order_id"]: OrderRow(*row) for row in rows}


async def advance(tx: Tx, steps: Mapping[str, str]) -> None:
    """Move locked orders to their next state, by order."""
    await tx.execute(
        """
        UPDATE customer_order
           SET state = given.state, changed_at = now(), open_part = open_part AND given.state <> 'fulfilled',
               arrived_at = CASE WHEN given.state IN ('ready_for_pickup', 'fulfilled') THEN coalesce(arrived_at, now()) END
          FROM unnest($1::text[], $2::text[]) AS given(order_id, state)
         WHERE customer_order.order_id = given.order_id
        """,
        *columns(sorted(steps.items()), 2),
    )


async def cancel(tx: Tx, order_ids: Sequence[str], reason: str, states: Sequence[str] = CANCELLABLE) -> list[OrderRow]:
    """Cancel those orders that are still in one of the given states; gives them. The first ending wins."""
    await lock_orders(tx, order_ids)
    rows = await tx.fetch(
        f"""
        UPDATE customer_order
           SET state = 'cancelled', reason = $2, changed_at = now(), open_part = false
         WHERE order_id = ANY ($1) AND state = ANY ($3)
        RETURNING {ORDER}
        """,
        order_ids,
        reason,
        list(states),
    )
    return [OrderRow(*row) for row in rows]


async def order(tx: Reads, order_id: str) -> OrderRow | None:
    """An order."""
    row = await tx.fetchrow(f"SELECT {ORDER} FROM customer_order WHERE order_id = $1", order_id)
    return OrderRow(*row) if row else None


async def orders(tx: Tx, order_ids: Sequence[str]) -> list[OrderRow]:
    """Orders by id; those that are not here are left out."""
    rows = await tx.fetch(
        f"SELECT {ORDER} FROM customer_order WHERE order_id = ANY ($1) ORDER BY order_id", list(order_ids)
    )
    return [OrderRow(*row) for row in rows]


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


async def recalled(tx: Tx, order_ids: Sequence[str]) -> frozenset[str]:
    """Which of these orders their members cancelled beforehand."""
    rows = await tx.fetch("SELECT order_id FROM recall WHERE order_id = ANY ($1)", order_ids)
    return frozenset(row["order_id"] for row in rows)


async def to_strange_addresses(tx: Tx, named: Sequence[Addressed]) -> list[str]:
    """Orders that name an address which the vault does not have of their member: nobody could bring them."""
    if not named:
        return []
    rows = await tx.fetch(
        """
        SELECT order_id
          FROM unnest($1::text[], $2::text[], $3::text[]) AS given(order_id, address_id, member_id)
          LEFT JOIN vault_address USING (address_id, member_id)
         WHERE sealed IS NULL
        """,
        *columns(named, 3),
    )
    return [row["order_id"] for row in rows]


async def recall(tx: Tx, order_ids: Sequence[str]) -> None:
    """Remember that members cancelled orders that are not here yet."""
    await tx.execute(
        "INSERT INTO recall (order_id) SELECT unnest($1::text[]) ON CONFLICT (order_id) DO NOTHING", sorted(order_ids)
    )


async def known_orders(tx: Tx, order_ids: Sequence[str]) -> set[str]:
    """Which of these orders are here."""
    rows = await tx.fetch("SELECT order_id FROM customer_order WHERE order_id = ANY ($1)", order_ids)
    return {row["order_id"] for row in rows}


async def save_orders(tx: Tx, orders: Sequence[OrderRow]) -> None:
    """Write orders, as they were decided on."""
    await tx.execute(
        """
        INSERT INTO customer_order (order_id, merchant_id, member_id, post_id, program_id, amount_minor, currency,
                                    mode, lines, state, location_id, location_kind, distance_m, accept_by, reason,
                                    correlation_id, causation_id, latitude, longitude, window_starts_at, window_ends_at,
                                    flagship_ok, address_id, sold_by, flagship_ok_by, part_of, touch, open_part)
        SELECT *, part_of IS NOT NULL
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                      $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::integer[],
                      $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::float[], $19::float[],
                      $20::timestamptz[], $21::timestamptz[], $22::boolean[], $23::text[],
                      $24::text[], $25::text[], $26::text[], $27::text[])
               AS given(order_id, merchant_id, member_id, post_id, program_id, amount_minor, currency, mode, lines, state,
                        location_id, location_kind, distance_m, accept_by, reason, correlation_id, causation_id, latitude,
                        longitude, window_starts_at, window_ends_at, flagship_ok,
                         address_id, sold_by, flagship_ok_by, part_of, touch)
        """,
        *columns([row[:-1] for row in sorted(orders, key=lambda row: row.order_id)], 27),
    )


async def move_orders(tx: Tx, orders: Sequence[OrderRow]) -> None:
    """Write where locked orders are sourced now, or that they ended."""
    if not orders:
        return
    await tx.execute(
        """
        UPDATE customer_order
           SET state = given.state, location_id = given.location_id, location_kind = given.location_kind,
               distance_m = given.distance_m, accept_by = given.accept_by, reason = given.reason, changed_at = now(),
               open_part = open_part AND given.state <> 'cancelled'
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::text[])
               AS given(order_id, state, location_id, location_kind, distance_m, accept_by, reason)
         WHERE customer_order.order_id = given.order_id
        """,
        *columns(
            sorted(
                (
                    row.order_id,
                    row.state,
                    row.location_key,
                    row.location_kind,
                    row.distance_m,
                    row.accept_by,
                    row.reason,
                )
                for row in orders
            ),
            7,
        ),
    )


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


async def set_window(tx: Tx, order_id: str, window: Window) -> None:
    """Write when a locked order is delivered, after its member took another slot."""
    await tx.execute(
        "UPDATE customer_order SET window_starts_at = $2, window_ends_at = $3, changed_at = now() WHERE order_id = $1",
        order_id,
        window.starts_at,
        window.ends_at,
    )
