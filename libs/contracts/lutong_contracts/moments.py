"""Points in time as RFC 3339 writes them: the one reader and the one writer for events, envelopes, requests and tools.

Bounds: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z, the years that `datetime` has in UTC. Every moment that is
taken can therefore be compared, stored by PostgreSQL, read back and written again, and 9999-12-31, which is how people
write "for ever", is taken. Only a rule that adds to a moment or changes its zone has to mind the ends of the calendar.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)

OUT_OF_BOUNDS: Final = "should lie between the years 1 and 9999 of UTC"

_AFTER_LATEST_MS: Final = 253_402_300_800_000
"""The first millisecond of the year 10000."""

_grammar: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
).fullmatch
"""`date-time` of RFC 3339, section 5.6; `datetime` checks whether the day is in its month."""


def moment_of(text: str) -> datetime:
    """The moment that a `date-time` of RFC 3339 names, in UTC; digits of a second after the sixth are cut off.

    The offset is required; `t` and `z` may be small. A leap second (23:59:60 of UTC, at the end of a month) is the
    second after it, as POSIX counts. Raises `ValueError` with a sentence for people: for any other notation of ISO 8601
    (weeks, ordinal days, a space, no separators), a day that does not exist, and moments that are out of bounds.

    >>> moment_of("2026-01-31T08:00:00+08:00")
    datetime.datetime(2026, 1, 31, 0, 0, tzinfo=datetime.timezone.utc)
    >>> moment_of("2016-12-31t23:59:60z")
    datetime.datetime(2017, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if not _grammar(text):
        raise ValueError("should be a time with its offset as RFC 3339 has it: 2026-01-31T08:00:00+08:00")
    if text[17:19] == "60":
        return _after_leap_second(text)
    return in_utc(datetime.fromisoformat(text.upper()))


def _after_leap_second(text: str) -> datetime:
    before = in_utc(datetime.fromisoformat(f"{text[:17]}59{text[19:]}".upper()))
    if before > LATEST - timedelta(seconds=1):
        raise ValueError(OUT_OF_BOUNDS)
    found = before + timedelta(seconds=1)
    if (found.day, found.hour, found.minute) != (1, 0, 0):
        raise ValueError("has a second 60, which UTC has only at the end of a month")
    return found


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises `ValueError` when it has no offset, or is out of bounds.

    >>> from datetime import timezone
    >>> in_utc(datetime(2026, 1, 31, 8, tzinfo=timezone(timedelta(hours=8))))
    datetime.datetime(2026, 1, 31, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError("has no offset: give one, such as Z or +08:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(OUT_OF_BOUNDS) from None


def moment_of_ms(timestamp_ms: int) -> datetime | None:
    """The moment so many milliseconds after 1970; None for a number that no clock of a broker gives: negative, or too large.

    >>> moment_of_ms(1_700_000_000_123)
    datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=datetime.timezone.utc)
    >>> moment_of_ms(-1)
    """
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC) if 0 <= timestamp_ms < _AFTER_LATEST_MS else None


def written(moment: datetime) -> str:
    """A moment as a `date-time` of RFC 3339 in UTC; raises what `in_utc` raises.

    >>> written(datetime(2026, 1, 31, 8, tzinfo=UTC))
    '2026-01-31T08:00:00Z'
    """
    return f"{in_utc(moment).isoformat()[:-6]}Z"
