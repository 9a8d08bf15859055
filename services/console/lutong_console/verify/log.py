"""What went over the wire: V1 log, V2 inbox."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from lutong_chassis.deadletters import shown_key
from lutong_chassis.noticing import partition_of
from lutong_console.verify.joining import Group, Row
from lutong_console.verify.retention import Retention
from lutong_console.verify.tables import COMPACTED, SERVICES, listed
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World, place_of
from lutong_contracts import TOPICS, event_class
from lutong_contracts.sentences import counted
from lutong_contracts.topics import RETENTION

_PARTITIONS: Final = {topic.name: topic.partitions for topic in TOPICS}
_KEPT_LONGER: Final = COMPACTED | {topic.name for topic in TOPICS if topic.retention > RETENTION}


def log_matches_outbox(world: World) -> Iterator[Violation]:
    """V1: what a service committed is what its topics hold, byte for byte; per key 1, 2, 3, … in one partition.

    Either forgets what is old, and not at the same moment.
    """
    retention = Retention(world)
    for service in SERVICES:
        events = world.by(
            "event_id",
            committed=f"SELECT event_id, topic, key, digest, written_at FROM {service}.outbox ORDER BY event_id",
            last_of_entity=f"""
                SELECT event_id, max(id) FROM {service}.outbox WHERE topic IN ({listed(COMPACTED)})
                 GROUP BY topic, key ORDER BY event_id""",
            published=f"""
                SELECT event_id, topic, partition, "offset", key, digest, occurred_at FROM record
                 WHERE source = '/lutong/{service}' ORDER BY event_id""",
        )
        for event_id, of in events:
            for what, where in _of_an_event(service, of, retention):
                yield Violation("V1", f"{service}: {what}", f"event {event_id}{where}")
        yield from _streams(world, service, retention)
    yield from _keys_in_foreign_partitions(world)


class Wrong(NamedTuple):
    """What is wrong with an event, and where."""

    what: str
    where: str


def _of_an_event(service: str, of: Group, retention: Retention) -> Iterator[Wrong]:
    """What is wrong with an event, and where."""
    committed, is_published = of.one("committed"), False
    for record in of.each("published"):
        is_published = True
        if committed is None:
            if record["topic"] not in _KEPT_LONGER and not retention.may_have_left_its_outbox(service, record):
                yield Wrong("on its topic but never committed", f" at {place_of(record)}")
        elif any(committed[name] != record[name] for name in ("digest", "key", "topic")):
            yield Wrong("the topic has something else than the outbox", f" at {place_of(record)}")
    if committed is None or is_published:
        return
    replaced = committed["topic"] in COMPACTED and of.one("last_of_entity") is None
    if not replaced and not retention.may_have_left_its_topic(committed):
        yield Wrong(f"committed but not on {committed['topic']}", f", key {committed['key']}")


def _streams(world: World, service: str, retention: Retention) -> Iterator[Violation]:
    """Each event once, where it was first, in the order of its key."""
    records = world.select(
        """
        SELECT * FROM (SELECT topic, key, partition, "offset", sequence, event_id,
                              row_number() OVER (PARTITION BY event_id ORDER BY topic, partition, "offset", rowid) AS copy
                         FROM record WHERE source = ?)
         WHERE copy = 1
         ORDER BY topic, key, partition, "offset\"""",
        f"/lutong/{service}",
    )
    for (topic, key), stream in groupby(records, key=lambda row: (row["topic"], row["key"])):
        # of a compacted topic, gaps are what compaction is for
        aged = None if topic in COMPACTED else retention.has_aged(topic)
        partitions: set[int] = set()
        yield from _numbered(service, _noting(stream, partitions), aged=aged)
        if len(partitions) > 1:
            yield Violation("V1", f"{service}: one key in two partitions of {topic}", f"key {key}")


def _noting(stream: Iterator[Row], partitions: set[int]) -> Iterator[Row]:
    for record in stream:
        partitions.add(record["partition"])
        yield record


def _numbered(service: str, stream: Iterator[Row], *, aged: bool | None) -> Iterator[Violation]:
    """A stream goes on by one. When its beginning was dropped it begins later, and what is published again is older."""
    first = expected = None
    for record in stream:
        sequence = record["sequence"]
        if first is None:
            first, expected = sequence, sequence or 1
        if aged is None or expected is None or (aged and sequence < first):
            continue
        if sequence != expected:
            what = f"{service}: version {sequence} where {expected} was due"
            yield Violation("V1", what, f"event {record['event_id']} at {place_of(record)}")
            expected = None
        else:
            expected += 1


def _keys_in_foreign_partitions(world: World) -> Iterator[Violation]:
    """Order per key needs every publisher to choose the partition by murmur2 of the key; reports which one does not."""
    keys = world.select(
        """
        SELECT topic, source, key, partition, min("offset") AS "offset", count(*) AS records FROM record
         GROUP BY topic, source, partition, key
         ORDER BY topic, source, partition, 5"""
    )
    for (topic, source), found in groupby(keys, key=lambda row: (row["topic"], row["source"])):
        first, records = None, 0
        for row in found:
            if _is_misplaced(row):
                first, records = first or row, records + row["records"]
        if first is not None:
            where = "is in a foreign partition" if records == 1 else "are in foreign partitions"
            what = f"{source or 'a publisher without a source'}: {counted(records, 'key')} of {topic} {where}"
            key = shown_key(first["key"].encode())  # it may be a megabyte, or move the cursor
            yield Violation("V1", what, f"key {key} at {place_of(first)}")


def _is_misplaced(row: Row) -> bool:
    readable = row["key"] and "\N{REPLACEMENT CHARACTER}" not in row["key"]
    partitions = _PARTITIONS.get(row["topic"])
    return bool(readable and partitions and partition_of(row["key"].encode(), partitions) != row["partition"])


def inbox_covers_topics(world: World) -> Iterator[Violation]:
    """V2: every event that a service handles is taken in or set aside, and nothing else is.

    Entities are left out: inboxes forget sooner than compacted topics, and those forget what was replaced.
    What came over HTTP has no place on a topic (offset -1).
    """
    records = 'SELECT source, event_id, topic, partition, "offset", type FROM record ORDER BY source, event_id'
    taken = {
        service: f"""
            SELECT source, id AS event_id, topic, partition, "offset", received_at FROM {service}.inbox
             WHERE "offset" >= 0 AND topic NOT IN ({listed(COMPACTED)}) ORDER BY source, id"""
        for service in world.reactions
    }
    aside = _Aside(world)
    for (source, event_id), of in world.by("source, event_id", record=records, **taken):
        is_there = False
        for record in of.each("record"):
            is_there = True
            for service in aside.missed(record, [name for name in taken if of.one(name) is None]):
                where = f"event {event_id} at {place_of(record)}"
                yield Violation("V2", f"{service}: neither taken in nor set aside", where)
        for service in () if is_there else taken:
            row = of.one(service)
            if row is not None and not aside.retention.may_be_gone(service, row):
                yield Violation("V2", f"{service}: taken in but on no topic", f"event {event_id} of {source}")


class _Aside:
    """What excuses a service that took an event not in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.retention = Retention(world)
        self.later: Mapping[tuple[str, str, int, str], int] = {
            (service, row["topic"], row["partition"], row["type"]): row["first"]
            for service in world.reactions
            for row in world.select(f"SELECT topic, partition, type, first FROM {service}.passed_over")
        }
        for service in world.reactions:
            world.select(f'CREATE INDEX IF NOT EXISTS {service}.parked_by_place ON parked (topic, partition, "offset")')

    def missed(self, record: Row, services: Sequence[str]) -> Iterator[str]:
        """Those services, of which none took the record in, that ought to have."""
        for service in services:
            handles = record["type"] in self.world.reactions[service] and record["topic"] not in COMPACTED
            if handles and not self._waits(service, record) and not self._is_parked(service, record):
                yield service

    def _waits(self, service: str, record: Row) -> bool:
        """Whether a record is nothing to a service yet: its own, of a type that it takes from others; or it is to be read again."""
        if record["source"] == f"/lutong/{service}" and event_class(record["type"]).from_others:
            return True
        place = service, record["topic"], record["partition"], record["type"]
        return bool(record["offset"] >= self.later.get(place, record["offset"] + 1))

    def _is_parked(self, service: str, record: Row) -> bool:
        sql = f'SELECT 1 FROM {service}.parked WHERE topic = ? AND partition = ? AND "offset" = ?'
        place = record["topic"], record["partition"], record["offset"]
        return next(iter(self.world.select(sql, *place)), None) is not None
