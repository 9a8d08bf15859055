"""Where a walk down a ranked list stands: the order that its reader was shown, signed. Pure.

The word holds the numbers of the posts that are still to come in the order of the ranking, those of the originals that were shown and may come
again, and where the next older ones begin. So what is ranked anew meanwhile changes nothing for this walk: it neither skips nor repeats.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, get_args

from lutong_feed.domain import Cursor, Refusal
from lutong_feed.paging.domain import BAD, LIFETIME, STALE, Walk
from lutong_feed.placements.domain import Fallback

_VERSION: Final = 4
_BEFORE: Final = 3
"""Of the release before: without what was shown."""
_PLACE: Final = struct.Struct(">BHBqqqqQ")
"""Version, rules, fallback, signed at, as of (microseconds), next published at, next number (0: no next), lowest number that follows."""
_FALLBACKS: Final[tuple[Fallback | None, ...]] = (None, *get_args(Fallback))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CONTINUES: Final = 0x80


class Snapshot(NamedTuple):
    """A walk as it stands: by which rules and as of when it was ranked, the numbers of posts that come, and where older ones begin.

    `fallback` is why those that come are the newest first, if they are. `shown` are the numbers of originals that are not shown again.
    """

    rules: int
    fallback: Fallback | None
    as_of: datetime
    rest: tuple[int, ...]
    older: Cursor | None
    shown: tuple[int, ...] = ()


def word(walk: Walk, snapshot: Snapshot) -> str:
    """A snapshot as one word, about three characters for each post that comes or was shown; good for this reader and this list."""
    base, older = min((*snapshot.rest, *snapshot.shown), default=0), snapshot.older
    head = _PLACE.pack(
        _VERSION, snapshot.rules, _FALLBACKS.index(snapshot.fallback), _us(walk.now), _us(snapshot.as_of),
        _us(older.published_at) if older else 0, older.number if older else 0, base,
    )  # fmt: skip
    numbers = (number - base for number in (*snapshot.rest, *snapshot.shown))
    return walk.signed(head + bytes(_varints((len(snapshot.rest), *numbers))))


def place(walk: Walk, given: str) -> Snapshot | Refusal:
    """The snapshot that a word holds, if this list gave it to this reader, not too long ago."""
    body = walk.believed(given)
    if body is None or len(body) < _PLACE.size or body[0] not in {_BEFORE, _VERSION}:
        return BAD
    version, rules, fallback, signed_us, as_of_us, published_us, number, base = _PLACE.unpack(body[: _PLACE.size])
    if _us(walk.now) - signed_us > LIFETIME // _MICROSECOND:
        return STALE
    older = Cursor(_moment(published_us), number) if number else None
    steps = tuple(_numbers(body[_PLACE.size :]))
    count, *steps_of = steps if version == _VERSION else (len(steps), *steps)
    numbers = tuple(base + step for step in steps_of)
    return Snapshot(rules, _FALLBACKS[fallback], _moment(as_of_us), numbers[:count], older, numbers[count:])


def _varints(numbers: Iterable[int]) -> Iterator[int]:
    """Seven bits to a byte, the lowest first; with the eighth set while more follow."""
    for number in numbers:
        left = number
        while left >= _CONTINUES:
            yield left % _CONTINUES | _CONTINUES
            left //= _CONTINUES
        yield left


def _numbers(body: bytes) -> Iterator[int]:
    number, factor = 0, 1
    for byte in body:
        number += byte % _CONTINUES * factor
        factor *= _CONTINUES
        if byte < _CONTINUES:
            yield number
            number, factor = 0, 1


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(us: int) -> datetime:
    return _EPOCH + us * _MICROSECOND
