"""Whether pieces are well, by what they answer; and what the doctor makes of a consumer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lutong_console.cli.commands.doctor import came_back, judge_consumer, judge_health, judge_parked, judge_processes
from lutong_console.health import Health, judge_service
from lutong_console.verify.command import judged
from lutong_console.verify.world import Record
from lutong_contracts.topics import POSTS
from tests.support.looks import Look, judged_by

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALIVE: dict[str, Any] = {"live": True, "reason": None, "stuck": None}
READY: dict[str, Any] = {"ready": True, "checks": {"database": True, "broker": True}, "stuck": None}
ANSWER: dict[str, Any] = {"stuck": [], "missed": [], "misplaced": []}
STUCK = {
    "topic": POSTS.name,
    "partition": 0,
    "guilty": 21,
    "since": (NOW - timedelta(seconds=80)).isoformat(),
    "error": "TypeError at envelope.py:156",
    "where": f"{POSTS.name}/0@21",
}


@pytest.mark.parametrize(
    ("live", "ready", "health"),
    [
        (ALIVE, READY, Health("ready")),
        (ALIVE, READY | {"checks": {"database": True, "broker": False}}, Health("not ready", "no broker")),
        (ALIVE | {"live": False, "reason": "3 events behind"}, READY, Health("not alive", "3 events behind")),
        (ALIVE | {"stuck": "tries the same batch"}, READY, Health("stuck", "tries the same batch")),
    ],
)
def test_a_service_is_what_it_reports(live: dict[str, Any], ready: dict[str, Any], health: Health) -> None:
    assert judge_service(live, ready) == health
    assert health.well == (health.state == "ready")


def test_a_service_of_the_release_before_is_understood() -> None:
    assert judge_service({"live": True, "reason": None}, {"ready": True, "checks": {}}).well


def test_a_stuck_batch_is_found_with_the_command_that_mends_it() -> None:
    (finding,) = judge_consumer("registry", ANSWER | {"stuck": [STUCK]}, "tries the same batch for 80 s", NOW)
    assert finding.what == (
        "registry tries the same batch for 80 s: TypeError at envelope.py:156, lutong.feed.posts/0@21"
    )
    assert f"lutong parked skip {POSTS.name} 0 21 --service registry --reason" in finding.then


def test_no_record_is_skipped_while_none_is_guilty() -> None:
    (finding,) = judge_consumer("registry", ANSWER | {"stuck": [STUCK | {"guilty": None}]}, None, NOW)
    assert finding.then == "lutong logs registry"


def test_a_batch_that_just_began_to_fail_is_let_be() -> None:
    young = STUCK | {"since": (NOW - timedelta(seconds=5)).isoformat()}
    assert list(judge_consumer("registry", ANSWER | {"stuck": [young]}, None, NOW)) == []


def test_a_batch_is_stuck_after_its_services_timeout() -> None:
    answer = ANSWER | {"stuck": [STUCK]}  # for 80 s
    assert list(judge_consumer("registry", answer | {"stuck_timeout_s": 90.0}, None, NOW)) == []
    assert len(list(judge_consumer("registry", answer | {"stuck_timeout_s": 70.0}, None, NOW))) == 1


def test_a_read_that_fails_is_found_though_no_record_is_known() -> None:
    (finding,) = judge_consumer("registry", ANSWER, "cannot read from Kafka for 80 s (9 times): X", NOW)
    assert finding.what == "registry cannot read from Kafka for 80 s (9 times): X"


def test_events_that_retention_took_are_found() -> None:
    missed = {"topic": POSTS.name, "partition": 3, "first": 5, "begin": 10}
    (finding,) = judge_consumer("registry", ANSWER | {"missed": [missed]}, None, NOW)
    assert "missed up to 5 events of lutong.feed.posts/3" in finding.what
    assert finding.then.startswith("lutong republish")


def test_events_that_were_published_again_are_missed_no_more() -> None:
    row = {"topic": POSTS.name, "partition": 3, "first": 5, "begin": 10, "noticed_at": NOW.isoformat()}
    assert came_back(row, {"feed": NOW + timedelta(seconds=1)})
    assert not came_back(row, {"feed": NOW - timedelta(minutes=2), "registry": NOW + timedelta(seconds=1)})
    assert not came_back(row, {"feed": None})


def test_a_publisher_with_another_partitioner_is_found() -> None:
    row = {"topic": POSTS.name, "source": "/cms", "records": 9, "partition": 8, "offset": 4}
    (finding,) = judge_consumer("registry", ANSWER | {"misplaced": [row]}, None, NOW)
    assert "9 events of /cms" in finding.what
    assert "partitioner=murmur2_random" in finding.then


def test_a_consumer_that_goes_on_is_let_be() -> None:
    assert list(judge_consumer("registry", ANSWER, None, NOW)) == []
    assert list(judge_health("registry", ALIVE, READY)) == []
    assert list(judge_parked("registry", 0)) == []


@pytest.mark.parametrize(("total", "what"), [(1, "1 record is parked"), (167, "167 records are parked")])
def test_parked_records_are_counted_all(total: int, what: str) -> None:
    (finding,) = judge_parked("registry", total)
    assert finding.what == f"registry: {what}"


@pytest.mark.parametrize(("lost", "what"), [(1, "missed up to 1 event of"), (2, "missed up to 2 events of")])
def test_missed_events_are_counted_with_their_noun(lost: int, what: str) -> None:
    missed = {"topic": POSTS.name, "partition": 3, "first": 5, "begin": 5 + lost}
    (finding,) = judge_consumer("registry", ANSWER | {"missed": [missed]}, None, NOW)
    assert what in finding.what


def test_an_ended_process_is_found_with_its_moment() -> None:
    never, late = judge_processes({"feed": None, "kafka": NOW})
    assert never.what == "feed: its process has ended"
    assert late.what == f"kafka: its process has ended; its log ends at {NOW:%Y-%m-%d %H:%M:%S}Z"
    assert late.then.startswith("lutong up")


def test_what_follows_from_an_ended_piece_is_not_reported() -> None:
    away = {"ready": False, "checks": {"database": True, "broker": False, "assignment": False}}
    assert len(list(judge_health("feed", ALIVE, away))) == 2
    assert list(judge_health("feed", ALIVE, away, frozenset({"kafka"}))) == []
    assert len(list(judge_health("feed", ALIVE, away, frozenset({"postgres"})))) == 2


@pytest.mark.parametrize(
    ("unchecked", "expected"),
    [
        ({"V8": "--history FILE", "V11": "--canary TEXT"}, ["not checked (give --history FILE)", "not checked (give --canary TEXT)"]),
        ({}, ["1 broken", "holds"]),
    ],
)  # fmt: skip
def test_what_was_compared_with_nothing_does_not_hold(unchecked: dict[str, str], expected: list[str]) -> None:
    results = {name: result.plain for name, result, _ in judged({"V8": 1}, unchecked)}
    assert [results["V8"], results["V11"]] == expected
    assert results["V1"] == "holds"


def a_record(key: str, partition: int, source: str = "/cms") -> Record:
    return Record(POSTS.name, partition, 7, key, "e-1", source, "x", 0, "{}", "[]")


def test_v1_names_the_publisher_whose_keys_are_in_foreign_partitions() -> None:
    world = Look(records=[a_record("foobar", 0), a_record("foobar", 6, "/good")])
    (violation,) = judged_by("V1", world)
    assert violation.what == "/cms: 1 key of lutong.feed.posts is in a foreign partition"
    assert violation.witness == "key foobar at lutong.feed.posts/0@7"


@pytest.mark.parametrize("key", ["a" * 6000, "a\x1b[2J"])
def test_v1_tells_a_long_or_odd_key_by_its_size(key: str) -> None:
    (violation,) = judged_by("V1", Look(records=[a_record(key, 12)]))
    assert violation.witness.startswith(f"key <{len(key)} bytes, sha256 ")


def test_v1_is_silent_about_keys_that_are_no_text() -> None:
    assert list(judged_by("V1", Look(records=[a_record("", 3), a_record("\N{REPLACEMENT CHARACTER}", 3)]))) == []
