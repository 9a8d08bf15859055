"""Shelves: locked in key order, moved by conditional updates, every move written down."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from lutong_chassis import Tx, columns
from lutong_inventory.stock.domain import Shelf, ShelfChange

Ending = Literal["shipped", "released"]
"""How a reservation ends."""


class OversoldError(RuntimeError):
    """More was promised than is there: a bug, caught before a customer waits for nothing."""


class Reservation(NamedTuple):
    """Units that are set aside for an order."""

    order_id: str
    sku: str
    location_id: str
    units: int


class Move(NamedTuple):
    """By how much a shelf changes, and for which order."""

    location_id: str
    sku: str
    on_hand_delta: int
    reserved_delta: int
    order_id: str | None = None


class Count(NamedTuple):
    """What was counted on a shelf. Without safety stock that stays as it was."""

    location_id: str
    sku: str
    on_hand: int
    safety_stock: int | None


class Counted(NamedTuple):
    """A shelf that was counted: what it has now, and what it had before."""

    location_id: str
    sku: str
    on_hand: int
    on_hand_before: int
    safety_stock: int
    safety_stock_before: int
    available: int
    available_before: int

    @property
    def change(self) -> ShelfChange:
        """What of it can be promised."""
        return ShelfChange(self.location_id, self.sku, self.available_before, self.available)


class ShelfRow(NamedTuple):
    """What is on a shelf."""

    sku: str
    on_hand: int
    reserved: int
    safety_stock: int
    available: int


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
    return {Shelf(row["location_id"], row["sku"]): row["available"] for row in rows}


async def reserve(tx: Tx, reserved: Sequence[Reservation]) -> list[ShelfChange]:
    """Set units aside; gives the shelves that changed."""
    if not reserved:
        return []
    await tx.execute(
        """
        INSERT INTO reservation (order_id, sku, location_id, units, state)
        SELECT order_id, sku, location_id, units, 'open'
          FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS given(order_id, sku, location_id, units)
        """,
        *columns(sorted(reserved), 4),
    )
    changed = await move(tx, "reserved", [Move(r.location_id, r.sku, 0, r.units, r.order_id) for r in reserved])
    if len(changed) != len({(each.location_id, each.sku) for each in reserved}):
        raise OversoldError
    return changed


async def move(tx: Tx, kind: str, moves: Sequence[Move]) -> list[ShelfChange]:
    """Move stock; gives the shelves that could.

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
        RETURNING shelf.location_id, shelf.sku,
                  on_hand - reserved - safety_stock - on_hand_delta + reserved_delta AS available_before,
                  on_hand - reserved - safety_stock AS available
        """,
        *columns([each[:4] for each in ordered], 4),
    )
    await tx.execute(
        """
        INSERT INTO movement (kind, location_id, sku, on_hand_delta, reserved_delta, order_id)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[])
        """,
        kind,
        *columns(ordered, 5),
    )
    return [ShelfChange(*row) for row in changed]


async def close_reservations(tx: Tx, order_ids: Sequence[str], ending: Ending) -> list[ShelfChange]:
    """Release or ship what is set aside for orders; gives the shelves that changed."""
    rows = await tx.fetch(
        """
        UPDATE reservation
           SET state = $2
         WHERE order_id = ANY ($1) AND state = 'open'
        RETURNING order_id, sku, location_id, units
        """,
        order_ids,
        ending,
    )
    if not rows:
        return []
    closed = [Reservation(*row) for row in rows]
    await available(tx, [Shelf(each.location_id, each.sku) for each in closed], lock=True)
    moves = [Move(r.location_id, r.sku, -r.units if ending == "shipped" else 0, -r.units, r.order_id) for r in closed]
    return await move(tx, ending, moves)


async def count_stock(tx: Tx, counted: Sequence[Count]) -> list[Counted]:
    """Set shelves to what was counted. Gives those that could be set, with what they were before.

    A count below what is reserved is refused: the goods are promised.
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
    rows = await tx.fetch(
        """
        WITH before AS (
            SELECT location_id, sku, shelf.on_hand AS on_hand_before, shelf.safety_stock AS safety_stock_before,
                   shelf.on_hand - reserved - shelf.safety_stock AS available_before,
                   given.on_hand, coalesce(given.safety_stock, shelf.safety_stock) AS safety_stock
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
        RETURNING shelf.location_id, shelf.sku, shelf.on_hand, on_hand_before, shelf.safety_stock, safety_stock_before,
                  shelf.on_hand - reserved - shelf.safety_stock AS available, available_before
        """,
        *columns(ordered, 4),
    )
    changed = [Counted(*row) for row in rows]
    await tx.execute(
        """
        INSERT INTO movement (kind, location_id, sku, on_hand_delta, reserved_delta)
        SELECT 'counted', location_id, sku, delta, 0
          FROM unnest($1::text[], $2::text[], $3::integer[]) AS given(location_id, sku, delta)
         WHERE delta <> 0
        """,
        *columns([(row.location_id, row.sku, row.on_hand - row.on_hand_before) for row in changed], 3),
    )
    return changed


async def stock_of(tx: Tx, location_id: str) -> list[ShelfRow]:
    """What is on a location's shelves."""
    rows = await tx.fetch(
        """
        SELECT sku, on_hand, reserved, safety_stock, on_hand - reserved - safety_stock AS available
          FROM shelf
         WHERE location_id = $1
         ORDER BY sku
         LIMIT 5000
        """,
        location_id,
    )
    return [ShelfRow(*row) for row in rows]
