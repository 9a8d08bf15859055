"""Places in slots: the slots locked in key order, their places held, then booked or released, each once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Final, NamedTuple

from pydantic import TypeAdapter

from lutong_chassis import Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts.values import Place
from lutong_inventory.slots.domain.slots import Ground, HoldState, OverbookedError, Slot, SlotHold

CORNERS: Final = TypeAdapter(tuple[Place, ...])
COLUMNS: Final = """slot_id, slot.location_id, location.merchant_id, zone, location.kind, location.latitude,
       location.longitude, radius_m, corners, area, day, starts, ends, slot.cut_off, capacity, held, booked, withdrawn_for"""
FROM: Final = "slot JOIN location USING (location_id) LEFT JOIN slot_area USING (location_id, area)"

_HOLD: Final = columns_of(SlotHold)
_ALL: Final = ", ".join(f"slot_hold.{name}" for name in SlotHold._fields)


class SlotRow(NamedTuple):
    """A slot as it is stored, with the facts of its location."""

    slot_id: str
    location_key: str
    merchant_id: str
    zone: str
    kind: str
    latitude: float
    longitude: float
    radius_m: int | None
    corners: str | None
    area: str | None
    day: date
    starts: int
    ends: int
    cut_off: int
    capacity: int
    held: int
    booked: int
    withdrawn_for: str | None

    def as_slot(self, reach_m: int) -> Slot:
        """The slot. A store without a radius delivers within `reach_m`."""
        usual_m = None if self.kind == "flagship" else reach_m
        ground = Ground(
            self.location_key, self.merchant_id, self.zone, Place(latitude=self.latitude, longitude=self.longitude),
            self.radius_m or usual_m, CORNERS.validate_json(self.corners) if self.corners else None,
        )  # fmt: skip
        return Slot(self.slot_id, ground, *self[9:])


class Taken(NamedTuple):
    """By how many places the held and the booked ones of a slot change."""

    slot_id: str
    held: Annotated[int, Sql("integer")]
    booked: Annotated[int, Sql("integer")]


class Settled(NamedTuple):
    """What becomes of a place: the state that it was in, and the one that it goes to."""

    hold_id: str
    slot_id: str
    before: HoldState
    after: HoldState
    order_id: str | None = None
    reason: str | None = None


_SETTLED: Final = columns_of(Settled)
_TAKEN: Final = columns_of(Taken)


async def slots_held(tx: Tx, hold_ids: Iterable[str]) -> dict[str, str]:
    """The slots of holds, by hold; nothing is locked, for a hold stays with its slot."""
    rows = await tx.fetch("SELECT hold_id, slot_id FROM slot_hold WHERE hold_id = ANY ($1)", sorted(set(hold_ids)))
    return {row["hold_id"]: row["slot_id"] for row in rows}


async def lock_holds(tx: Tx, hold_ids: Iterable[str]) -> dict[str, SlotHold]:
    """Holds whose slots are locked."""
    rows = await tx.fetch(
        f"SELECT {_ALL} FROM slot_hold WHERE hold_id = ANY ($1) ORDER BY hold_id FOR NO KEY UPDATE",
        sorted(set(hold_ids)),
    )
    return {row["hold_id"]: SlotHold(*row) for row in rows}


async def holds_on(tx: Tx, slot_ids: Sequence[str]) -> list[SlotHold]:
    """The places of locked slots that are taken, in order of slot and hold."""
    rows = await tx.fetch(
        f"""
        SELECT {_ALL} FROM slot_hold
         WHERE slot_id = ANY ($1) AND state <> 'released'
         ORDER BY slot_id, hold_id
        """,
        slot_ids,
    )
    return [SlotHold(*row) for row in rows]


async def booked_for(tx: Tx, order_ids: Iterable[str]) -> dict[str, SlotHold]:
    """The places that are booked for orders, by order."""
    rows = await tx.fetch(
        f"SELECT {_ALL} FROM slot_hold WHERE order_id = ANY ($1) AND state = 'booked'", sorted(set(order_ids))
    )
    return {row["order_id"]: SlotHold(*row) for row in rows}


async def held_by(tx: Tx, member_ids: Sequence[str], now: datetime) -> Counter[str]:
    """How many places members hold, by member; serialised, so that nobody asks twice at once."""
    await tx.lock("slot_member", member_ids)
    rows = await tx.fetch(
        """
        SELECT member_id, count(*) AS n FROM slot_hold
         WHERE member_id = ANY ($1) AND state = 'held' AND expires_at > $2
         GROUP BY member_id
        """,
        member_ids,
        now,
    )
    return Counter({row["member_id"]: row["n"] for row in rows})


async def save_holds(tx: Tx, holds: Sequence[SlotHold]) -> None:
    """Keep places that were given, and count them on their locked slots."""
    await take_places(tx, {slot_id: Taken(slot_id, n, 0) for slot_id, n in Counter(h.slot_id for h in holds).items()})
    await tx.execute(
        f"INSERT INTO slot_hold ({_HOLD.names}) SELECT * FROM {_HOLD.unnest()}", *_HOLD.arrays(sorted(holds))
    )


async def settle(tx: Tx, settled: Sequence[Settled]) -> None:
    """Book places or release them, each only from the state that it was in, and count that on their locked slots."""
    if not settled:
        return
    moved = await tx.fetch(
        f"""
        UPDATE slot_hold
           SET state = given.after, order_id = coalesce(given.order_id, slot_hold.order_id), released_for = given.reason
          FROM {_SETTLED.unnest()}
         WHERE slot_hold.hold_id = given.hold_id AND slot_hold.state = given.before
        RETURNING slot_hold.hold_id
        """,
        *_SETTLED.arrays(sorted(settled, key=lambda each: (each.after != "released", each.hold_id))),
    )
    if len(moved) != len(settled):
        raise OverbookedError(f"{len(settled) - len(moved)} of {len(settled)} places are not what they were")
    taken: dict[str, Taken] = {}
    for each in settled:
        known = taken.get(each.slot_id, Taken(each.slot_id, 0, 0))
        held = known.held + (each.after == "held") - (each.before == "held")
        booked = known.booked + (each.after == "booked") - (each.before == "booked")
        taken[each.slot_id] = Taken(each.slot_id, held, booked)
    await take_places(tx, taken)


async def lock_slots(tx: Tx, slot_ids: Iterable[str], reach_m: int) -> dict[str, Slot]:
    """Slots by id, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM {FROM} WHERE slot_id = ANY ($1) ORDER BY slot_id FOR NO KEY UPDATE OF slot",
        sorted(set(slot_ids)),
    )
    return {row["slot_id"]: SlotRow(*row).as_slot(reach_m) for row in rows}


async def take_places(tx: Tx, taken: Mapping[str, Taken]) -> None:
    """Change how many places of slots are taken; never more than there are."""
    rows = sorted(each for each in taken.values() if each.held or each.booked)
    moved = await tx.fetch(
        f"""
        UPDATE slot
           SET held = slot.held + given.held, booked = slot.booked + given.booked
          FROM {_TAKEN.unnest()}
         WHERE slot.slot_id = given.slot_id
           AND (given.held + given.booked <= 0
                OR slot.held + slot.booked + given.held + given.booked <= slot.capacity)
        RETURNING slot.slot_id
        """,
        *_TAKEN.arrays(rows),
    )
    if len(moved) != len(rows):
        raise OverbookedError(f"{len(rows) - len(moved)} of {len(rows)} slots have not so many places")
