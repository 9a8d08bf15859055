"""Locations: found by what their merchants call them, saved when they changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from lutong_chassis import Reads, Tx, columns
from lutong_contracts.values import Mode, Place
from lutong_inventory.locations.domain.location import MODES_OF, Kind, Location
from lutong_inventory.locations.domain.opening import Holiday, Minutes, WeekTimes
from lutong_inventory.locations.domain.places import Datum

_HOURS: Final = TypeAdapter(tuple[WeekTimes, ...] | None)
_HOLIDAYS: Final = TypeAdapter(tuple[Holiday, ...])


class LocationName(NamedTuple):
    """What a merchant calls a location."""

    merchant_id: str
    location_id: str


class LocationRow(NamedTuple):
    """A location as it is stored; hours and holidays are JSON, as their merchant wrote them."""

    location_id: str
    merchant_id: str
    code: str
    kind: Kind
    name: str
    latitude: float
    longitude: float
    datum: Datum
    open: bool
    zone: str
    opening_hours: str | None
    holidays: str
    cut_off: str | None
    daily_capacity: int | None
    radius_m: int | None
    modes: list[Mode] | None
    paused_until: datetime | None
    closed_at: datetime | None
    revision: int

    @property
    def as_location(self) -> Location:
        """The location. Rows of the release before name no modes, and have those of their kind."""
        return Location(
            key=self.location_id,
            location_id=self.code,
            merchant_id=self.merchant_id,
            kind=self.kind,
            name=self.name,
            place=Place(latitude=self.latitude, longitude=self.longitude),
            datum=self.datum,
            open=self.open,
            zone=self.zone,
            opening_hours=_HOURS.validate_json(self.opening_hours or "null"),
            holidays=_HOLIDAYS.validate_json(self.holidays),
            cut_off=self.cut_off,
            daily_capacity=self.daily_capacity,
            radius_m=self.radius_m,
            modes=MODES_OF[self.kind] if self.modes is None else tuple(self.modes),
            paused_until=self.paused_until,
            closed_at=self.closed_at,
            revision=self.revision,
        )


_LOCATION: Final = ", ".join(f"location.{name}" for name in LocationRow._fields)
_FIELDS: Final = (
    "name", "latitude", "longitude", "datum", "open", "zone", "opening_hours", "holidays", "cut_off", "daily_capacity",
    "radius_m", "modes", "paused_until", "closed_at",
)  # fmt: skip
_CHANGEABLE: Final = ", ".join(_FIELDS)
_PRESENT: Final = ", ".join(f"location.{name}" for name in _FIELDS)
_EXCLUDED: Final = ", ".join(f"excluded.{name}" for name in _FIELDS)


async def locations_named(
    tx: Reads, names: Iterable[LocationName], *, lock: bool = False
) -> dict[LocationName, Location]:
    """Locations by what their merchants call them; locked in key order when asked."""
    rows = await tx.fetch(
        f"""
        SELECT {_LOCATION}
          FROM location
         WHERE (merchant_id, code) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY location_id
        {"FOR NO KEY UPDATE" if lock else ""}
        """,
        *columns(sorted(set(names)), 2),
    )
    found = [LocationRow(*row).as_location for row in rows]
    return {LocationName(each.merchant_id, each.location_id): each for each in found}


async def titles(tx: Reads, keys: Iterable[str]) -> dict[str, str]:
    """What people call locations, by the keys that they are stored under."""
    rows = await tx.fetch("SELECT location_id, name FROM location WHERE location_id = ANY ($1)", sorted(set(keys)))
    return {row["location_id"]: row["name"] for row in rows}


async def owners(tx: Reads, location_ids: Iterable[str]) -> dict[str, list[str]]:
    """The merchants that have a location of an id."""
    rows = await tx.fetch(
        "SELECT code, array_agg(merchant_id ORDER BY merchant_id) AS merchants FROM location WHERE code = ANY ($1) GROUP BY code",
        sorted(set(location_ids)),
    )
    return {row["code"]: row["merchants"] for row in rows}


async def keys_taken(tx: Tx, keys: Iterable[str]) -> set[str]:
    """Which of these keys are in use."""
    rows = await tx.fetch("SELECT location_id FROM location WHERE location_id = ANY ($1)", sorted(set(keys)))
    return {row["location_id"] for row in rows}


async def flagships(tx: Tx, merchants: Iterable[str]) -> dict[str, str]:
    """The open flagship of each merchant, by its merchant's id for it."""
    rows = await tx.fetch(
        "SELECT merchant_id, code FROM location WHERE kind = 'flagship' AND open AND merchant_id = ANY ($1)",
        sorted(set(merchants)),
    )
    return {row["merchant_id"]: row["code"] for row in rows}


async def list_locations(tx: Tx, merchant_id: str, after: str, limit: int) -> list[Location]:
    """A merchant's locations by id, after a given one."""
    rows = await tx.fetch(
        f"SELECT {_LOCATION} FROM location WHERE merchant_id = $1 AND code > $2 ORDER BY code LIMIT $3",
        merchant_id,
        after,
        limit,
    )
    return [LocationRow(*row).as_location for row in rows]


async def count_locations(tx: Tx) -> int:
    """How many locations there are."""
    found: int = await tx.fetchval("SELECT count(*) FROM location")
    return found


async def locations_after(tx: Tx, after: str, limit: int) -> list[Location]:
    """The next locations in order of `merchant:location`, locked so that no change overtakes what is published of them."""
    rows = await tx.fetch(
        f"""
        SELECT {_LOCATION}
          FROM location
         WHERE merchant_id || ':' || code > $1
         ORDER BY merchant_id || ':' || code
         LIMIT $2
           FOR SHARE
        """,
        after,
        limit,
    )
    return [LocationRow(*row).as_location for row in rows]


async def lock_locations(tx: Tx, keys: Iterable[str]) -> list[Location]:
    """Locations by key, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_LOCATION} FROM location WHERE location_id = ANY ($1) ORDER BY location_id FOR NO KEY UPDATE",
        sorted(set(keys)),
    )
    return [LocationRow(*row).as_location for row in rows]


async def lower(tx: Tx, keys: Sequence[str], until: datetime) -> None:
    """Have others asked before these locked stores until a moment. A flagship stays: there is no other."""
    await tx.execute(
        "UPDATE location SET lowered_until = $2 WHERE location_id = ANY ($1) AND kind = 'store'", list(keys), until
    )


async def save_locations(tx: Tx, locations: Sequence[Location]) -> list[Location]:
    """Create or change locations; gives those that changed, with their new revision."""
    rows = await tx.fetch(
        f"""
        INSERT INTO location (location_id, merchant_id, kind, name, latitude, longitude, datum, open, zone, opening_hours,
                              holidays, cut_off, daily_capacity, radius_m, modes, paused_until, closed_at, takes_orders)
        SELECT location_id, merchant_id, kind, name, latitude, longitude, datum, open, zone, opening_hours,
               holidays, cut_off, daily_capacity, radius_m, string_to_array(modes, ' '), paused_until, closed_at,
               takes_orders::int4multirange
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float[], $6::float[], $7::text[],
                      $8::boolean[], $9::text[], $10::text[], $11::text[], $12::text[], $13::integer[], $14::integer[],
                      $15::text[], $16::timestamptz[], $17::timestamptz[], $18::text[])
               AS given(location_id, merchant_id, kind, name, latitude, longitude, datum, open, zone, opening_hours,
                        holidays, cut_off, daily_capacity, radius_m, modes, paused_until, closed_at, takes_orders)
            ON CONFLICT (location_id) DO UPDATE
           SET ({_CHANGEABLE}, takes_orders, revision) = ({_EXCLUDED}, excluded.takes_orders, location.revision + 1)
         WHERE ({_PRESENT}) IS DISTINCT FROM ({_EXCLUDED})
        RETURNING {_LOCATION}
        """,
        *columns(sorted(_values(location) for location in locations), 18),
    )
    changed = [LocationRow(*row).as_location for row in rows]
    await _save_holidays(tx, changed)
    return changed


def _values(location: Location) -> tuple[object, ...]:
    """The columns of a location, in the order of the statement above."""
    week = location.takes_orders.week
    hours = location.opening_hours
    return (
        location.key, location.merchant_id, location.kind, location.name,
        location.place.latitude, location.place.longitude, location.datum, location.open, location.zone,
        None if hours is None else _HOURS.dump_json(hours).decode(), _HOLIDAYS.dump_json(location.holidays).decode(),
        location.cut_off, location.daily_capacity, location.radius_m, " ".join(location.modes),
        location.paused_until, location.closed_at, None if week is None else multirange(week),
    )  # fmt: skip


def multirange(spans: Iterable[Minutes]) -> str:
    """Minutes as PostgreSQL writes them: `{[540,1320)}`."""
    return "{" + ",".join(f"[{start},{end})" for start, end in spans) + "}"


async def _save_holidays(tx: Tx, locations: Sequence[Location]) -> None:
    """Keep when orders are taken on holidays, and on no other days than those."""
    days = [
        (location.key, day, multirange(spans))
        for location in locations
        for day, spans in location.takes_orders.holidays.items()
    ]
    await tx.execute("DELETE FROM location_holiday WHERE location_id = ANY ($1)", [each.key for each in locations])
    await tx.execute(
        """
        INSERT INTO location_holiday (location_id, day, takes_orders)
        SELECT location_id, day, takes_orders::int4multirange
          FROM unnest($1::text[], $2::date[], $3::text[]) AS given(location_id, day, takes_orders)
        """,
        *columns(sorted(days), 3),
    )
