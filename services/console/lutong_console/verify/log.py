"""What went over the wire: V1 log, V2 inbox, V8 clients, V10 parked records, V11 secrecy."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from lutong_chassis.deadletters import shown_key
from lutong_chassis.noticing import partition_of
from lutong_console.verify.collect import Record, Row, World
from lutong_console.verify.retention import Retention
from lutong_console.verify.violation import Violation
from lutong_contracts import TOPICS, event_class
from lutong_contracts.sentences import counted
from lutong_contracts.topics import RETENTION

_PARTITIONS: Final = {topic.name: topic.partitions for topic in TOPICS}
_COMPACTED: Final = frozenset(topic.name for topic in TOPICS if topic.compacted)
"""Of each key these keep the last event, for good: what came before may be there, or not."""
_KEPT_LONGER: Final = _COMPACTED | {topic.name for topic in TOPICS if topic.retention > RETENTION}


def log_matches_outbox(world: World) -> Iterator[Violation]:
    """V1: what a service committed is what its topics hold, byte for byte; per key 1, 2, 3, … in one partition.

    Either forgets what is old, and not at the same moment.
    """
    retention = Retention(world)
    for service in world.tables:
        committed = {row["event_id"]: row for row in world.rows(service, "outbox")}
        mine = [r for r in world.records if r.source == f"/lutong/{service}"]
        yield from _unpublished(service, committed, {record.event_id for record in mine}, retention)
        for record in mine:
            known = committed.get(record.event_id)
            if known is None and (record.topic in _KEPT_LONGER or retention.may_have_left_its_outbox(service, record)):
                continue  # an outbox forgets sooner than its topics; V14 knows what is of the audit
            if known is None:
                yield Violation(
                    "V1", f"{service}: on its topic but never committed", f"event {record.event_id} at {record.place}"
                )
            elif (known["payload"], known["key"], known["topic"]) != (record.value, record.key, record.topic):
                yield Violation(
                    "V1",
                    f"{service}: the topic has something else than the outbox",
                    f"event {record.event_id} at {record.place}",
                )
        yield from _streams(service, mine, retention)
    yield from _keys_in_foreign_partitions(world)


def _unpublished(
    service: str, committed: Mapping[str, Row], published: set[str], retention: Retention
) -> Iterator[Violation]:
    """What was committed and is on no topic; of an entity that is only its last event."""
    last = {(row["topic"], row["key"]): event_id for event_id, row in committed.items()}
    for event_id, row in committed.items():
        replaced = row["topic"] in _COMPACTED and last[row["topic"], row["key"]] != event_id
        if event_id not in published and not replaced and not retention.may_have_left_its_topic(row):
            yield Violation(
                "V1", f"{service}: committed but not on {row['topic']}", f"event {event_id}, key {row['key']}"
            )


def _keys_in_foreign_partitions(world: World) -> Iterator[Violation]:
    """Order per key needs every publisher to choose the partition by murmur2 of the key; names those that do not."""
    misplaced: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in world.records:
        readable = record.key and "\N{REPLACEMENT CHARACTER}" not in record.key
        partitions = _PARTITIONS.get(record.topic)
        if readable and partitions and partition_of(record.key.encode(), partitions) != record.partition:
            misplaced[record.topic, record.source].append(record)
    for (topic, source), records in sorted(misplaced.items()):
        keys = f"{counted(len(records), 'key')} of {topic}"
        where = "is in a foreign partition" if len(records) == 1 else "are in foreign partitions"
        what = f"{source or 'a publisher without a source'}: {keys} {where}"
        key = shown_key(records[0].key.encode())  # it may be a megabyte, or move the cursor
        yield Violation("V1", what, f"key {key} at {records[0].place}")


def _streams(service: str, records: Sequence[Record], retention: Retention) -> Iterator[Violation]:
    seen: set[str] = set()
    streams: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.event_id not in seen:
            seen.add(record.event_id)
            streams[record.topic, record.key].append(record)
    for (topic, key), stream in streams.items():
        if len({record.partition for record in stream}) > 1:
            yield Violation("V1", f"{service}: one key in two partitions of {topic}", f"key {key}")
        if topic not in _COMPACTED:  # there, gaps are what compaction is for
            yield from _numbered(service, stream, aged=retention.has_aged(topic))


def _numbered(service: str, stream: Sequence[Record], *, aged: bool) -> Iterator[Violation]:
    """A stream goes on by one. When its beginning was dropped it begins later, and what is published again is older."""
    first = stream[0].sequence
    for expected, record in enumerate((r for r in stream if not aged or r.sequence >= first), first or 1):
        if record.sequence != expected:
            what = f"{service}: version {record.sequence} where {expected} was due"
            yield Violation("V1", what, f"event {record.event_id} at {record.place}")
            break


def inbox_covers_topics(world: World) -> Iterator[Violation]:
    """V2: every event that a service handles is taken in or set aside, and nothing else is.

    Entities are left out: inboxes forget sooner than compacted topics, and those forget what was replaced.
    """
    by_type: dict[str, list[Record]] = defaultdict(list)
    for record in (record for record in world.records if record.topic not in _COMPACTED):
        by_type[record.type].append(record)
    on_topics = {(record.source, record.event_id) for record in world.records}
    retention = Retention(world)
    for service, types in world.reactions.items():
        taken = {
            (row["source"], row["id"]): (row["topic"], row["partition"], row["offset"])
            for row in world.rows(service, "inbox")
            if row["topic"] not in _COMPACTED and row["offset"] >= 0  # HTTP: -1
        }
        aside = {(row["topic"], row["partition"], row["offset"]) for row in world.rows(service, "parked")}
        later = {
            (row["topic"], row["partition"], row["type"]): row["first"] for row in world.rows(service, "passed_over")
        }
        for record in (record for event_type in sorted(types) for record in by_type[event_type]):
            place = record.topic, record.partition, record.offset
            if (record.source, record.event_id) in taken or place in aside or _waits(service, record, later):
                continue
            yield Violation(
                "V2", f"{service}: neither taken in nor set aside", f"event {record.event_id} at {record.place}"
            )
        for source, event_id in sorted(taken.keys() - on_topics):
            if not retention.was_dropped(*taken[source, event_id]):
                yield Violation("V2", f"{service}: taken in but on no topic", f"event {event_id} of {source}")


def _waits(service: str, record: Record, later: Mapping[tuple[str, int, str], int]) -> bool:
    """Whether a record is nothing to a service yet: its own, of a type that it takes from others; or it is to be read again."""
    if record.source == f"/lutong/{service}" and event_class(record.type).from_others:
        return True
    return record.offset >= later.get((record.topic, record.partition, record.type), record.offset + 1)


def clients_are_remembered(world: World, history: Iterable[dict[str, Any]]) -> Iterator[Violation]:
    """V8: answers to clients are true: what was accepted is there once, what was refused is not."""
    found = _accepted(world)
    for line in history:
        there = found[line["kind"]][line["id"]]
        if line["outcome"] == "ok" and there != 1:
            yield Violation("V8", f"accepted for the client, and there are {there}", f"{line['kind']} {line['id']}")
        if line["outcome"] == "refused" and there:
            yield Violation("V8", "refused to the client, and it is there", f"{line['kind']} {line['id']}")


def _accepted(world: World) -> dict[str, Counter[str]]:
    """How often something is there that clients ask for, by kind and id."""
    paid = {
        row["reference"] for row in world.rows("membership", "entry") if row["kind"] in {"repayment", "overpayment"}
    }
    left = (row for row in world.rows("membership", "outbox") if row["type"] == "lutong.membership.agreement-quit.v1")
    return {
        "post": Counter(row["post_id"] for row in world.rows("feed", "card")),
        "order": Counter(row["order_id"] for row in world.rows("feed", "request")),
        "refund": Counter(row["refund_id"].rpartition(":")[2] for row in world.rows("inventory", "refund")),
        "coupon": Counter(row["coupon_id"] for row in world.rows("membership", "coupon")),
        "repayment": Counter(paid),
        "quit": Counter(row["key"] for row in left),
    }


def parked_records_are_held(world: World) -> Iterator[Violation]:
    """V10: what waits has a head before it, what was redriven took effect, and what is open did not."""
    for service in world.tables:
        taken = {row["id"] for row in world.rows(service, "inbox")}
        heads = {(r["topic"], r["key"]): r["id"] for r in world.rows(service, "parked") if r["state"] == "parked"}
        for row in world.rows(service, "parked"):
            where = f"{service} parked {row['id']} ({row['topic']}/{row['partition']}@{row['offset']})"
            head = heads.get((row["topic"], row["key"]))
            if row["state"] == "waiting" and (head is None or head > row["id"]):
                yield Violation("V10", "a record waits behind nothing", where)
            if row["state"] == "redriven" and row["event_id"] and row["event_id"] not in taken:
                yield Violation("V10", "a redriven record had no effect", where)
            if row["state"] in {"parked", "waiting"} and row["event_id"] in taken:
                yield Violation("V10", "a record that is set aside took effect all the same", where)


def nothing_is_revealed(world: World, canaries: Iterable[str]) -> Iterator[Violation]:
    """V11: strings that must stay secret are in no record, no dead letter and no saved answer."""
    for canary in canaries:
        for record in world.records:
            if canary in f"{record.key} {record.value} {record.headers}":
                yield Violation("V11", "a canary is on a topic", f"event {record.event_id} at {record.place}")
        for service in world.tables:
            yield from _kept(world, service, canary)


def _kept(world: World, service: str, canary: str) -> Iterator[Violation]:
    for row in world.rows(service, "parked"):
        if canary in f"{row['error']} {row['reason']}" or canary.encode() in (row["value"] or b""):
            yield Violation("V11", "a canary is in a parked record", f"{service} parked {row['id']}")
    for row in world.rows(service, "idempotency"):
        if canary.encode() in row["body"]:
            yield Violation("V11", "a canary is in a saved answer", f"{service} key {row['key']}")
