"""A merchant's orders of some time, by the store that they were given to, and from where they came."""

from datetime import datetime
from typing import Final, NamedTuple

import orjson

from lutong_chassis import Reads, Tx
from lutong_inventory.orders.domain.offers import SPEED_M_PER_S
from lutong_inventory.orders.domain.report import LAPSED, MEMBERS_OWN, Counts, ModeCounts
from lutong_inventory.orders.store.orders import ORDER, OrderRow

FLOWS_MAX: Final = 2_000


class Span(NamedTuple):
    """Whose orders, of those that came to inventory from a moment on until before another."""

    merchant_id: str
    since: datetime
    until: datetime


class Usual(NamedTuple):
    """In which time a store and the flagship have an order with its member, in seconds; what the way takes comes on top."""

    store_s: float
    flagship_s: float


class StoreRow(NamedTuple):
    """A location, what it did, how many units it handed over, and what was paid for them in minor units, by currency."""

    location_id: str
    kind: str
    name: str
    latitude: float
    longitude: float
    counts: Counts
    units: int
    revenue_minor: dict[str, int]


class ModeRow(NamedTuple):
    """What became of orders of one mode, and how far on average it was from the stores that served them, in metres."""

    mode: str
    counts: ModeCounts
    mean_distance_m: int | None


class FlowRow(NamedTuple):
    """How many orders a location has of a place, which is known to two decimals."""

    location_id: str
    latitude: float
    longitude: float
    orders: int


class StoreRows(NamedTuple):
    """The locations with the most orders, and how many were left out."""

    rows: list[StoreRow]
    left_out: int


async def stores_of(read: Reads, span: Span, usual: Usual, limit: int) -> StoreRows:
    """Locations that were given orders, the one with the most first."""
    rows = await read.fetch(
        """
        WITH placed AS (
            SELECT order_id, state, location_id, currency, amount_minor - refunded_minor AS paid_minor, arrived_at,
                   coalesce(window_ends_at, created_at + make_interval(secs => CASE
                       WHEN mode = 'pickup' THEN $4::float
                       WHEN location_kind = 'flagship' THEN $5::float
                       ELSE $4::float + coalesce(distance_m, 0) / $6::integer END)) AS due_at
              FROM customer_order
             WHERE merchant_id = $1 AND created_at >= $2 AND created_at < $3
        ), had AS (
            SELECT decision.location_id, count(*) AS given,
                   count(*) FILTER (WHERE left_for <> ALL ($7::text[])) AS rejected,
                   count(*) FILTER (WHERE left_for = ANY ($7::text[])) AS lapsed
              FROM placed JOIN sourcing_decision AS decision USING (order_id)
             WHERE decision.location_id IS NOT NULL
             GROUP BY decision.location_id
        ), brought AS (
            SELECT location_id, sum(orders)::integer AS fulfilled, sum(arrived)::integer AS arrived,
                   sum(on_time)::integer AS on_time, json_object_agg(currency, paid_minor) AS revenue_minor
              FROM (SELECT location_id, currency, count(*) AS orders, count(arrived_at) AS arrived,
                           count(*) FILTER (WHERE arrived_at <= due_at) AS on_time, sum(paid_minor)::bigint AS paid_minor
                      FROM placed WHERE state = 'fulfilled' GROUP BY location_id, currency) AS by_currency
             GROUP BY location_id
        ), handed AS (
            SELECT reservation.location_id, sum(reservation.units)::integer AS units
              FROM placed JOIN reservation USING (order_id)
             WHERE placed.state = 'fulfilled' AND reservation.state = 'shipped'
             GROUP BY reservation.location_id
        )
        SELECT code, kind, name, latitude, longitude, given, rejected, lapsed, coalesce(fulfilled, 0) AS fulfilled,
               coalesce(arrived, 0) AS arrived, coalesce(on_time, 0) AS on_time, coalesce(units, 0) AS units,
               revenue_minor, count(*) OVER () AS stores
          FROM had JOIN location USING (location_id) LEFT JOIN brought USING (location_id) LEFT JOIN handed USING (location_id)
         ORDER BY given DESC, code
         LIMIT $8
        """,
        *span,
        *usual,
        SPEED_M_PER_S,
        list(LAPSED),
        limit,
    )
    found = [
        StoreRow(
            row["code"], row["kind"], row["name"], row["latitude"], row["longitude"],
            Counts(**{name: row[name] for name in Counts._fields}), row["units"], orjson.loads(row["revenue_minor"] or "{}"),
        )
        for row in rows
    ]  # fmt: skip
    return StoreRows(found, rows[0]["stores"] - len(rows) if rows else 0)


async def modes_of(read: Reads, span: Span) -> list[ModeRow]:
    """What became of orders, by mode. An order in parts is one, and served when any of it is."""
    rows = await read.fetch(
        """
        WITH placed AS (
            SELECT coalesce(part_of, order_id) AS whole, order_id, mode, state, location_kind, distance_m,
                   state NOT IN ('rejected', 'cancelled') AS is_served
              FROM customer_order
             WHERE merchant_id = $1 AND created_at >= $2 AND created_at < $3
               AND NOT (state = 'cancelled' AND reason = ANY ($4::text[]))
        ), again AS (
            SELECT DISTINCT whole FROM placed JOIN sourcing_decision USING (order_id) WHERE hop > 1
        ), ordered AS (
            SELECT whole, mode, bool_or(is_served) AS is_served, bool_or(state = 'rejected') AS is_rejected,
                   count(*) FILTER (WHERE is_served) AS parts,
                   bool_or(is_served AND location_kind = 'flagship') AS by_flagship,
                   sum(distance_m) FILTER (WHERE is_served AND location_kind = 'store') AS metres,
                   count(*) FILTER (WHERE is_served AND location_kind = 'store') AS ways
              FROM placed GROUP BY whole, mode
        )
        SELECT mode, count(*) AS orders, count(*) FILTER (WHERE is_served) AS served,
               count(*) FILTER (WHERE is_rejected) AS rejected, count(*) FILTER (WHERE parts > 1) AS in_parts,
               count(*) FILTER (WHERE by_flagship) AS by_flagship,
               count(again.whole) FILTER (WHERE is_served) AS rerouted, (sum(metres) / nullif(sum(ways), 0))::integer AS mean_distance_m
          FROM ordered LEFT JOIN again USING (whole)
         GROUP BY mode ORDER BY mode
        """,
        *span,
        list(MEMBERS_OWN),
    )
    return [
        ModeRow(row["mode"], ModeCounts(**{name: row[name] for name in ModeCounts._fields}), row["mean_distance_m"])
        for row in rows
    ]


async def flows_of(read: Reads, span: Span) -> list[FlowRow]:
    """From where orders come to which locations, the most first."""
    rows = await read.fetch(
        """
        SELECT code, customer_order.latitude, customer_order.longitude, count(*) AS orders
          FROM customer_order JOIN location USING (location_id)
         WHERE customer_order.merchant_id = $1 AND created_at >= $2 AND created_at < $3
           AND state NOT IN ('rejected', 'cancelled') AND customer_order.latitude IS NOT NULL
         GROUP BY 1, 2, 3
         ORDER BY orders DESC, 1, 2, 3
         LIMIT $4
        """,
        *span,
        FLOWS_MAX,
    )
    return [FlowRow(*row) for row in rows]


async def states(tx: Tx) -> dict[str, int]:
    """How many orders are in each state."""
    rows = await tx.fetch("SELECT state, count(*) AS n FROM customer_order GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def fulfilled_minor(tx: Tx) -> int:
    """What was paid for everything that was fulfilled, in minor units."""
    total: int = await tx.fetchval(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM customer_order WHERE state = 'fulfilled'"
    )
    return total


async def orders_at(tx: Reads, location_key: str, state: str, after: str, limit: int) -> list[OrderRow]:
    """Orders of a location in a state, by id, after a given one."""
    rows = await tx.fetch(
        f"""
        SELECT {ORDER}
          FROM customer_order
         WHERE location_id = $1 AND state = $2 AND order_id > $3
         ORDER BY order_id
         LIMIT $4
        """,
        location_key,
        state,
        after,
        limit,
    )
    return [OrderRow(*row) for row in rows]
