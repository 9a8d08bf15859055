"""SQL of live cards: places and shelves as inventory publishes them, and one statement that joins them to the cards of a page."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationOpened, LocationPaused
from lutong_contracts.values import Place
from lutong_feed.live.domain import OFFERS, PLACES, Cell, cell

Known = LocationOpened | LocationChanged | LocationPaused | LocationClosed


class LocationRow(NamedTuple):
    """A place; `modes` are separated by spaces."""

    merchant_id: str
    location_id: str
    revision: int
    kind: str
    state: str
    latitude: float
    longitude: float
    cell_south: int
    cell_west: int
    modes: str
    radius_m: int | None
    paused_until: datetime | None


class BandRow(NamedTuple):
    """How much of a SKU a place has."""

    merchant_id: str
    location_id: str
    sku: str
    band: str


_LOCATION: Final = columns_of(LocationRow)
_BAND: Final = columns_of(BandRow)


def row_of(event: Known) -> LocationRow:
    """A place as its row."""
    where, place = cell(event.place), event.place
    return LocationRow(
        event.merchant_id, event.location_id, event.revision, event.kind, event.state, place.latitude, place.longitude,
        where.south, where.west, " ".join(event.modes), event.radius_m, event.paused_until,
    )  # fmt: skip


async def keep_places(tx: Tx, rows: Iterable[LocationRow]) -> None:
    """Keep places, each in its highest revision."""
    key = ("merchant_id", "location_id")
    await tx.execute(
        f"""
        INSERT INTO location AS known ({_LOCATION.names})
        SELECT {_LOCATION.names} FROM {_LOCATION.unnest()}
            {_LOCATION.newer(*key)}
        """,
        *_LOCATION.latest(rows, *key),
    )


async def keep_bands(tx: Tx, rows: Iterable[BandRow]) -> None:
    """Keep what shelves have; the last word of each counts."""
    latest = {row[:3]: row for row in rows}
    if not latest:
        return
    await tx.execute(
        f"""
        INSERT INTO shelf_band AS known ({_BAND.names})
        SELECT {_BAND.names} FROM {_BAND.unnest()}
            ON CONFLICT (merchant_id, location_id, sku) DO UPDATE SET band = excluded.band
         WHERE known.band <> excluded.band
        """,
        *_BAND.arrays([row for _, row in sorted(latest.items())]),
    )


async def around(tx: Reads, program_ids: Sequence[str], place: Place | None) -> list[asyncpg.Record]:
    """For each of these programs and each version of it that some viewer may see: its first offers, and the nearest places with their shelves.

    One statement for a page. Without a place, where goods are sent from; with one, the nearest of nine cells of a tenth of a degree, too, for
    those that may use it (`located`).
    """
    here, spot = (cell(place), place) if place else (Cell(0, 0), Place(latitude=0, longitude=0))
    return await tx.fetch(
        f"""
        WITH wanted AS (
            SELECT program.program_id, program.merchant_id, program.version,
                   CASE WHEN program.offers_of IS NULL THEN program.offers ELSE coalesce(source.offers, '[]') END AS offers,
                   program.gray_offers, (program.gray::jsonb ->> 'version')::integer AS gray_version,
                   program.hosted_offers,
                   NOT EXISTS (SELECT FROM program_grant AS held
                                WHERE held.program_id IN (program.program_id, program.offers_of) AND held.enforced
                                  AND 'location' <> ALL (string_to_array(held.granted, ' '))) AS located
              FROM program
              LEFT JOIN program AS source
                ON source.program_id = program.offers_of AND source.merchant_id = program.merchant_id
             WHERE program.program_id = ANY ($1)
        ), offer AS (
            SELECT program_id, merchant_id, located, shown.version, place,
                   each ->> 'sku' AS sku, each ->> 'title' AS title,
                   (each -> 'unit_price' ->> 'amount_minor')::bigint AS amount_minor,
                   each -> 'unit_price' ->> 'currency' AS currency
              FROM wanted
             CROSS JOIN LATERAL (VALUES (version, offers), (gray_version, gray_offers)
                                  UNION ALL
                                 SELECT key::integer, value::text FROM json_each(hosted_offers::json)) AS shown (version, offers)
             CROSS JOIN LATERAL json_array_elements(coalesce(shown.offers, '[]')::json) WITH ORDINALITY AS listed (each, place)
             WHERE shown.version IS NOT NULL AND place <= {OFFERS}
               AND NOT coalesce((each ->> 'provided')::boolean, false)
        ), near AS (
            SELECT merchant.merchant_id, found.*
              FROM (SELECT DISTINCT merchant_id FROM offer) AS merchant
             CROSS JOIN LATERAL (
                   (SELECT location_id, kind, state, modes, radius_m, paused_until, latitude, longitude
                      FROM location
                     WHERE location.merchant_id = merchant.merchant_id AND $2 AND kind = 'store' AND state <> 'closed'
                       AND cell_south BETWEEN $3::integer - 1 AND $3 + 1 AND cell_west BETWEEN $4::integer - 1 AND $4 + 1
                     ORDER BY (latitude - $5) ^ 2 + ((longitude - $6) * cosd($5)) ^ 2, location_id
                     LIMIT {PLACES})
                    UNION ALL
                   (SELECT location_id, kind, state, modes, radius_m, paused_until, latitude, longitude
                      FROM location
                     WHERE location.merchant_id = merchant.merchant_id AND kind <> 'store' AND state <> 'closed'
                     ORDER BY location_id
                     LIMIT {PLACES})
                   ) AS found
        )
        SELECT program_id, version, offer.merchant_id, offer.place, offer.sku, title, amount_minor, currency, near.location_id, kind, state, modes,
               radius_m, paused_until, latitude, longitude, band, located
          FROM offer
          LEFT JOIN near ON near.merchant_id = offer.merchant_id AND (located OR kind <> 'store')
          LEFT JOIN shelf_band AS shelf
            ON (shelf.merchant_id, shelf.location_id, shelf.sku) = (offer.merchant_id, near.location_id, offer.sku)
         ORDER BY program_id, version, offer.place, near.location_id
        """,
        sorted(set(program_ids)),
        place is not None,
        here.south,
        here.west,
        spot.latitude,
        spot.longitude,
    )
