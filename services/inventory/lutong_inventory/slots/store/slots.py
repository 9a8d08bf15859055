"""Slots as merchants put them, and as members look for them."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts.values import Place
from lutong_inventory.slots.domain.slots import Slot
from lutong_inventory.slots.store.places import COLUMNS, CORNERS, FROM, SlotRow


class KeptSlot(NamedTuple):
    """What is written of a slot that a merchant puts."""

    slot_id: str
    location_id: str
    area: str | None
    day: date
    starts: Annotated[int, Sql("integer")]
    ends: Annotated[int, Sql("integer")]
    cut_off: Annotated[int, Sql("integer")]
    capacity: Annotated[int, Sql("integer")]


class Nearby(NamedTuple):
    """Whose slots are asked for, for which place, from which moment on, and of which days."""

    merchant_id: str
    destination: Place
    starts_from: date
    starts_until: date


_KEPT: Final = columns_of(KeptSlot)


async def save_area(tx: Tx, location_key: str, area: str, corners: Sequence[Place]) -> None:
    """Keep where a location delivers by slots."""
    await tx.execute(
        """
        INSERT INTO slot_area (location_id, area, corners) VALUES ($1, $2, $3)
            ON CONFLICT (location_id, area) DO UPDATE SET corners = excluded.corners
        """,
        location_key,
        area,
        CORNERS.dump_json(tuple(corners)).decode(),
    )


async def areas_of(tx: Tx, location_key: str) -> dict[str, tuple[Place, ...]]:
    """The areas of a location."""
    rows = await tx.fetch("SELECT area, corners FROM slot_area WHERE location_id = $1", location_key)
    return {row["area"]: CORNERS.validate_json(row["corners"]) for row in rows}


async def lock_slots_of(tx: Tx, location_key: str, days: Sequence[date], reach_m: int) -> list[Slot]:
    """The slots of a location from the first of some days to the last, locked in key order."""
    rows = await tx.fetch(
        f"""
        SELECT {COLUMNS} FROM {FROM}
         WHERE slot.location_id = $1 AND day BETWEEN $2 AND $3
         ORDER BY slot_id
           FOR NO KEY UPDATE OF slot
        """,
        location_key,
        min(days),
        max(days),
    )
    return [SlotRow(*row).as_slot(reach_m) for row in rows]


async def slots_of(read: Reads, location_key: str, day: date, limit: int, reach_m: int) -> list[Slot]:
    """The slots of a location from a day on, in order of time."""
    rows = await read.fetch(
        f"""
        SELECT {COLUMNS} FROM {FROM}
         WHERE slot.location_id = $1 AND day >= $2
         ORDER BY day, starts, area
         LIMIT $3
        """,
        location_key,
        day,
        limit,
    )
    return [SlotRow(*row).as_slot(reach_m) for row in rows]


async def slots_near(read: Reads, wanted: Nearby, locations_max: int, reach_m: int) -> tuple[datetime, list[Slot]]:
    """The slots of the locations that are nearest to a place, and the moment: one round trip."""
    rows = await read.fetch(
        f"""
        WITH given AS (
            SELECT point((hashtext($1)::bigint & 1048575) * 1000 + $3::float,
                         degrees(ln(tan(radians(45 + least(greatest($2::float, -89), 89) / 2))))) AS spot
        ), near AS (
            (SELECT location_id FROM location
              WHERE merchant_id = $1 AND kind = 'store' AND open AND closed_at IS NULL
                AND 'delivery' = ANY (coalesce(modes, ARRAY['delivery']))
              ORDER BY location.spot <-> (SELECT spot FROM given)
              LIMIT $6)
            UNION ALL
            SELECT location_id FROM location
             WHERE merchant_id = $1 AND kind = 'flagship' AND open AND closed_at IS NULL
               AND 'delivery' = ANY (coalesce(modes, ARRAY['delivery']))
        )
        SELECT now() AS now, found.*
          FROM (VALUES (1)) AS once
          LEFT JOIN (SELECT {COLUMNS} FROM near JOIN {FROM} USING (location_id)
                      WHERE day BETWEEN $4 AND $5) AS found ON true
         ORDER BY day, starts, location_id
        """,
        wanted.merchant_id,
        wanted.destination.latitude,
        wanted.destination.longitude,
        wanted.starts_from,
        wanted.starts_until,
        locations_max,
    )
    found = [SlotRow(*row[1:]).as_slot(reach_m) for row in map(tuple, rows) if row[1] is not None]
    return rows[0]["now"], found


async def save_slots(tx: Tx, slots: Iterable[KeptSlot]) -> None:
    """Write slots that are new, and those that changed."""
    await tx.execute(
        f"""
        INSERT INTO slot ({_KEPT.names})
        SELECT {_KEPT.names} FROM {_KEPT.unnest()} ORDER BY slot_id
            ON CONFLICT (slot_id) DO UPDATE
           SET ends = excluded.ends, cut_off = excluded.cut_off, capacity = excluded.capacity, withdrawn_for = NULL
        """,
        *_KEPT.arrays(slots),
    )


async def withdraw_slots(tx: Tx, slot_ids: Sequence[str], reason: str) -> None:
    """Offer locked slots no more."""
    await tx.execute("UPDATE slot SET withdrawn_for = $2 WHERE slot_id = ANY ($1)", slot_ids, reason)
