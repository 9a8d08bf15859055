"""Who may serve an order: found by an index, and only those that offer the mode, are open, and have the goods."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from math import inf
from operator import itemgetter
from typing import Final

import asyncpg
import orjson

from lutong_chassis import Tx, columns
from lutong_contracts.values import Place
from lutong_inventory.sourcing.domain.values import Candidate, Found, Reason, Splitting, Stocked, Wish

PARTS_LOOKED_UP: Final = 8
"""Locations that are looked at for each SKU of an order that none has as a whole."""

RADIUS_M_MAX: Final = 200_000
"""No location may set a larger radius than this; a flagship without a radius serves everywhere."""

WANTED: Final = """
    SELECT order_id, merchant_id, mode, reach_m, demand::jsonb AS demand, excluded::jsonb AS excluded, only_at, latitude,
           (hashtext(merchant_id)::bigint & 1048575) * 1000 + longitude AS x,
           degrees(ln(tan(radians(45 + least(greatest(latitude, -89), 89) / 2)))) AS y
      FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::float[], $8::float[],
                  $9::text[])
           AS given(order_id, merchant_id, mode, reach_m, demand, excluded, latitude, longitude, only_at)
"""

_PLANAR: Final = "degrees({m} / 6335439.0 / cos(least(radians(abs(wanted.latitude)) + {m} / 6335439.0, radians(89))))"
"""How far on the plane a place may be at most that is so many metres away: `geometry.lower_bound_m` the other way around."""

OFFERS: Final = """location.merchant_id = wanted.merchant_id AND open AND closed_at IS NULL
               AND NOT wanted.excluded ? location.location_id
               AND (wanted.only_at IS NULL OR location.location_id = wanted.only_at)
               AND wanted.mode = ANY (coalesce(modes, CASE kind WHEN 'flagship' THEN ARRAY['delivery']
                                                      ELSE ARRAY['delivery', 'pickup'] END))"""

_REACHES: Final = f"""(wanted.only_at IS NOT NULL OR kind = 'flagship' AND wanted.mode = 'delivery' AND radius_m IS NULL
                    OR spot <-> point(wanted.x, wanted.y)
                       <= {_PLANAR.format(m="CASE wanted.mode WHEN 'delivery' THEN coalesce(radius_m, wanted.reach_m) ELSE wanted.reach_m END")})"""

_IS_OPEN: Final = """(wanted.only_at IS NOT NULL OR (paused_until IS NULL OR paused_until <= $10)
               AND CASE WHEN holiday.day IS NOT NULL
                        THEN holiday.takes_orders @> (extract(hour FROM local.at) * 60 + extract(minute FROM local.at))::integer
                        ELSE location.takes_orders IS NULL
                             OR location.takes_orders @> ((extract(isodow FROM local.at) - 1) * 1440
                                                          + extract(hour FROM local.at) * 60
                                                          + extract(minute FROM local.at))::integer END)"""

_HAS_ROOM: Final = (
    "(wanted.only_at IS NOT NULL OR daily_capacity IS NULL OR coalesce(today.orders, 0) < daily_capacity)"
)

HAS_ALL: Final = """NOT EXISTS (
                   SELECT FROM jsonb_each_text(wanted.demand) AS needed(sku, units)
                    WHERE NOT EXISTS (SELECT FROM shelf
                                       WHERE shelf.location_id = location.location_id AND shelf.sku = needed.sku
                                         AND on_hand - reserved - safety_stock - unavailable >= needed.units::integer))"""

_TODAY: Final = """CROSS JOIN LATERAL (SELECT $10 AT TIME ZONE zone AS at) AS local
               LEFT JOIN location_holiday AS holiday
                      ON holiday.location_id = location.location_id AND holiday.day = local.at::date
               LEFT JOIN location_day AS today
                      ON today.location_id = location.location_id AND today.day = local.at::date"""


def within(metres: str) -> str:
    """That a location is in a box around the place which holds all that is so near: what an index answers."""
    planar = _PLANAR.format(m=metres)
    low, high = (f"point(wanted.x {sign} {planar}, wanted.y {sign} {planar})" for sign in "-+")
    return f"spot <@ box({low}, {high})"


_HAS_SOME: Final = """CROSS JOIN LATERAL (
                   SELECT array_agg(shelf.sku) AS skus
                     FROM jsonb_each_text(wanted.demand) AS needed(sku, units)
                     JOIN shelf ON shelf.location_id = location.location_id AND shelf.sku = needed.sku
                               AND on_hand - reserved - safety_stock - unavailable >= needed.units::integer) AS has"""

_COLUMNS: Final = """location.location_id, location.name, kind, location.latitude, location.longitude, radius_m, daily_capacity,
                    coalesce(today.orders, 0) AS orders, coalesce(lowered_until > $10, false) AS lowered,
                    spot <-> point(wanted.x, wanted.y) AS planar"""


async def find(tx: Tx, wishes: Sequence[Wish], now: datetime, stores_max: int) -> dict[str, Found]:
    """For each order, the nearest stores that may serve it, and the flagship: each that offers the mode, reaches the place,
    is open, has room for another order today and, as far as can be seen without a lock, has the whole order.
    """
    rows = await tx.fetch(
        f"""
        SELECT wanted.order_id, found.*
          FROM ({WANTED}) AS wanted
         CROSS JOIN LATERAL (
               (SELECT {_COLUMNS}
                  FROM location {_TODAY}
                 WHERE kind = 'store' AND {OFFERS}
                   AND {within("$11::float")}
                   AND {_REACHES} AND {_IS_OPEN} AND {_HAS_ROOM} AND {HAS_ALL}
                 ORDER BY spot <-> point(wanted.x, wanted.y)
                 LIMIT $12)
               UNION ALL
               SELECT {_COLUMNS}
                 FROM location {_TODAY}
                WHERE kind = 'flagship' AND {OFFERS} AND {_REACHES} AND {_IS_OPEN} AND {_HAS_ROOM} AND {HAS_ALL}
               ) AS found
        """,
        *given(wishes),
        now,
        float(max([RADIUS_M_MAX] + [wish.reach_m for wish in wishes])),
        stores_max,
    )
    by_id = {wish.order_id: wish for wish in wishes}
    found: dict[str, list[Candidate]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(_candidate(row, by_id[row["order_id"]]))
    return {order_id: Found(each, _beyond(each, stores_max)) for order_id, each in found.items()}


def _candidate(row: asyncpg.Record, wish: Wish) -> Candidate:
    radius_m = row["radius_m"] if wish.mode == "delivery" else wish.reach_m
    if radius_m is None and row["kind"] == "store":
        radius_m = wish.reach_m
    capacity = row["daily_capacity"]
    if wish.only_at is not None:
        radius_m = capacity = None
    place = Place(latitude=row["latitude"], longitude=row["longitude"])
    return Candidate(
        row["location_id"],
        row["kind"],
        place,
        row["planar"],
        radius_m,
        row["orders"],
        capacity,
        row["lowered"],
        row["name"],
    )


async def find_parts(tx: Tx, wishes: Sequence[Wish], now: datetime) -> dict[str, Splitting]:
    """For each order whose merchant lets it be split, how many may serve it, and who has some of its SKUs: for each SKU those
    that have the most others beside it, of them the nearest. An order that must not be split has an empty answer.
    """
    may_serve = f"{OFFERS} AND {_REACHES} AND {_IS_OPEN} AND {_HAS_ROOM} AND skus IS NOT NULL"
    rows = await tx.fetch(
        f"""
        SELECT DISTINCT order_id, parts_max, skus, location_id, name, kind, latitude, longitude, radius_m, daily_capacity, orders,
                        lowered, planar
          FROM (SELECT wanted.order_id, parts_max, near.*,
                       row_number() OVER (PARTITION BY wanted.order_id, sku
                                              ORDER BY cardinality(skus) DESC, planar, location_id) AS place
                  FROM ({WANTED}) AS wanted
                  JOIN sourcing_rule USING (merchant_id)
                 CROSS JOIN LATERAL (
                       SELECT {_COLUMNS}, skus
                         FROM location {_TODAY} {_HAS_SOME}
                        WHERE kind = 'store' AND {within("$11::float")} AND {may_serve}
                       UNION ALL
                       SELECT {_COLUMNS}, skus
                         FROM location {_TODAY} {_HAS_SOME}
                        WHERE kind = 'flagship' AND {may_serve}
                       ) AS near
                 CROSS JOIN unnest(skus) AS sku
                 WHERE parts_max > 1) AS ranked
         WHERE place <= $12
         ORDER BY order_id, planar, location_id
        """,
        *given(wishes),
        now,
        float(max([RADIUS_M_MAX] + [wish.reach_m for wish in wishes])),
        PARTS_LOOKED_UP,
    )
    by_id = {wish.order_id: wish for wish in wishes}
    found = dict.fromkeys(by_id, Splitting())
    for order_id, some in groupby(rows, key=itemgetter("order_id")):
        of_order = list(some)
        stocked = [Stocked(_candidate(row, by_id[order_id]), frozenset(row["skus"])) for row in of_order]
        found[order_id] = Splitting(of_order[0]["parts_max"], stocked)
    return found


def _beyond(candidates: Sequence[Candidate], stores_max: int) -> float:
    """How far those stores are at least that were left out."""
    stores = [candidate.planar for candidate in candidates if candidate.kind == "store"]
    return max(stores) if len(stores) == stores_max else inf


def given(wishes: Sequence[Wish]) -> list[list[object]]:
    """Wishes as the parameters $1 to $9 of a statement that begins with `WANTED`."""
    return columns(
        [
            (
                wish.order_id,
                wish.merchant_id,
                wish.mode,
                wish.reach_m,
                orjson.dumps(dict(wish.demand)).decode(),
                orjson.dumps(wish.excluded).decode(),
                wish.destination.latitude,
                wish.destination.longitude,
                wish.only_at,
            )
            for wish in wishes
        ],
        9,
    )


async def why_nobody(tx: Tx, wishes: Sequence[Wish], now: datetime) -> dict[str, Reason]:
    """Why no location can serve these orders: the first thing that none of them has."""
    rows = await tx.fetch(
        f"""
        SELECT wanted.order_id,
               CASE WHEN NOT coalesce(bool_or(offers), false) THEN 'no_location'
                    WHEN NOT bool_or(offers AND reaches) THEN 'out_of_reach'
                    WHEN NOT bool_or(offers AND reaches AND is_open) THEN 'closed'
                    WHEN NOT bool_or(offers AND reaches AND is_open AND has_room) THEN 'at_capacity'
                    ELSE 'out_of_stock' END AS reason
          FROM ({WANTED}) AS wanted
          LEFT JOIN LATERAL (
               SELECT {OFFERS} AS offers, {_REACHES} AS reaches, {_IS_OPEN} AS is_open, {_HAS_ROOM} AS has_room
                 FROM location {_TODAY}
                WHERE location.merchant_id = wanted.merchant_id AND kind IN ('store', 'flagship')
               ) AS looked ON true
         GROUP BY wanted.order_id
        """,
        *given(wishes),
        now,
    )
    return {row["order_id"]: row["reason"] for row in rows}


async def orders_today(tx: Tx, keys: Sequence[str], now: datetime) -> dict[str, int]:
    """How many orders locations were given today, on their own clocks; serialised: nobody else gives them any until commit."""
    await tx.lock("capacity", keys)
    rows = await tx.fetch(
        """
        SELECT location.location_id, coalesce(orders, 0) AS orders
          FROM location LEFT JOIN location_day
               ON location_day.location_id = location.location_id AND day = ($2 AT TIME ZONE zone)::date
         WHERE location.location_id = ANY ($1)
        """,
        sorted(keys),
        now,
    )
    return {row["location_id"]: row["orders"] for row in rows}


async def count_orders(tx: Tx, given: Mapping[str, int], now: datetime) -> None:
    """Add what locations were given to their day."""
    await tx.execute(
        """
        INSERT INTO location_day (location_id, day, orders)
        SELECT location.location_id, ($3 AT TIME ZONE zone)::date, orders
          FROM unnest($1::text[], $2::integer[]) AS given(location_id, orders) JOIN location USING (location_id)
         ORDER BY location.location_id
            ON CONFLICT (location_id, day) DO UPDATE SET orders = location_day.orders + excluded.orders
        """,
        *columns(sorted(given.items()), 2),
        now,
    )
