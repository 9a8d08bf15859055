"""How a location opens, changes, pauses and closes: rules without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lutong_contracts.values import Place
from lutong_inventory.locations.domain.location import (
    MODES_OF,
    Kind,
    Location,
    close,
    location_event,
    location_id_of,
    location_key,
    pause,
    put,
    resume,
)
from lutong_inventory.locations.domain.opening import WeekTimes
from lutong_inventory.refusal import Refusal

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HERE = Place(latitude=31.23, longitude=121.47)


def a_location(kind: Kind = "store", **given: Any) -> Location:
    location = Location("near", "near", "shop", kind, "Near", HERE, modes=MODES_OF[kind])
    return replace(location, **given)


def refused(decided: Location | Refusal) -> str:
    return decided.kind if isinstance(decided, Refusal) else "not refused"


def test_what_is_not_mentioned_stays_as_it_was() -> None:
    known = a_location(radius_m=3_000, daily_capacity=50, open=False)
    again = put(known, a_location(), {"name": "Nearer"})
    assert again == replace(known, name="Nearer")


def test_a_new_location_serves_as_its_kind_does() -> None:
    new = Location("f", "f", "shop", "flagship", "F", HERE)
    opened = put(None, new, {})
    assert isinstance(opened, Location)
    assert opened.modes == ("delivery",)


def test_coordinates_are_of_the_datum_that_was_given_last() -> None:
    known = put(None, a_location(), {"datum": "GCJ-02"})
    assert isinstance(known, Location)
    assert known.place != HERE
    assert put(known, a_location(), {}) == known


@pytest.mark.parametrize(
    ("known", "new", "given", "why"),
    [
        (a_location(), a_location("flagship"), {}, "kind_fixed"),
        (a_location(closed_at=NOW), a_location(), {}, "closed_for_good"),
        (None, a_location("distribution_centre"), {"modes": ("delivery",)}, "serves_no_orders"),
    ],
)
def test_what_a_location_cannot_become_is_refused(
    known: Location | None, new: Location, given: dict[str, Any], why: str
) -> None:
    assert refused(put(known, new, given)) == why


def test_a_pause_ends_by_itself_or_when_it_is_resumed() -> None:
    an_hour = pause(a_location(), NOW + timedelta(hours=1))
    assert isinstance(an_hour, Location)
    assert (an_hour.state(NOW), an_hour.state(NOW + timedelta(hours=1))) == ("paused", "open")
    for_now = pause(a_location(), None)
    assert isinstance(for_now, Location)
    assert for_now.state(NOW + timedelta(days=365)) == "paused"
    again = resume(for_now)
    assert isinstance(again, Location)
    assert again.state(NOW) == "open"


def test_what_closed_for_good_stays_closed() -> None:
    closed = close(a_location(), NOW)
    assert (closed.state(NOW), close(closed, NOW + timedelta(days=1))) == ("closed", closed)
    assert (refused(pause(closed, None)), refused(resume(closed))) == ("closed_for_good", "closed_for_good")


def test_hours_are_those_of_the_clock_on_its_wall() -> None:
    nine_to_five = a_location(
        zone="Europe/Paris", opening_hours=(WeekTimes(opens="09:00", closes="17:00", days=(1, 2, 3, 4, 5, 6, 7)),)
    )
    winter, summer = datetime(2026, 1, 5, 15, 30, tzinfo=UTC), datetime(2026, 7, 6, 15, 30, tzinfo=UTC)
    assert (nine_to_five.takes_orders_at(winter), nine_to_five.takes_orders_at(summer)) == (True, False)
    assert not close(nine_to_five, winter).takes_orders_at(winter)


@pytest.mark.parametrize(
    ("location", "name"),
    [
        (a_location(), "LocationOpened"),
        (a_location(revision=2), "LocationChanged"),
        (a_location(revision=2, open=False), "LocationPaused"),
        (a_location(revision=3, open=False, closed_at=NOW), "LocationClosed"),
    ],
)
def test_what_became_of_a_location_is_published(location: Location, name: str) -> None:
    event = location_event(location, NOW)
    assert (type(event).__name__, event.key, event.revision) == (name, "shop:near", location.revision)


def test_two_merchants_may_call_a_location_the_same() -> None:
    key = location_key("shop", "001", {"001"})
    assert key != location_key("shop", "001", ())
    assert location_id_of(key) == location_id_of(location_key("shop", "001", ())) == "001"
