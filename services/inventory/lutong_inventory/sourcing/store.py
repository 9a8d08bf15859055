"""Where orders can come from."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from lutong_chassis import Tx, columns
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Place
from lutong_inventory.sourcing.domain import Location

CANDIDATES_MAX: Final = 32
"""Stores looked at per order. When none of them can serve it, the flagship does, not a farther store."""


async def nearest_locations(tx: Tx, orders: Sequence[CreditHeld]) -> dict[str, list[Location]]:
    """For each order, open stores of its merchant around the destination, and the flagship."""
    rows = await tx.fetch(
        """
        SELECT wanted.order_id, found.location_id, found.kind, found.latitude, found.longitude
          FROM (SELECT order_id, merchant_id,
                       (hashtext(merchant_id)::bigint & 1048575) * 1000 AS plane, latitude, longitude
                  FROM unnest($1::text[], $2::text[], $3::float[], $4::float[])
                       AS given(order_id, merchant_id, latitude, longitude)) AS wanted
         CROSS JOIN LATERAL (
               (SELECT location_id, kind, latitude, longitude
                  FROM location
                 WHERE kind = 'store' AND open AND merchant_id = wanted.merchant_id
                   AND position <@ box(point(plane - 180, -90), point(plane + 180, 90))
                 ORDER BY position <-> point(plane + wanted.longitude, wanted.latitude)
                 LIMIT $5)
               UNION ALL
               SELECT location_id, kind, latitude, longitude
                 FROM location
                WHERE kind = 'flagship' AND open AND merchant_id = wanted.merchant_id
               ) AS found
        """,
        *columns([(o.order_id, o.merchant_id, o.destination.latitude, o.destination.longitude) for o in orders], 4),
        CANDIDATES_MAX,
    )
    found: dict[str, list[Location]] = defaultdict(list)
    for row in rows:
        place = Place(latitude=row["latitude"], longitude=row["longitude"])
        found[row["order_id"]].append(Location(row["location_id"], row["kind"], place))
    return found
