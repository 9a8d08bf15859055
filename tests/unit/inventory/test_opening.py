"""When a location takes orders: rules without a database."""

from datetime import date, datetime
from typing import Final

import pytest
from pydantic import ValidationError

from lutong_inventory.locations.domain.opening import Holiday, Minutes, Times, WeekTimes, takes_orders

ALL_WEEK: Final = (1, 2, 3, 4, 5, 6, 7)
MONDAY, SATURDAY, SUNDAY = 5, 10, 11
"""Days of January 2026."""


def at(day: int, clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-{day:02}T{clock}")


def open_from(opens: str, closes: str, days: tuple[int, ...] = ALL_WEEK) -> WeekTimes:
    return WeekTimes(opens=opens, closes=closes, days=days)


@pytest.mark.parametrize(
    ("day", "clock", "taken"),
    [
        (MONDAY, "08:59", False),
        (MONDAY, "09:00", True),
        (MONDAY, "21:59", True),
        (MONDAY, "22:00", False),
        (SATURDAY, "10:00", False),
    ],
)
def test_orders_are_taken_within_the_hours_of_a_day(day: int, clock: str, taken: bool) -> None:
    weekdays = takes_orders([open_from("09:00", "22:00", (1, 2, 3, 4, 5))], (), None)
    assert weekdays.at(at(day, clock)) is taken


def test_a_bar_that_closes_past_midnight_takes_orders_on_monday_morning() -> None:
    bar = takes_orders([open_from("18:00", "02:00", (7,))], (), None)
    assert bar.week == (Minutes(0, 120), Minutes(6 * 1440 + 1080, 7 * 1440))
    assert (bar.at(at(SUNDAY, "23:30")), bar.at(at(MONDAY, "01:59")), bar.at(at(MONDAY, "02:00"))) == (
        True,
        True,
        False,
    )


def test_without_hours_orders_are_taken_day_and_night() -> None:
    assert takes_orders(None, (), None).week is None
    assert takes_orders(None, (), None).at(at(SUNDAY, "03:00"))


def test_after_the_cut_off_no_order_is_taken_on_that_day() -> None:
    cut = takes_orders([open_from("09:00", "22:00")], (), "20:00")
    assert (cut.at(at(MONDAY, "19:59")), cut.at(at(MONDAY, "20:00"))) == (True, False)
    round_the_clock = takes_orders(None, (), "18:00")
    assert (round_the_clock.at(at(MONDAY, "17:59")), round_the_clock.at(at(MONDAY, "18:00"))) == (True, False)


def test_on_a_holiday_its_own_times_hold() -> None:
    new_year = Holiday(day=date(2026, 1, MONDAY), times=(Times(opens="12:00", closes="15:00"),))
    closed = Holiday(day=date(2026, 1, SATURDAY))
    hours = takes_orders([open_from("09:00", "22:00")], (new_year, closed), "14:00")
    assert [hours.at(at(MONDAY, clock)) for clock in ("09:00", "12:00", "14:00")] == [False, True, False]
    assert not hours.at(at(SATURDAY, "12:00"))
    assert hours.at(at(SUNDAY, "09:00"))


def test_the_times_of_a_holiday_end_on_its_day() -> None:
    with pytest.raises(ValidationError, match="past midnight"):
        Holiday(day=date(2026, 1, 1), times=(Times(opens="20:00", closes="02:00"),))
