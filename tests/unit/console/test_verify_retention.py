"""What time took is no violation; what was lost is one, however old the suite is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lutong_chassis.noticing import partition_of
from lutong_console.verify.world import Record
from lutong_contracts.topics import ENGAGEMENTS, POSTS
from tests.support.looks import Look, judged_by

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PARTITION = partition_of(b"p-1", POSTS.partitions)
DAYS = timedelta(days=1)


def published(number: int, at: datetime) -> Record:
    """The event of this number of a post, at this offset of its partition."""
    return Record(
        POSTS.name, PARTITION, number, "p-1", f"e-{number}", "/lutong/feed", "lutong.feed.post-refused.v1", number, "{}",
        "[]", occurred_at=at, at=at,
    )  # fmt: skip


def committed(number: int, at: datetime) -> dict[str, Any]:
    return {"event_id": f"e-{number}", "topic": POSTS.name, "key": "p-1", "payload": "{}", "written_at": at}


def taken(number: int) -> dict[str, Any]:
    return {
        "source": "/lutong/feed",
        "id": f"e-{number}",
        "topic": POSTS.name,
        "partition": PARTITION,
        "offset": number,
    }


def a_world(
    records: list[Record],
    outbox: Sequence[dict[str, Any]] = (),
    inbox: Sequence[dict[str, Any]] = (),
    begin: int = 0,
    quiet: Sequence[dict[str, Any]] = (),
) -> Look:
    tables: dict[str, list[Any]] = {
        "outbox": [*outbox], "inbox": [*inbox], "parked": [], "passed_over": [], "quiet": [*quiet]
    }  # fmt: skip
    reactions = {"feed": {"lutong.feed.post-refused.v1"}}
    return Look({"feed": tables}, records, reactions, begins={(POSTS.name, PARTITION): begin}, now=NOW)


OLD, EDGE, YOUNG = NOW - 9 * DAYS, NOW - 7.2 * DAYS, NOW - 2 * DAYS


def test_an_event_that_retention_took_is_not_missing() -> None:
    world = a_world([published(3, YOUNG)], [committed(1, OLD), committed(2, EDGE), committed(3, YOUNG)], begin=3)
    assert judged_by("V1", world) == []
    empty = a_world([], [committed(1, OLD)], begin=2)
    assert judged_by("V1", empty) == []


@pytest.mark.parametrize(
    ("outbox", "begin"),
    [
        ([committed(2, EDGE), committed(3, YOUNG)], 0),
        ([committed(2, YOUNG - DAYS), committed(3, YOUNG)], 3),
        ([committed(2, YOUNG + DAYS), committed(3, YOUNG)], 3),
    ],
    ids=["nothing was dropped", "younger than retention", "written after the first that is left"],
)
def test_an_event_that_was_lost_is_missing(outbox: list[dict[str, Any]], begin: int) -> None:
    (violation,) = judged_by("V1", a_world([published(3, YOUNG)], outbox, begin=begin))
    assert violation.what == "feed: committed but not on lutong.feed.posts"


def test_an_outbox_forgets_whole_days_and_topics_keep_their_events() -> None:
    world = a_world([published(1, EDGE), published(2, YOUNG)], [committed(2, YOUNG)])
    assert judged_by("V1", world) == []
    assert judged_by("V1", a_world([published(1, EDGE)])) == []


def test_an_event_of_a_kept_day_must_be_in_the_outbox() -> None:
    world = a_world([published(1, YOUNG - timedelta(hours=1)), published(2, YOUNG)], [committed(2, YOUNG)])
    (violation,) = judged_by("V1", world)
    assert violation.what == "feed: on its topic but never committed"


def test_what_is_published_again_after_its_beginning_was_dropped_is_in_order() -> None:
    again = [replace(published(number, YOUNG), offset=number + 4) for number in (1, 2, 3, 4)]
    world = a_world(
        [published(3, YOUNG), published(4, YOUNG), *again], [committed(n, YOUNG) for n in (1, 2, 3, 4)], begin=3
    )
    assert judged_by("V1", world) == []
    gap = replace(world, records=[published(3, YOUNG), replace(published(5, YOUNG), event_id="e-4")])
    assert [violation.what for violation in judged_by("V1", gap)][-1] == "feed: version 5 where 4 was due"


def test_an_inbox_remembers_what_its_topic_forgot() -> None:
    world = a_world([published(3, YOUNG)], inbox=[taken(1), taken(2), taken(3)], begin=3)
    assert judged_by("V2", world) == []
    world.begins = {(POSTS.name, PARTITION): 2}
    (violation,) = judged_by("V2", world)
    assert (violation.what, violation.witness) == ("feed: taken in but on no topic", "event e-2 of /lutong/feed")


def test_what_is_to_be_read_again_is_not_missing_yet() -> None:
    world = a_world([published(3, YOUNG)])
    row = {"topic": POSTS.name, "partition": PARTITION, "type": "lutong.feed.post-refused.v1", "first": 3}
    world.tables["feed"]["passed_over"] = [row]
    assert judged_by("V2", world) == []
    world.tables["feed"]["passed_over"] = [row | {"first": 4}]
    assert [violation.identity for violation in judged_by("V2", world)] == ["V2"]


@pytest.mark.parametrize(
    ("taps", "begin", "is_off"),
    [(1, 0, False), (5, 0, True), (5, 9, False), (0, 9, True)],
    ids=["the sum", "more than was published", "more than is left", "less than is left"],
)
def test_a_counter_may_know_more_than_a_topic_that_forgot(taps: int, begin: int, is_off: bool) -> None:  # a case
    tapped = Record(
        ENGAGEMENTS.name, 0, 9, "v", "e-1", "/lutong/feed", "lutong.feed.card-tapped.v1", 1,
        '{"post_id": "p-1", "program_id": "g-1"}', "[]",
    )  # fmt: skip
    feed: dict[str, list[Any]] = {
        "program": [],
        "card": [],
        "counter": [{"post_id": "p-1", "taps": taps, "solved": 0, "fulfilled": 0}],
    }
    world = Look({"registry": {"program": [], "usage": []}, "feed": feed}, [tapped], {}, {(ENGAGEMENTS.name, 3): begin})
    assert bool(judged_by("V9", world)) is is_off


def test_what_went_with_the_kafka_of_before_a_restore_is_not_missing() -> None:
    before, after = NOW - 3 * DAYS, NOW - DAYS
    restored = {"began_at": NOW - 2 * DAYS, "made_at": OLD}
    gone = [taken(1) | {"received_at": before}]
    assert judged_by("V2", a_world([], inbox=gone, quiet=[restored])) == []
    assert len(judged_by("V2", a_world([], inbox=gone))) == 1
    assert len(judged_by("V2", a_world([], inbox=[taken(1) | {"received_at": after}], quiet=[restored]))) == 1
    assert len(judged_by("V2", a_world([], [committed(1, before)], gone, quiet=[restored]))) == 1
