"""How `lutong verify` looks at what does not fit in memory: sorted streams side by side, and findings that are counted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lutong_console.verify.collect import Watcher
from lutong_console.verify.identities import IDENTITIES, Earlier, Findings, violations
from lutong_console.verify.joining import Row, by_key
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import Record, World
from lutong_contracts.topics import POSTS

NOW = datetime(2026, 3, 10, 12, 0, 0, 123456, UTC)


def rows(*keys: str) -> list[Row]:
    return [{"key": key, "number": number} for number, key in enumerate(keys)]


def numbers(found: list[Row]) -> list[int]:
    return [row["number"] for row in found]


def test_streams_are_joined_key_by_key() -> None:
    joined = by_key(("key",), left=rows("a", "c", "c"), right=rows("b", "c"))
    assert [(key, numbers(of.all("left")), numbers(of.all("right"))) for key, of in joined] == [
        ("a", [0], []),
        ("b", [], [0]),
        ("c", [1, 2], [1]),
    ]


def test_a_key_of_several_columns_is_a_tuple() -> None:
    assert [key for key, _ in by_key(("key", "number"), one=rows("a", "b"))] == [("a", 0), ("b", 1)]


def test_what_is_not_asked_for_is_passed_over() -> None:
    assert [key for key, _ in by_key(("key",), left=rows("a", "a", "b"), right=rows("a", "b", "b"))] == ["a", "b"]


def test_a_stream_that_is_not_in_order_is_refused() -> None:
    with pytest.raises(ValueError, match="right is not in the order of its key: 'a' comes after 'b'"):
        list(by_key(("key",), left=rows("a"), right=rows("b", "a")))


def test_rows_of_a_key_are_read_one_at_a_time() -> None:
    read = 0

    def endless() -> Iterator[Row]:
        nonlocal read
        while True:
            read += 1
            yield {"key": "a"}

    _, of = next(by_key(("key",), many=endless()))
    each = of.each("many")
    assert [next(each) for _ in range(5)] == [{"key": "a"}] * 5
    assert read == 6  # one ahead


def test_violations_are_counted_and_few_are_kept() -> None:
    found = Findings.of((Violation("V1", "lost", f"event {n}") for n in range(1_000)), shown_max=3)
    assert (found.total, [violation.witness for violation in found.witnesses]) == (
        1_000,
        ["event 0", "event 1", "event 2"],
    )


def test_only_what_stays_broken_between_looks_is_confirmed() -> None:
    def found(identity: str, what: str) -> Violation:
        return Violation(identity, what, "program p")

    earlier = Earlier([found("V9", "3 counted, 4 said")])
    assert list(earlier.confirmed([found("V9", "5 counted, 6 said")])) == []
    assert list(earlier.confirmed([found("V9", "3 counted, 4 said")])) != []
    assert list(earlier.confirmed([found("V3", "an entry does not balance")])) != []
    earlier.close()


RECORD = Record(POSTS.name, 0, 7, "p-1", "e-1", "/lutong/feed", "lutong.feed.card-tapped.v1", 1, "{}", "[]", NOW, NOW)
OUTBOX = {"id": 1, "event_id": "e-1", "topic": "t", "key": "k", "type": "x", "payload": "secret", "written_at": NOW}


def test_moments_come_back_as_they_were() -> None:
    world = World()
    world.add("feed", "outbox", [OUTBOX])
    assert next(iter(world.select("SELECT written_at FROM feed.outbox")))["written_at"] == NOW


def test_data_that_no_identity_reads_is_not_kept() -> None:
    world = World()
    world.add("feed", "outbox", [OUTBOX])
    world.add_records([RECORD, replace(RECORD, type="lutong.feed.post-published.v1", value="secret")])
    assert [row["payload"] for row in world.select("SELECT payload FROM feed.outbox")] == [None]
    assert [row["value"] for row in world.select("SELECT value FROM record")] == ["{}", None]


def test_equal_looks_have_one_digest_in_whatever_order() -> None:
    one, same, other = World(), World(), World()
    one.add_records([RECORD, replace(RECORD, offset=8)])
    same.add_records([replace(RECORD, offset=8), RECORD])
    other.add_records([RECORD, replace(RECORD, offset=8, value="{ }")])
    assert one.digest == same.digest != other.digest


def test_the_moment_of_reading_is_no_difference() -> None:
    deadline = {"event_id": "e-1", "type": "x", "key": "k", "due_at": NOW}
    one, same, later = World(), World(), World()
    one.add("feed", "deadline", [deadline | {"read_at": NOW}])
    same.add("feed", "deadline", [deadline | {"read_at": NOW.replace(year=2027)}])
    later.add("feed", "deadline", [deadline | {"read_at": NOW, "due_at": NOW.replace(year=2027)}])
    assert one.digest == same.digest != later.digest


def test_secrets_are_looked_for_while_reading() -> None:
    world = World(canaries=["secret"])
    world.add("feed", "idempotency", [{"key": "k", "body": b'{"a": "secret"}'}, {"key": "other", "body": b"{}"}])
    world.add_records([replace(RECORD, headers="[('x', 'secret')]"), RECORD])
    assert [violation.witness for violation in violations(world) if violation.identity == "V11"] == [
        "feed key k",
        f"event e-1 at {POSTS.name}/0@7",
    ]


def test_the_watcher_knows_which_identity_judges() -> None:
    class Noting(Watcher):
        judged: list[str] = []  # noqa: RUF012  # of this test

        def judge(self, identity: str) -> None:
            self.judged.append(identity)

    watcher = Noting()
    assert list(violations(World(), watcher=watcher)) == []
    assert watcher.judged == list(IDENTITIES)
