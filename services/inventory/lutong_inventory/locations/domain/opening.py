"""When a location takes orders: opening hours in its own zone, holidays, and a cut-off. Pure: no clock.

Hours are kept as their merchant wrote them, and once more as minutes of the week in which orders are taken: what the
search for candidates asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lutong_contracts.values import CLOCK_PATTERN, Day

DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES

ClockTime = Annotated[str, StringConstraints(pattern=CLOCK_PATTERN)]
"""A time of day on the clock of a location, `09:00` to `24:00`."""


class Minutes(NamedTuple):
    """From a minute on until before another."""

    start: int
    end: int


class Times(BaseModel):
    """From when until when; until before it began is past midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opens: ClockTime
    closes: ClockTime

    @property
    def minutes(self) -> Minutes:
        """Minutes of the day that it opens on; past midnight they go on."""
        opens, closes = minute_of(self.opens), minute_of(self.closes)
        return Minutes(opens, closes if closes > opens else closes + DAY_MINUTES)


class WeekTimes(Times):
    """Times on some days of each week; Monday is 1."""

    days: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(min_length=1, max_length=7)


class Holiday(BaseModel):
    """A day on which other times hold, from midnight to midnight; without any the location is closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Day
    times: tuple[Times, ...] = Field(default=(), max_length=8)

    @model_validator(mode="after")
    def _ends_on_its_day(self) -> Self:
        if any(times.minutes.end > DAY_MINUTES for times in self.times):
            raise ValueError("the times of a holiday end by 24:00: what is past midnight belongs to the day after")
        return self


class TakesOrders(NamedTuple):
    """When orders are taken: minutes of the week (None: always), and of the day on holidays."""

    week: tuple[Minutes, ...] | None
    holidays: Mapping[date, tuple[Minutes, ...]]

    def at(self, local: datetime) -> bool:
        """Whether an order is taken at a moment, given as the clock of the location shows it."""
        minute = local.hour * 60 + local.minute
        if local.date() in self.holidays:
            return _covers(self.holidays[local.date()], minute)
        return self.week is None or _covers(self.week, local.weekday() * DAY_MINUTES + minute)


def minute_of(clock: str) -> int:
    """The minute of the day: `09:30` is 570."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def takes_orders(hours: Sequence[WeekTimes] | None, holidays: Iterable[Holiday], cut_off: str | None) -> TakesOrders:
    """When orders are taken: while it is open, and before the cut-off of the day.

    Without hours a location is open day and night. What is past midnight counts to the day that it opened on, and so
    does not pass the cut-off of that day.
    """
    until = minute_of(cut_off) if cut_off else None
    off = {holiday.day: _cut([times.minutes for times in holiday.times], until) for holiday in holidays}
    if hours is None and until is None:
        return TakesOrders(None, off)
    daily = hours if hours is not None else (WeekTimes(opens="00:00", closes="24:00", days=(1, 2, 3, 4, 5, 6, 7)),)
    week = [
        Minutes((day - 1) * DAY_MINUTES + start, (day - 1) * DAY_MINUTES + end)
        for times in daily
        for day in times.days
        for start, end in _cut([times.minutes], until)
    ]
    return TakesOrders(_within_a_week(week), off)


def _cut(spans: Iterable[Minutes], until: int | None) -> tuple[Minutes, ...]:
    """What of spans is before a minute."""
    cut = [Minutes(start, end if until is None else min(end, until)) for start, end in spans]
    return tuple(sorted(span for span in cut if span.start < span.end))


def _within_a_week(spans: Iterable[Minutes]) -> tuple[Minutes, ...]:
    """Spans of a week that goes around: what is past Sunday is on Monday."""
    found = []
    for start, end in spans:
        found.append(Minutes(start, min(end, WEEK_MINUTES)))
        if end > WEEK_MINUTES:
            found.append(Minutes(0, end - WEEK_MINUTES))
    return tuple(sorted(found))


def _covers(spans: Iterable[Minutes], minute: int) -> bool:
    return any(start <= minute < end for start, end in spans)
