"""A location: how it opens, changes, pauses and closes for good. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationOpened, LocationPaused
from lutong_contracts.values import Mode, Place
from lutong_inventory.locations.domain.opening import Holiday, TakesOrders, WeekTimes, takes_orders
from lutong_inventory.locations.domain.places import Datum, to_wgs84
from lutong_inventory.refusal import Refusal

Kind = Literal["store", "flagship", "distribution_centre"]
"""A distribution centre fills the shelves of the others, and serves no order itself."""

State = Literal["open", "paused", "closed"]
"""Closed is for good."""

MODES_OF: Final[Mapping[Kind, tuple[Mode, ...]]] = {
    "store": ("delivery", "pickup"),
    "flagship": ("delivery",),
    "distribution_centre": (),
}
"""How goods leave a location of a kind, when its merchant sets nothing."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place that goods come from.

    `key` is under what it is stored, `location_id` what its merchant calls it. `radius_m` is how far it delivers (None:
    as far as stores usually do; a flagship everywhere), `daily_capacity` how many orders it takes on one of its days.
    """

    key: str
    location_id: str
    merchant_id: str
    kind: Kind
    name: str
    place: Place
    datum: Datum = "WGS-84"
    open: bool = True
    zone: str = "Asia/Shanghai"
    opening_hours: tuple[WeekTimes, ...] | None = None
    holidays: tuple[Holiday, ...] = ()
    cut_off: str | None = None
    daily_capacity: int | None = None
    radius_m: int | None = None
    modes: tuple[Mode, ...] = ()
    paused_until: datetime | None = None
    closed_at: datetime | None = None
    revision: int = 1

    def state(self, now: datetime) -> State:
        """Whether it takes orders, does not for a while, or never will again."""
        if self.closed_at is not None:
            return "closed"
        return "open" if self.open and (self.paused_until is None or self.paused_until <= now) else "paused"

    @property
    def takes_orders(self) -> TakesOrders:
        """When, on its own clock, it takes orders."""
        return takes_orders(self.opening_hours, self.holidays, self.cut_off)

    def takes_orders_at(self, now: datetime) -> bool:
        """Whether it takes an order now: not paused, within its hours, before its cut-off."""
        return self.state(now) == "open" and self.takes_orders.at(now.astimezone(ZoneInfo(self.zone)))


def location_key(merchant_id: str, location_id: str, taken: Iterable[str]) -> str:
    """Under what a new location is stored: its id, or with its merchant when another merchant has that id.

    Ids are their merchant's own. No id contains a colon, so no key can be another's id.
    """
    return f"{merchant_id}:{location_id}" if location_id in taken else location_id


def location_id_of(key: str) -> str:
    """What its merchant calls the location that is stored under a key.

    >>> location_id_of("001"), location_id_of("watsons:001")
    ('001', '001')
    """
    return key.rpartition(":")[2]


def put(known: Location | None, new: Location, given: Mapping[str, Any]) -> Location | Refusal:
    """A location as its merchant wants it. `given` are the fields that were mentioned: all others stay as they were.

    Coordinates are of the datum that was given last. A location keeps its kind, and one that closed for good stays closed.
    """
    if known is not None and known.closed_at is not None:
        return _closed(known)
    if known is not None and known.kind != new.kind:
        return Refusal(
            "kind_fixed", f"location {known.location_id!r} is a {known.kind}: another kind is another location"
        )
    wanted = replace(known, **given) if known else replace(new, **({"modes": MODES_OF[new.kind]} | dict(given)))
    if wanted.kind == "distribution_centre" and wanted.modes:
        return Refusal("serves_no_orders", "a distribution centre serves no orders itself: leave its modes out")
    return replace(wanted, place=to_wgs84(new.place.latitude, new.place.longitude, wanted.datum))


def _closed(location: Location) -> Refusal:
    return Refusal("closed_for_good", f"location {location.location_id!r} is closed for good: open another one")


def rescheduled(location: Location, given: Mapping[str, Any]) -> Location | Refusal:
    """A location with other hours; what is not `given` stays as it was, also where it is."""
    if location.closed_at is not None:
        return _closed(location)
    return replace(location, **given)


def pause(location: Location, until: datetime | None) -> Location | Refusal:
    """Take no orders for a while, or until it is resumed."""
    if location.closed_at is not None:
        return Refusal("closed_for_good", f"location {location.location_id!r} is closed for good")
    return replace(location, open=location.open and until is not None, paused_until=until)


def resume(location: Location) -> Location | Refusal:
    """Take orders again."""
    if location.closed_at is not None:
        return _closed(location)
    return replace(location, open=True, paused_until=None)


def eased(location: Location, reason: str, now: datetime, pause_for: timedelta) -> Location:
    """A location after it declined an order: paused for a while in rush hour, until its midnight when it is closed.

    A pause that is longer already stays so; other reasons do not affect the next order.
    """
    if reason not in {"rush_hour", "closed"} or location.state(now) == "closed" or not location.open:
        return location
    zone = ZoneInfo(location.zone)
    midnight = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)
    until = now + pause_for if reason == "rush_hour" else midnight
    return replace(location, paused_until=max(until, location.paused_until or until))


def close(location: Location, now: datetime) -> Location:
    """Never take orders again. What was ordered before still leaves it."""
    return location if location.closed_at else replace(location, open=False, closed_at=now)


LocationEvent = LocationOpened | LocationChanged | LocationPaused | LocationClosed


def location_event(location: Location, now: datetime) -> LocationEvent:
    """What others may know of a location, as it is now."""
    state = location.state(now)
    event: type[LocationEvent] = LocationOpened if location.revision == 1 else LocationChanged
    if state == "paused":
        event = LocationPaused
    if state == "closed":
        event = LocationClosed
    return event(
        revision=location.revision,
        location_id=location.location_id,
        merchant_id=location.merchant_id,
        kind=location.kind,
        place=location.place,
        zone=location.zone,
        state=state,
        modes=location.modes,
        radius_m=location.radius_m,
        paused_until=location.paused_until if state == "paused" else None,
    )
