"""A slot of delivery: a window on the clock of its location, with so many places. Pure: no clock, no database.

Days and minutes are kept as the clock of the location shows them; which moment that is, its zone decides, daylight
saving included. A place is held before credit is asked for, and booked with the order; cut-off and expiry are judged
again then, for both may have passed meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from lutong_contracts.values import Place, Window
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.refusal import Refusal
from lutong_inventory.sourcing.domain.geometry import distance_m

HoldState = Literal["held", "booked", "released"]

CLOCK: Final = "%Y-%m-%d %H:%M"


class OverbookedError(RuntimeError):
    """More places were given than a slot has, or one twice: a bug, caught before anybody waits for nothing."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a slot is served from, and how far: within `corners` when it has an area, within `reach_m` otherwise
    (None: everywhere)."""

    location_key: str
    merchant_id: str
    zone: str
    place: Place
    reach_m: int | None = None
    corners: tuple[Place, ...] | None = None

    def serves(self, destination: Place) -> bool:
        """Whether a place is within the area, or within reach."""
        if self.corners is not None:
            return covers(self.corners, destination)
        return self.reach_m is None or distance_m(self.place, destination) <= self.reach_m


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot. `starts`, `ends` and `cut_off` are minutes from midnight of its day; the cut-off may be on a day before."""

    slot_id: str
    ground: Ground
    area: str | None
    day: date
    starts: int
    ends: int
    cut_off: int
    capacity: int
    held: int = 0
    booked: int = 0
    withdrawn_for: str | None = None

    @property
    def window(self) -> Window:
        """From when until when it is, in UTC."""
        return Window(starts_at=self.moment(self.starts), ends_at=self.moment(self.ends))

    @property
    def cut_off_at(self) -> datetime:
        """From when on it takes no more orders, in UTC."""
        return self.moment(self.cut_off)

    @property
    def left(self) -> int:
        """How many more places it has."""
        return self.capacity - self.held - self.booked

    @property
    def location_id(self) -> str:
        """What its merchant calls the location."""
        return location_id_of(self.ground.location_key)

    def moment(self, minute: int) -> datetime:
        """The moment of a minute of its day; of two that the clock shows alike in autumn, the first."""
        return _wall(self.day, minute).replace(tzinfo=ZoneInfo(self.ground.zone)).astimezone(UTC)


class SlotHold(NamedTuple):
    """A place in a slot."""

    hold_id: str
    slot_id: str
    member_id: str
    state: HoldState
    expires_at: datetime
    order_id: str | None = None
    released_for: str | None = None


class Booking(NamedTuple):
    """An order that comes with a hold."""

    order_id: str
    member_id: str
    merchant_id: str
    mode: str
    destination: Place


def put(known: Slot | None, wanted: Slot, now: datetime) -> Slot | Refusal:
    """A slot as its merchant wants it. Places that are taken stay so; a slot that was withdrawn is offered again."""
    for minute in (wanted.starts, wanted.ends, wanted.cut_off):
        if not _exists(wanted, minute):
            shown = _wall(wanted.day, minute).strftime(CLOCK)
            detail = f"the clock of {wanted.ground.zone} does not show {shown}: it is put forward there"
            return Refusal("no_such_time", detail)
    if wanted.window.starts_at <= now:
        return Refusal("slot_past", f"a slot from {_shown(wanted, wanted.starts)} is over: slots are for times to come")
    if known is None:
        return wanted
    taken = known.held + known.booked
    if wanted.capacity < taken or (taken and wanted.ends != known.ends):
        detail = f"{taken} places of the slot are taken: it has as many at least, and ends when it did; or withdraw it"
        return Refusal("places_taken", detail)
    return replace(wanted, slot_id=known.slot_id, held=known.held, booked=known.booked)


def why_not(slot: Slot, destination: Place, now: datetime) -> Refusal | None:
    """Why a slot takes no order for a place now, whether or not it has places left."""
    if slot.withdrawn_for is not None:
        return Refusal("slot_withdrawn", "the location does not deliver in this slot after all: choose another one")
    if slot.window.starts_at <= now:
        return Refusal("slot_past", f"this slot began at {_shown(slot, slot.starts)}: choose a later one")
    if slot.cut_off_at <= now:
        return Refusal("slot_cut_off", f"this slot took orders until {_shown(slot, slot.cut_off)}: choose a later one")
    if not slot.ground.serves(destination):
        return Refusal("out_of_area", "this slot is not for that place: GET /v1/slots lists those that are")
    return None


def hold(slot: Slot, destination: Place, held: int, held_max: int, now: datetime) -> Refusal | None:
    """Why a member who holds so many places already gets none in a slot; None when they do."""
    refusal = why_not(slot, destination, now)
    if refusal is not None:
        return refusal
    if slot.left <= 0:
        return Refusal("slot_full", f"all {slot.capacity} places of this slot are taken: choose another one")
    if held >= held_max:
        return Refusal("too_many_holds", f"you hold {held} places already: order with one of them, or release it")
    return None


def too_early(slot: Slot, now: datetime, days_ahead: int) -> Refusal | None:
    """Why a slot is too far off to be held: credit is not held that long."""
    if slot.window.ends_at <= now + timedelta(days=days_ahead):
        return None
    return Refusal("slot_too_early", f"places are held from {days_ahead} days before on: choose an earlier slot")


def expires_at(slot: Slot, now: datetime, life: timedelta) -> datetime:
    """How long a place is held: for its time, and never past the cut-off."""
    return min(now + life, slot.cut_off_at)


def assign(found: SlotHold | None, slot: Slot | None, order: Booking, now: datetime) -> Refusal | None:
    """Why an order does not get the place that was held for it; None when it does.

    A hold that has expired is over, also before its deadline was handled.
    """
    if found is None or slot is None or found.member_id != order.member_id:
        return Refusal("slot_unknown", "no place in a slot is held under this id: hold one first")
    if slot.ground.merchant_id != order.merchant_id or order.mode != "delivery":
        return Refusal("slot_unknown", "the slot is for deliveries of another merchant")
    if found.state != "held":
        return Refusal("slot_taken", f"the place was {found.state} before: hold another one")
    if found.expires_at <= now:
        return Refusal("slot_expired", "the place was held too long ago: hold another one")
    return why_not(slot, order.destination, now)


def is_within(slot: Slot, starts_at: datetime, ends_at: datetime | None) -> bool:
    """Whether a part of a slot is between two moments."""
    window = slot.window
    return window.ends_at > starts_at and (ends_at is None or window.starts_at < ends_at)


def _wall(day: date, minute: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minute)


def _exists(slot: Slot, minute: int) -> bool:
    """Whether the clock ever shows a minute: not where it is put forward."""
    zone = ZoneInfo(slot.ground.zone)
    return slot.moment(minute).astimezone(zone).replace(tzinfo=None) == _wall(slot.day, minute)


def _shown(slot: Slot, minute: int) -> str:
    """A minute as the clock of the location shows it."""
    return f"{_wall(slot.day, minute).strftime(CLOCK)} ({slot.ground.zone})"


def area(corners: Sequence[Place]) -> tuple[Place, ...] | Refusal:
    """The corners of an area, as they are kept: without the first one again at the end.

    >>> square = [Place(latitude=y, longitude=x) for y, x in ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))]
    >>> len(area(square))
    4
    """
    found = tuple(corners)
    if len(found) > 1 and found[0] == found[-1]:
        found = found[:-1]
    if len(set(found)) < 3:
        return Refusal("bad_area", "an area has at least three corners")
    east, west = max(each.longitude for each in found), min(each.longitude for each in found)
    if east - west > 180:
        return Refusal("bad_area", "an area does not go around the back of the earth: cut it at 180 degrees")
    if _doubled_surface(found) == 0:
        return Refusal("bad_area", "the corners are on one line: an area has a surface")
    return found


def covers(corners: Sequence[Place], place: Place) -> bool:
    """Whether a place is in an area: a line from it to the east crosses its border an odd number of times."""
    inside = False
    for one, other in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (one.latitude > place.latitude) != (other.latitude > place.latitude):
            part = (place.latitude - one.latitude) / (other.latitude - one.latitude)
            if place.longitude < one.longitude + part * (other.longitude - one.longitude):
                inside = not inside
    return inside


def _doubled_surface(corners: Sequence[Place]) -> float:
    pairs = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum(one.longitude * other.latitude - other.longitude * one.latitude for one, other in pairs))
