"""Reservations: made and ended together with the movements that they are."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from lutong_chassis import Cause, Tx, columns
from lutong_contracts import Event
from lutong_inventory.stock.domain.counts import Promise
from lutong_inventory.stock.domain.shelves import Movement, Shelf
from lutong_inventory.stock.store.shelves import lock_stock, save_movements

Ending = Literal["shipped", "released"]
"""How a reservation ends."""


class Reservation(NamedTuple):
    """Units that are set aside for an order."""

    order_id: str
    sku: str
    location_key: str
    units: int

    @property
    def shelf(self) -> Shelf:
        """Where they are."""
        return Shelf(self.location_key, self.sku)


class PromiseRow(NamedTuple):
    """An open reservation of an order which has not left, and the journey of that order."""

    promise: Promise
    merchant_id: str
    cause: Cause
    part_of: str | None = None


async def reserve(tx: Tx, reserved: Sequence[Reservation]) -> list[Event]:
    """Set units aside; returns the events of the shelves. An order that is sourced again has its reservations moved."""
    if not reserved:
        return []
    stocks = await lock_stock(tx, [each.shelf for each in reserved])
    await tx.execute(
        """
        INSERT INTO reservation (order_id, sku, location_id, units, state)
        SELECT order_id, sku, location_id, units, 'open'
          FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS given(order_id, sku, location_id, units)
            ON CONFLICT (order_id, sku) DO UPDATE
           SET location_id = excluded.location_id, units = excluded.units, state = 'open', reserved_at = now()
         WHERE reservation.state = 'released'
        """,
        *columns(sorted(reserved), 4),
    )
    moves = [Movement(each.shelf, "reserved", reserved_delta=each.units, order_id=each.order_id) for each in reserved]
    return await save_movements(tx, stocks, moves)


async def close_reservations(
    tx: Tx, order_ids: Sequence[str], ending: Ending, reason: str | Mapping[str, str] | None = None
) -> list[Event]:
    """Release or ship what is set aside for orders; returns the events of the shelves. `reason`: of all, or by order."""
    if not order_ids:
        return []
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
    stocks = await lock_stock(tx, [each.shelf for each in closed])
    return await save_movements(tx, stocks, [_ended(each, ending, reason) for each in sorted(closed)])


async def keep_reservations(tx: Tx, skus: Mapping[str, Collection[str]]) -> None:
    """Of orders that are split, keep the reservations of these SKUs: what other parts have now is set aside under their ids.

    All of them were given back before: their movements stay.
    """
    if not skus:
        return
    await tx.execute(
        """
        DELETE FROM reservation
         WHERE state = 'released' AND order_id = ANY ($1)
           AND (order_id, sku) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
        """,
        sorted(skus),
        *columns(sorted({(order_id, sku) for order_id, kept in skus.items() for sku in kept}), 2),
    )


def _ended(reservation: Reservation, ending: Ending, reason: str | Mapping[str, str] | None) -> Movement:
    left = -reservation.units if ending == "shipped" else 0
    if isinstance(reason, Mapping):
        reason = reason[reservation.order_id]
    return Movement(reservation.shelf, ending, left, -reservation.units, order_id=reservation.order_id, reason=reason)


async def promises_on(tx: Tx, shelves: Iterable[Shelf]) -> list[PromiseRow]:
    """What is set aside on locked shelves for orders which have not left."""
    rows = await tx.fetch(
        """
        SELECT order_id, reservation.location_id, sku, units, reserved_at, merchant_id, correlation_id, causation_id, part_of,
               array_position(ARRAY['sourced', 'accepted', 'picked', 'ready_for_pickup'], customer_order.state) AS step
          FROM reservation JOIN customer_order USING (order_id)
         WHERE (reservation.location_id, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
           AND reservation.state = 'open'
        """,
        *columns(sorted(set(shelves)), 2),
    )
    return [
        PromiseRow(
            Promise(r["order_id"], Shelf(r["location_id"], r["sku"]), r["units"], r["step"] or 0, r["reserved_at"]),
            r["merchant_id"],
            Cause(r["correlation_id"], r["causation_id"]),
            r["part_of"],
        )
        for r in rows
    ]


async def release(tx: Tx, promises: Iterable[Promise]) -> None:
    """End reservations whose promise is broken; their movements are the caller's."""
    ended = sorted((each.order_id, each.shelf.sku) for each in promises)
    if not ended:
        return
    await tx.execute(
        """
        UPDATE reservation
           SET state = 'released'
          FROM unnest($1::text[], $2::text[]) AS given(order_id, sku)
         WHERE reservation.order_id = given.order_id AND reservation.sku = given.sku AND state = 'open'
        """,
        *columns(ended, 2),
    )


async def reservations_off_shelves(tx: Tx) -> int:
    """How many shelves have something else set aside than reservations add up to: 0."""
    found: int = await tx.fetchval(
        """
        SELECT count(*)
          FROM shelf LEFT JOIN (SELECT location_id, sku, sum(units) AS units
                                  FROM reservation WHERE state = 'open' GROUP BY location_id, sku) AS promised
               USING (location_id, sku)
         WHERE reserved <> coalesce(units, 0)
        """
    )
    return found
