"""SQL of live cards: places and shelves as inventory publishes them, and what the cards of a page need of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationOpened, LocationPaused
from lutong_contracts.values import Place
from lutong_feed.live.domain import OFFERS, PLACES, Cell, Offer, cell

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


class SoldRow(NamedTuple):
    """A merchant's goods that some card offers."""

    merchant_id: str
    sku: str


class OfferRow(NamedTuple):
    """An offer of a program in one of its versions; `located` where the program may use where its reader is."""

    program_id: str
    version: int
    merchant_id: str
    located: bool
    offer: Offer


class PlaceRow(NamedTuple):
    """A place of a merchant, and how much it has of what: `bands` are those of `skus`, one by one."""

    merchant_id: str
    location_id: str
    kind: str
    state: str
    modes: str
    radius_m: int | None
    paused_until: datetime | None
    latitude: float
    longitude: float
    skus: Sequence[str]
    bands: Sequence[str]


_LOCATION: Final = columns_of(LocationRow)
_BAND: Final = columns_of(BandRow)
_SOLD: Final = columns_of(SoldRow)
_SPOT: Final = "location_id, kind, state, modes, radius_m, paused_until, latitude, longitude"


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


async def offers(tx: Reads, program_ids: Iterable[str]) -> list[OfferRow]:
    """The first offers of each of these programs, in each version of it that some viewer may see: by program and version, in their order."""
    rows = await tx.fetch(
        f"""
        WITH wanted AS MATERIALIZED (
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
        )
        SELECT program_id, shown.version, merchant_id, located,
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
         ORDER BY program_id, shown.version, place
        """,
        sorted(set(program_ids)),
    )
    return [
        OfferRow(
            row["program_id"],
            row["version"],
            row["merchant_id"],
            row["located"],
            Offer(row["sku"], row["title"], row["amount_minor"], row["currency"]),
        )
        for row in rows
    ]


async def around(tx: Reads, wanted: Iterable[SoldRow], place: Place | None) -> list[PlaceRow]:
    """The places of each of these merchants that a viewer may be served from, and what each has of the merchant's goods that are asked for.

    Without a place, where goods are sent from; with one, the nearest of nine cells of a tenth of a degree, too. Shelves are looked up by
    their key, place by place: the planner does not know how few places there are, and read every shelf there is when it joined them.
    """
    here, spot = (cell(place), place) if place else (Cell(0, 0), Place(latitude=0, longitude=0))
    first = len(_SOLD.fields)
    nearby, south, west, latitude, longitude = (f"${first + n}" for n in range(1, 6))
    rows = await tx.fetch(
        f"""
        SELECT sold.merchant_id, found.*, skus, bands
          FROM (SELECT merchant_id, array_agg(sku) AS wanted FROM {_SOLD.unnest()} GROUP BY merchant_id) AS sold
         CROSS JOIN LATERAL (
               (SELECT {_SPOT}
                  FROM location
                 WHERE location.merchant_id = sold.merchant_id AND {nearby} AND kind = 'store' AND state <> 'closed'
                   AND cell_south BETWEEN {south}::integer - 1 AND {south} + 1
                   AND cell_west BETWEEN {west}::integer - 1 AND {west} + 1
                 ORDER BY (latitude - {latitude}) ^ 2 + ((longitude - {longitude}) * cosd({latitude})) ^ 2, location_id
                 LIMIT {PLACES})
                UNION ALL
               (SELECT {_SPOT}
                  FROM location
                 WHERE location.merchant_id = sold.merchant_id AND kind <> 'store' AND state <> 'closed'
                 ORDER BY location_id
                 LIMIT {PLACES})
               ) AS found
         CROSS JOIN LATERAL (
               SELECT coalesce(array_agg(sku), '{{}}') AS skus, coalesce(array_agg(band), '{{}}') AS bands
                 FROM shelf_band AS shelf
                WHERE (shelf.merchant_id, shelf.location_id) = (sold.merchant_id, found.location_id) AND sku = ANY (sold.wanted)
               ) AS shelves
        """,
        *_SOLD.arrays(sorted(set(wanted))),
        place is not None,
        here.south,
        here.west,
        spot.latitude,
        spot.longitude,
    )
    return [PlaceRow(**row) for row in rows]
