"""The slots that may be promised: of the nearest stores that have the goods, and of the flagship."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from lutong_chassis import Tx
from lutong_inventory.slots.domain.slots import Slot
from lutong_inventory.slots.store.places import COLUMNS, FROM, SlotRow
from lutong_inventory.sourcing.domain.values import Wish
from lutong_inventory.sourcing.store.candidates import HAS_ALL, OFFERS, WANTED, given, within

LOCATIONS_MAX: Final = 20
"""Stores whose slots are looked up, the nearest of those that have the goods."""


async def first_slots(tx: Tx, wishes: Sequence[Wish], days_ahead: int) -> dict[str, list[Slot]]:
    """For each wish, the first slot with places left of each area of the locations that have the goods.

    The cut-off is compared as PostgreSQL reads the clock of the location: of two moments that a clock shows alike in autumn
    it takes the second. The rules, which take the first, decide.
    """
    if not wishes:
        return {}
    reach_m = max(wish.reach_m for wish in wishes)
    rows = await tx.fetch(
        f"""
        SELECT wanted.order_id, {COLUMNS}
          FROM ({WANTED}) AS wanted
         CROSS JOIN LATERAL (
               (SELECT location.location_id
                  FROM location
                 WHERE kind = 'store' AND {OFFERS} AND {within("$13::float")} AND {HAS_ALL}
                 ORDER BY spot <-> point(wanted.x, wanted.y)
                 LIMIT $14)
               UNION ALL
               SELECT location.location_id FROM location WHERE kind = 'flagship' AND {OFFERS} AND {HAS_ALL}
               ) AS near
         CROSS JOIN LATERAL (
               SELECT DISTINCT ON (area) slot_id
                 FROM slot JOIN location USING (location_id)
                WHERE slot.location_id = near.location_id AND day BETWEEN $11::date AND $12::date
                  AND withdrawn_for IS NULL AND held + booked < capacity
                  AND (day + make_interval(mins => slot.cut_off)) AT TIME ZONE zone > $10
                ORDER BY area, day, starts
               ) AS first
          JOIN ({FROM}) USING (slot_id)
        """,
        *given(wishes),
        tx.now,
        tx.now.date() - timedelta(days=1),
        tx.now.date() + timedelta(days=days_ahead + 1),
        float(reach_m),
        LOCATIONS_MAX,
    )
    found: dict[str, list[Slot]] = defaultdict(list)
    for order_id, *slot in map(tuple, rows):
        found[order_id].append(SlotRow(*slot).as_slot(reach_m))
    return found
