"""How far a consumer is: what it tries again, what it has left to read, and when a restart would help. Pure.

Offsets are not records: transaction markers, compaction and retention leave gaps. So progress is a position (the
next offset to read), and lag is the end of the log minus that position, never counted from before its beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from aiokafka import TopicPartition

from lutong_chassis.envelope import Place, Record, place
from lutong_contracts.sentences import counted
from lutong_contracts.topics import RETENTION

REBALANCE_MAX_S: Final = 600.0
"""How long a group may take to share its partitions: twice the time that it gives its slowest member."""

_SHOWN_MAX: Final = 3
_ERROR_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Retry:
    """A batch that is tried again: since when (monotonic seconds), how often, why, and which records are left of it.

    `guilty` is the first record that also fails alone; None while nobody has looked for it. A retry without
    records is a read: Kafka gives an error instead of records.
    """

    since_s: float
    attempts: int
    error: str
    places: tuple[Place, ...] = ()
    guilty: Place | None = None

    def again(self, error: str, places: Sequence[Place], guilty: Place | None) -> "Retry":
        """The same batch after one more try in vain."""
        return replace(
            self,
            attempts=self.attempts + 1,
            error=error.replace("\x00", "").encode("utf-8", "replace").decode()[:_ERROR_MAX],  # any database takes it
            places=tuple(places),
            guilty=guilty if guilty in places else None,
        )

    def sentence(self, lasts_s: float) -> str:
        """What a person reads: 'tries the same batch for 80 s (14 times): TypeError at envelope.py:156, posts/0@21'."""
        what = "tries the same batch" if self.places else "cannot read from Kafka"
        where = f", {show(self.guilty)}" if self.guilty else f", {ranges(self.places)}" if self.places else ""
        return f"{what} for {lasts_s:.0f} s ({self.attempts} times): {self.error}{where}"


def show(where: Place) -> str:
    """A place as people write it.

    >>> show(Place("lutong.feed.posts", 0, 21))
    'lutong.feed.posts/0@21'
    """
    return f"{where.topic}/{where.partition}@{where.offset}"


def ranges(places: Sequence[Place]) -> str:
    """Places, one range for each partition.

    >>> ranges([Place("posts", 0, 21), Place("posts", 0, 24), Place("posts", 3, 7)])
    'posts/0@21-24, posts/3@7'
    """
    found = []
    for (topic, partition), mine in groupby(sorted(places), key=itemgetter(0, 1)):
        offsets = [offset for _, _, offset in mine]
        found.append(show(Place(topic, partition, offsets[0])) + (f"-{offsets[-1]}" if len(offsets) > 1 else ""))
    more = len(found) - _SHOWN_MAX
    return ", ".join(found[:_SHOWN_MAX]) + (f" and {more} more partitions" if more > 0 else "")


class Extent(NamedTuple):
    """What a partition holds for a reader of committed records: from `begin` up to, not including, `end`."""

    begin: int
    end: int


def lag(done: Mapping[TopicPartition, int], extents: Mapping[TopicPartition, Extent]) -> int:
    """Offsets that are not handled yet. Where the extent is unknown, there is nothing to count."""
    return sum(
        max(0, extents[partition].end - max(position, extents[partition].begin))
        for partition, position in done.items()
        if partition in extents
    )


def came_at_s(records: Sequence[Record], now_s: float) -> float:
    """When the oldest of these records came to its topic, in seconds since 1970.

    Publishers write timestamps, and may write anything (-1, microseconds, the year 0). One that is in the future, or
    older than what topics keep, proves nothing: that record counts as come just now.
    """
    oldest_s = now_s - (RETENTION + timedelta(days=1)).total_seconds()
    stamped = (record.timestamp / 1000 for record in records)
    return min((at_s for at_s in stamped if oldest_s < at_s <= now_s), default=now_s)


@dataclass(frozen=True, slots=True)
class Look:
    """What the watchdog saw. Only what a restart can mend may make `why_restart` return a reason.

    `lag` counts partitions that a connection of its own can read about, `unsure` those of them that have records
    while the consumer has no position. `still_s`: no position moved although there was lag, nothing is tried again
    and Kafka gives no error. `silent_s`: the loop neither asked for records nor had any in hand.
    """

    lag: int = 0
    unsure: int = 0
    still_s: float = 0.0
    silent_s: float = 0.0
    rebalances: bool = False


def why_restart(look: Look, timeout_s: float) -> str | None:
    """Why the process should be restarted, if that would help.

    It does not help when Kafka or the database is away, a partition has no leader, a batch fails again and again,
    Kafka refuses to be read, or the group waits for another member: the same would be met after the restart.
    """
    if look.still_s > timeout_s:
        behind = (
            f"{counted(look.lag, 'event')} behind"
            if not look.unsure
            else f"no position in {counted(look.unsure, 'partition')}"
        )
        return f"{behind} and no progress for {look.still_s:.0f} s"
    if look.silent_s > timeout_s + (REBALANCE_MAX_S if look.rebalances else 0.0):
        return f"nobody asked Kafka for events for {look.silent_s:.0f} s"
    return None


def places_of(records: Sequence[Record]) -> tuple[Place, ...]:
    """Where records are."""
    return tuple(place(record) for record in records)
