"""Days and months as a plan means them: in its own time zone, half-open, and right at the end of a month. Pure."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS_OF_SHORT_MONTH = 30


@dataclass(frozen=True, slots=True)
class Window:
    """The part of each day in which a member may be charged: [opens, closes) in the plan's zone."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Calendar:
    """A zone's calendar. Where a day is shortened (tests, chaos), months have thirty days and windows never close."""

    zone: str
    day: timedelta | None = None

    def shown(self, moment: datetime) -> str:
        """A moment as people here write it: `2026-11-29 00:00 (Asia/Shanghai)`."""
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M} ({self.zone})"

    def plus_days(self, moment: datetime, days: int) -> datetime:
        """The same time of day so many days later, also when clocks change in between."""
        if self.day:
            return moment + days * self.day
        local = moment.astimezone(ZoneInfo(self.zone))
        return _utc(datetime.combine(local.date() + timedelta(days=days), local.time(), ZoneInfo(self.zone)))

    def plus_months(self, moment: datetime, months: int) -> datetime:
        """The same day so many months later, or the last day of a month that is too short: 31 January + 1 is 28 February."""
        if self.day:
            return moment + months * _DAYS_OF_SHORT_MONTH * self.day
        local = moment.astimezone(ZoneInfo(self.zone))
        day = _in_month(local.date(), months, local.day)
        return _utc(datetime.combine(day, local.time(), ZoneInfo(self.zone)))

    def midnight(self, day: date) -> datetime:
        """When a day begins; the first day of all, with the calendar of UTC."""
        if day == date.min:
            return datetime.min.replace(tzinfo=UTC)
        return _utc(datetime.combine(day, time(), ZoneInfo(self.zone)))

    def tomorrow(self, moment: datetime) -> datetime:
        """When the next day begins."""
        if self.day:
            return moment + self.day
        return self.midnight(moment.astimezone(ZoneInfo(self.zone)).date() + timedelta(days=1))

    def next_day_of_month(self, moment: datetime, day: int, *, months_on: int = 0) -> datetime:
        """When the next such day of a month begins, and so many months further on; the 31st is the last of short months."""
        if self.day:
            return self.plus_months(moment, 1 + months_on)
        today = moment.astimezone(ZoneInfo(self.zone)).date()
        this_month = self.midnight(_in_month(today, 0, day))
        return self.midnight(_in_month(today, months_on + (this_month <= moment), day))

    def open_from(self, moment: datetime, window: Window) -> datetime:
        """The moment itself when the window is open then, or when it opens next."""
        if self.day:
            return moment
        local = moment.astimezone(ZoneInfo(self.zone))
        if window.opens <= local.time() < window.closes:
            return moment
        late = timedelta(days=local.time() >= window.closes)
        return _utc(datetime.combine(local.date() + late, window.opens, ZoneInfo(self.zone)))


def _in_month(day: date, months: int, wanted: int) -> date:
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    return date(year, month + 1, min(wanted, monthrange(year, month + 1)[1]))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
