"""What days, months and cohorts are, and how programs are ranked. Pure: no clock, no database, no ids made here.

All days are those of Asia/Shanghai. *Active* is who opened a program; a card that was seen is no use. D7 is the share of those new on a
day who were active on the seventh day after it; `returned` of those who were at least once from then on.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

By = Literal["hottest", "growth"]
Own = Literal["recent", "frequent", "for_you"]

ZONE: Final = ZoneInfo("Asia/Shanghai")
ZONE_NAME: Final = "Asia/Shanghai"
LATE_DAYS: Final = 7
"""A day is restated for so long; what comes later is shown beside it."""
RETAINED_DAYS: Final = 7
_SMALL: Final = 20
"""Fewer users than this before have no growth that means anything."""


class Span(NamedTuple):
    """Days from one until before another one."""

    since: date
    until: date


class Counted(NamedTuple):
    """Users and openings of a program, or of a category, in some days, and users in as many before."""

    name: str
    title: str
    category: str | None
    users: int
    opened: int
    users_before: int


class Cohort(NamedTuple):
    """Those new on a day, and how many of them came back."""

    day: date
    users: int
    d7: int
    returned: int


def day_of(moment: datetime) -> date:
    """The day of a moment."""
    return moment.astimezone(ZONE).date()


def month_of(day: date) -> Span:
    """The calendar month of a day."""
    first = day.replace(day=1)
    return Span(first, (first + timedelta(days=32)).replace(day=1))


def trailing(day: date, days: int) -> Span:
    """So many days, of which a day is the last."""
    return Span(day - timedelta(days=days - 1), day + timedelta(days=1))


def before(span: Span) -> Span:
    """As many days before."""
    return Span(span.since - (span.until - span.since), span.since)


def growth(counted: Counted) -> float | None:
    """By which factor users grew; None when there were too few before."""
    return round(counted.users / counted.users_before, 3) if counted.users_before >= _SMALL else None


def ranked(found: Sequence[Counted], by: By) -> list[Counted]:
    """The first first. Of as many users that with more openings, then by name: a ranking never changes by itself."""
    if by == "hottest":
        return sorted(found, key=lambda each: (-each.users, -each.opened, each.name))
    return sorted(
        (each for each in found if growth(each)), key=lambda each: (-(growth(each) or 0), -each.users, each.name)
    )


def share(cohort: Cohort) -> float | None:
    """D7: the share of those new on a day who were active on the seventh day after it. Nobody new has none."""
    return round(cohort.d7 / cohort.users, 4) if cohort.users else None


def complete(days: Span, today: date) -> Span:
    """Of the days that are asked for, those whose seventh day after is over."""
    return Span(days.since, min(days.until, today - timedelta(days=RETAINED_DAYS)))


def together(cohorts: Sequence[Cohort], since: date) -> Cohort:
    """Cohorts of several days as one: nobody is in two."""
    return Cohort(
        since,
        sum(each.users for each in cohorts),
        sum(each.d7 for each in cohorts),
        sum(each.returned for each in cohorts),
    )
