"""Stores and flagships."""

from collections.abc import Iterable, Sequence

import asyncpg

from lutong_chassis import Tx, columns


async def save_locations(tx: Tx, locations: Sequence[tuple[str, str, str, str, float, float, bool | None]]) -> None:
    """Create or change locations, given as (id, merchant, kind, name, latitude, longitude, open).

    Without `open` a location stays as it was, and a new one is open.
    """
    latest = sorted({location[0]: location for location in locations}.items())
    await tx.execute(
        """
        INSERT INTO location (location_id, merchant_id, kind, name, latitude, longitude, open)
        SELECT location_id, merchant_id, kind, name, latitude, longitude, coalesce(open, true)
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float[], $6::float[], $7::boolean[])
               AS given(location_id, merchant_id, kind, name, latitude, longitude, open)
            ON CONFLICT (location_id) DO UPDATE
           SET name = excluded.name, latitude = excluded.latitude, longitude = excluded.longitude,
               open = CASE WHEN excluded.location_id = ANY ($8) THEN location.open ELSE excluded.open END
        """,
        *columns([location for _, location in latest], 7),
        [location_id for location_id, location in latest if location[-1] is None],
    )


async def locations(tx: Tx, location_ids: Iterable[str]) -> dict[str, asyncpg.Record]:
    """Locations by id."""
    rows = await tx.fetch(
        """
        SELECT location_id, merchant_id, kind, name, latitude, longitude, open
          FROM location
         WHERE location_id = ANY ($1)
        """,
        sorted(set(location_ids)),
    )
    return {row["location_id"]: row for row in rows}


async def flagships(tx: Tx, merchants: Iterable[str]) -> dict[str, str]:
    """The open flagship of each merchant."""
    rows = await tx.fetch(
        "SELECT merchant_id, location_id FROM location WHERE kind = 'flagship' AND open AND merchant_id = ANY ($1)",
        sorted(set(merchants)),
    )
    return {row["merchant_id"]: row["location_id"] for row in rows}
