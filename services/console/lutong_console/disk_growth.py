"""How fast disks fill, from what `lutong doctor` saw of them each time it ran here. Pure, but for its notes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from lutong_console import notes
from lutong_console.findings import Finding

_NOTES: Final = ".disks.json"
_KEPT_FOR: Final = timedelta(days=7)
_APART: Final = timedelta(hours=1)
"""Of looks that are closer together only the first is kept: a week has at most 168."""
_SPAN_MIN: Final = timedelta(days=1)
"""What a build or an import takes in an hour is no growth."""
_SAME_DISK: Final = 0.02
"""By how much the size of a disk may differ from one look to the next: what is reserved changes a little."""
_FULL_WITHIN: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)


class Look(NamedTuple):
    """How much of a disk, or of a database, was used at a moment, in UTC; `free_mb` is 0 for a database."""

    at: datetime
    used_mb: int
    free_mb: int = 0


Seen = Mapping[str, Sequence[Look]]
"""Looks by the name of a piece, or of a database; the oldest first."""


def seen(place: Path, project: str) -> dict[str, list[Look]]:
    """What was noted of a project in its folder; nothing where nobody noted anything, or nobody can read it."""
    try:
        return {
            name: [Look(datetime.fromisoformat(at), used, free) for at, used, free in looks]
            for name, looks in notes.read(place / _NOTES).get(project, {}).items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def note(place: Path, project: str, looks: Seen) -> None:
    """Remember the looks of a project; a folder that cannot be written to remembers nothing."""
    own = {name: [(look.at.isoformat(), look.used_mb, look.free_mb) for look in each] for name, each in looks.items()}
    with suppress(OSError):
        notes.add(place / _NOTES, {project: own})


def having(before: Seen, now: Mapping[str, Look]) -> dict[str, list[Look]]:
    """All looks with those of now: an hour apart, a week of them. The look of now is always the last.

    >>> look = Look(datetime(2026, 11, 30, tzinfo=UTC), 500)
    >>> having({}, {"feed": look}) == {"feed": [look]}
    True
    """
    return {name: [*_spaced(before.get(name, ()), look), look] for name, look in now.items()}


def _spaced(looks: Sequence[Look], last: Look) -> list[Look]:
    """Those of the last week and of the same disk, without one that came less than an hour after the one before it."""
    kept: list[Look] = []
    for look in looks:
        if not kept or look.at - kept[-1].at >= _APART:
            kept.append(look)
    return [look for look in kept if last.at - look.at <= _KEPT_FOR and _is_same_disk(look, last)]


def _is_same_disk(look: Look, other: Look) -> bool:
    """Whether both are of a disk of one size; databases have none."""
    size_mb, other_mb = (each.used_mb + each.free_mb for each in (look, other))
    return not other.free_mb or abs(size_mb - other_mb) <= _SAME_DISK * other_mb


def per_day_mb(looks: Sequence[Look]) -> float:
    """How much more is used each day, from the first look to the last; 0 for a shrinking one, and for less than a day."""
    first, last = looks[0], looks[-1]
    if (span := last.at - first.at) < _SPAN_MIN:
        return 0.0
    return max(0.0, (last.used_mb - first.used_mb) / (span / _DAY))


def judge(pieces: Sequence[str], looks: Seen) -> Iterator[Finding]:
    """Disks of these pieces that are full within a week, if they go on as they did."""
    for piece in pieces:
        if not (here := looks.get(piece)) or not (daily_mb := per_day_mb(here)):
            continue
        left = _DAY * (here[-1].free_mb / daily_mb)
        if left < _FULL_WITHIN:
            full_at = here[-1].at + left
            what = f"{piece}: its disk grows by {daily_mb:,.0f} MB a day, and is full on {full_at:%Y-%m-%d at %H:%M}Z"
            yield Finding(
                what + _fastest(looks, pieces),
                "make it larger, or make room: docker system df -v shows what takes it (docs/runbooks/disk-fills-up.md)",
            )


def _fastest(looks: Seen, disks: Sequence[str]) -> str:
    """The database that grows most, of those that were looked at."""
    grown = {name: per_day_mb(each) for name, each in looks.items() if name not in disks and each}
    name = max(grown, key=grown.__getitem__, default="")
    return f"; of databases {name} grows most: {grown[name]:,.0f} MB a day" if name and grown[name] else ""
