"""Shelves: locked in key order, moved by conditional updates, every movement written down."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx, columns
from lutong_contracts import Event
from lutong_contracts.values import StockBand
from lutong_inventory.stock.domain.shelves import Movement, MovementKind, OversoldError, Shelf, Stock, fold, shelf_news


class ShelfRow(NamedTuple):
    """What is on a shelf."""

    sku: str
    on_hand: int
    reserved: int
    safety_stock: int
    unavailable: int
    available: int
    counted_at: datetime | None
    band: StockBand | None


class MovementRow(NamedTuple):
    """A movement as it is kept."""

    movement_id: int
    kind: MovementKind
    on_hand_delta: int
    reserved_delta: int
    unavailable_delta: int
    order_id: str | None
    reason: str | None
    actor: str | None
    reference: str | None
    occurred_at: datetime
    moved_at: datetime


_BAND: Final = "CASE WHEN depleted THEN 'out_of_stock' ELSE nullif(band, 'out_of_stock') END AS band"
"""What was published of a shelf last: the release before sets only `depleted`."""


async def available(tx: Tx, shelves: Iterable[Shelf], *, lock: bool = False) -> dict[Shelf, int]:
    """Units that may be promised, by shelf; locked in key order when asked."""
    rows = await tx.fetch(
        f"""
        SELECT location_id, sku, on_hand - reserved - safety_stock - unavailable AS available
          FROM shelf
         WHERE (location_id, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY location_id, sku
        {"FOR NO KEY UPDATE" if lock else ""}
        """,
        *columns(sorted(set(shelves)), 2),
    )
    return {Shelf(row["location_id"], row["sku"]): row["available"] for row in rows}


async def open_shelves(tx: Tx, shelves: Iterable[Shelf]) -> None:
    """Have a row for each of these shelves, empty where it is new."""
    if not (wanted := sorted(set(shelves))):
        return
    await tx.execute(
        """
        INSERT INTO shelf (location_id, sku, on_hand, depleted)
        SELECT location_id, sku, 0, true FROM unnest($1::text[], $2::text[]) AS given(location_id, sku)
            ON CONFLICT (location_id, sku) DO NOTHING
        """,
        *columns(wanted, 2),
    )


async def lock_stock(tx: Tx, shelves: Iterable[Shelf]) -> dict[Shelf, Stock]:
    """What is on shelves, locked in key order."""
    rows = await tx.fetch(
        f"""
        SELECT location_id, sku, merchant_id, on_hand, reserved, safety_stock, unavailable, {_BAND}, counted_at
          FROM shelf JOIN location USING (location_id)
         WHERE (location_id, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY location_id, sku
           FOR NO KEY UPDATE OF shelf
        """,
        *columns(sorted(set(shelves)), 2),
    )
    stocks = [Stock(Shelf(row[0], row[1]), *tuple(row)[2:]) for row in rows]
    return {stock.shelf: stock for stock in stocks}


async def save_movements(tx: Tx, stocks: Mapping[Shelf, Stock], movements: Sequence[Movement]) -> list[Event]:
    """Move locked shelves and write the movements down; returns the events of the shelves.

    The statement moves a shelf only where enough is there: `OversoldError` where the rules promised more.
    """
    if not movements:
        return []
    after = fold(stocks, movements)
    rows = [_change(stocks[shelf], stock) for shelf, stock in sorted(after.items())]
    moved = await tx.fetch(
        """
        UPDATE shelf
           SET on_hand = on_hand + on_hand_delta, reserved = reserved + reserved_delta,
               unavailable = unavailable + unavailable_delta,
               band = given.band, depleted = given.band = 'out_of_stock'
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::text[])
               AS given(location_id, sku, on_hand_delta, reserved_delta, unavailable_delta, band)
         WHERE shelf.location_id = given.location_id AND shelf.sku = given.sku
           AND (reserved_delta <= 0
                OR on_hand + on_hand_delta - reserved - safety_stock - unavailable - unavailable_delta >= reserved_delta)
        RETURNING shelf.location_id
        """,
        *columns(rows, 6),
    )
    if len(moved) != len(rows):
        raise OversoldError
    await tx.execute(
        """
        INSERT INTO movement (location_id, sku, kind, on_hand_delta, reserved_delta, unavailable_delta, order_id, reason,
                              actor, reference, occurred_at)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::text[],
                      $8::text[], $9::text[], $10::text[], $11::timestamptz[])
        """,
        *columns([(*movement.shelf, *movement[1:]) for movement in movements], 11),
    )
    return shelf_news(stocks, after)


def _change(before: Stock, after: Stock) -> tuple[object, ...]:
    return (
        *before.shelf,
        after.on_hand - before.on_hand,
        after.reserved - before.reserved,
        after.unavailable - before.unavailable,
        after.band,
    )


async def set_counted(tx: Tx, counted: Mapping[Shelf, datetime]) -> None:
    """Remember when shelves were counted; an earlier count changes nothing."""
    if not counted:
        return
    await tx.execute(
        """
        UPDATE shelf
           SET counted_at = given.counted_at
          FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given(location_id, sku, counted_at)
         WHERE shelf.location_id = given.location_id AND shelf.sku = given.sku
           AND (shelf.counted_at IS NULL OR shelf.counted_at < given.counted_at)
        """,
        *columns(sorted((*shelf, at) for shelf, at in counted.items()), 3),
    )


async def set_safety(tx: Tx, stocks: Sequence[Stock]) -> None:
    """Set the safety stock of locked shelves, and the band that follows from it."""
    if not stocks:
        return
    await tx.execute(
        """
        UPDATE shelf
           SET safety_stock = given.safety_stock, band = given.band, depleted = given.band = 'out_of_stock'
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[]) AS given(location_id, sku, safety_stock, band)
         WHERE shelf.location_id = given.location_id AND shelf.sku = given.sku
        """,
        *columns(sorted((*stock.shelf, stock.safety_stock, stock.band) for stock in stocks), 4),
    )


class Since(NamedTuple):
    """A shelf, and a moment."""

    shelf: Shelf
    at: datetime


async def moved_since(tx: Tx, since: Iterable[Since]) -> dict[Since, int]:
    """By how many units goods came to shelves and left them after a moment, counts aside.

    What happened after a moment was entered after it, so that no days before are opened.
    """
    asked = sorted({(*shelf, at) for shelf, at in since})
    rows = await tx.fetch(
        """
        SELECT given.location_id, given.sku, given.since, coalesce(sum(on_hand_delta), 0)::integer AS units
          FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given(location_id, sku, since)
          LEFT JOIN movement ON movement.location_id = given.location_id AND movement.sku = given.sku
                            AND kind <> 'counted' AND coalesce(occurred_at, moved_at) > since
                            AND moved_at > $4
         GROUP BY given.location_id, given.sku, given.since
        """,
        *columns(asked, 3),
        min((at for *_shelf, at in asked), default=None),
    )
    return {Since(Shelf(row["location_id"], row["sku"]), row["since"]): row["units"] for row in rows}


async def stock_of(tx: Reads, location_key: str, after: str, limit: int) -> list[ShelfRow]:
    """What is on a location's shelves, by SKU, after a given one."""
    rows = await tx.fetch(
        f"""
        SELECT sku, on_hand, reserved, safety_stock, unavailable, on_hand - reserved - safety_stock - unavailable, counted_at,
               {_BAND}
          FROM shelf
         WHERE location_id = $1 AND sku > $2
         ORDER BY sku
         LIMIT $3
        """,
        location_key,
        after,
        limit,
    )
    return [ShelfRow(*row) for row in rows]


_MOVEMENT: Final = ", ".join(MovementRow._fields).replace(" occurred_at", " coalesce(occurred_at, moved_at)")


async def movements_of(tx: Reads, shelf: Shelf, before: int, limit: int) -> list[MovementRow]:
    """Movements of a shelf, the latest first, before a given one."""
    rows = await tx.fetch(
        f"""
        SELECT {_MOVEMENT}
          FROM movement
         WHERE location_id = $1 AND sku = $2 AND movement_id < $3
         ORDER BY movement_id DESC
         LIMIT $4
        """,
        *shelf,
        before,
        limit,
    )
    return [MovementRow(*row) for row in rows]


async def keep_days(tx: Tx) -> None:
    """Have a table for the movements of each coming day."""
    await tx.execute("SELECT keep_movement_days()")


async def drift_lately(tx: Tx, movements: int) -> int:
    """How many of the shelves that moved last are not the fold of all their movements: 0. What it reads is bounded by how
    many movements those shelves have, so it can be asked for often.
    """
    drifted: int = await tx.fetchval(
        """
        WITH moved AS (
            SELECT DISTINCT location_id, sku
              FROM (SELECT location_id, sku FROM movement ORDER BY movement_id DESC LIMIT $1) AS latest
        )
        SELECT count(*)
          FROM moved
          LEFT JOIN shelf USING (location_id, sku)
         CROSS JOIN LATERAL (SELECT sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved,
                                    sum(unavailable_delta) AS unavailable
                               FROM movement
                              WHERE movement.location_id = moved.location_id AND movement.sku = moved.sku) AS folded
         WHERE (shelf.on_hand, shelf.reserved, shelf.unavailable)
               IS DISTINCT FROM (folded.on_hand::integer, folded.reserved::integer, folded.unavailable::integer)
        """,
        movements,
    )
    return drifted


async def drift(tx: Tx) -> int:
    """How many shelves are not the fold of their movements, or promise something else than reservations add up to: 0."""
    drifted: int = await tx.fetchval(
        """
        SELECT (SELECT count(*)
                  FROM shelf FULL JOIN (SELECT location_id, sku, sum(on_hand_delta) AS on_hand,
                                               sum(reserved_delta) AS reserved, sum(unavailable_delta) AS unavailable
                                          FROM movement GROUP BY location_id, sku) AS folded USING (location_id, sku)
                 WHERE (shelf.on_hand, shelf.reserved, shelf.unavailable) IS DISTINCT FROM
                       (coalesce(folded.on_hand, 0), coalesce(folded.reserved, 0), coalesce(folded.unavailable, 0)))
        """
    )
    return drifted
