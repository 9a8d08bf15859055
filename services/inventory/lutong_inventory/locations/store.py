"""Stores and flagships."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lutong_chassis import Tx, columns
from lutong_contracts.values import LocationKind


class LocationRow(NamedTuple):
    """A location as it is stored. To save one without `open` leaves it as it was, and opens a new one."""

    location_id: str
    merchant_id: str
    kind: LocationKind
    name: str
    latitude: float
    longitude: float
    open: bool | None


async def save_locations(tx: Tx, locations: Sequence[LocationRow]) -> None:
    """Create or change locations. Of several rows for one location the last counts."""
    latest = sorted({location.location_id: location for location in locations}.items())
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
        [location_id for location_id, location in latest if location.open is None],
    )


async def locations(tx: Tx, location_ids: Iterable[str]) -> dict[str, LocationRow]:
    """Locations by id."""
    rows = await tx.fetch(
        """
        SELECT location_id, merchant_id, kind, name, latitude, longitude, open
          FROM location
         WHERE location_id = ANY ($1)
        """,
        sorted(set(location_ids)),
    )
    return {row["location_id"]: LocationRow(*row) for row in rows}


async def flagships(tx: Tx, merchants: Iterable[str]) -> dict[str, str]:
    """The open flagship of each merchant."""
    rows = await tx.fetch(
        "SELECT merchant_id, location_id FROM location WHERE kind = 'flagship' AND open AND merchant_id = ANY ($1)",
        sorted(set(merchants)),
    )
    return {row["merchant_id"]: row["location_id"] for row in rows}
