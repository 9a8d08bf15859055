"""How far a consumer is: lag by positions, ages that make sense, and what a restart would mend."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition

from lutong_chassis.envelope import Incoming, Place
from lutong_chassis.narrowing import GUILTY_MAX, narrow
from lutong_chassis.noticing import Misplaced, misplaced, partition_of
from lutong_chassis.progress import Extent, Look, Retry, came_at_s, lag, ranges, why_restart
from lutong_chassis.skipping import Known, ParkedAs, StuckRow, judge
from lutong_chassis.testing import a_received
from lutong_contracts.feed import PostPublished

P0, P1 = TopicPartition("posts", 0), TopicPartition("posts", 1)
NOW_S = 1_800_000_000.0


@dataclass(frozen=True)
class Stored:
    """A record of which only the place, the key and the timestamp matter."""

    offset: int
    key: bytes | None = None
    timestamp: int = 0
    topic: str = "posts"
    partition: int = 0
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes | None], ...] = ()


# Lag


@pytest.mark.parametrize(
    ("done", "extent", "expected"),
    [
        pytest.param(3, Extent(0, 5), 2, id="two are left"),
        pytest.param(5, Extent(0, 5), 0, id="a marker before the end is no record"),
        pytest.param(0, Extent(5, 5), 0, id="retention passed: nothing is left"),
        pytest.param(0, Extent(5, 7), 2, id="retention passed some"),
        pytest.param(0, Extent(0, 0), 0, id="an empty topic"),
        pytest.param(9, Extent(0, 5), 0, id="a log that lost its end"),
    ],
)
def test_lag_is_the_end_minus_the_position(done: int, extent: Extent, expected: int) -> None:
    assert lag({P0: done}, {P0: extent}) == expected


def test_a_partition_that_nobody_can_read_is_no_lag() -> None:
    assert lag({P0: 3, P1: 0}, {P0: Extent(0, 5)}) == 2


@pytest.mark.parametrize(
    "timestamp_ms",
    [-1, -2, 0, 1, -62135596800001, 1_732_800_000_000_000, 2**62, round((NOW_S + 3600) * 1000)],
)
def test_a_timestamp_without_meaning_counts_as_just_now(timestamp_ms: int) -> None:
    assert came_at_s([Stored(0, timestamp=timestamp_ms)], NOW_S) == NOW_S


def test_a_timestamp_within_retention_is_believed() -> None:
    two_days_ago_s = NOW_S - 2 * 86_400
    records = [Stored(0, timestamp=-1), Stored(1, timestamp=round(two_days_ago_s * 1000))]
    assert came_at_s(records, NOW_S) == two_days_ago_s


# What a restart mends


@pytest.mark.parametrize(
    ("look", "word"),
    [
        pytest.param(Look(lag=3, still_s=70), "3 events behind", id="lag without progress"),
        pytest.param(
            Look(unsure=2, still_s=70), "no position in 2 partitions", id="no position though there are records"
        ),
        pytest.param(Look(silent_s=70), "nobody asked Kafka", id="the loop ended"),
        pytest.param(Look(silent_s=700, rebalances=True), "nobody asked Kafka", id="a rebalance without end"),
    ],
)
def test_a_process_that_a_restart_mends_is_not_alive(look: Look, word: str) -> None:
    assert word in (why_restart(look, 60) or "")


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(Look(), id="all is well"),
        pytest.param(Look(lag=3, still_s=50), id="not for long"),
        pytest.param(Look(silent_s=200, rebalances=True), id="the group waits for its slowest member"),
    ],
)
def test_a_process_that_a_restart_does_not_mend_is_alive(look: Look) -> None:
    assert why_restart(look, 60) is None


# The sentence


def test_a_retry_reports_how_long_why_and_where() -> None:
    places = [Place("posts", 0, 21), Place("posts", 0, 24), Place("posts", 3, 7)]
    retry = Retry(0.0, 0, "").again("TypeError at envelope.py:156", places, None)
    assert retry.sentence(80) == (
        "tries the same batch for 80 s (1 times): TypeError at envelope.py:156, posts/0@21-24, posts/3@7"
    )
    assert retry.again("TypeError at x.py:1", places, places[0]).sentence(81).endswith("x.py:1, posts/0@21")


def test_an_error_that_no_database_takes_is_reported_all_the_same() -> None:
    assert Retry(0.0, 0, "").again("bad \x00 \ud800", [], None).error == "bad  ?"


def test_a_guilty_record_that_was_skipped_is_not_named_any_more() -> None:
    retry = Retry(0.0, 1, "").again("x", [Place("posts", 0, 22)], Place("posts", 0, 21))
    assert retry.guilty is None


def test_many_partitions_are_counted_not_listed() -> None:
    assert ranges([Place("posts", n, 1) for n in range(9)]).endswith("posts/2@1 and 6 more partitions")


# Finding the guilty record


class Handler:
    """Handles everything but some offsets; remembers what it handled, in order."""

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.handled: list[int] = []

    async def __call__(self, part: Sequence[Incoming]) -> None:
        offsets = [item.record.offset for item in part]
        if self.bad & set(offsets):
            raise ConnectionResetError(min(self.bad & set(offsets)))
        self.handled += offsets


async def test_the_guilty_record_is_found_and_all_others_are_handled() -> None:
    handler = Handler(21)
    left, guilty, error = await narrow([Incoming(Stored(n, key=b"%d" % n)) for n in range(100)], handler)
    assert ([item.record.offset for item in left], guilty) == ([21], Place("posts", 0, 21))
    assert isinstance(error, ConnectionResetError)
    assert handler.handled == [n for n in range(100) if n != 21]


async def test_what_has_the_key_of_the_guilty_record_waits_behind_it() -> None:
    handler = Handler(2)
    left, _, _ = await narrow([Incoming(Stored(n, key=b"even" if n % 2 == 0 else b"odd")) for n in range(10)], handler)
    assert [item.record.offset for item in left] == [2, 4, 6, 8]
    assert handler.handled == [0, 1, 3, 5, 7, 9]


async def test_records_without_a_key_wait_for_nobody() -> None:
    left, _, _ = await narrow([Incoming(Stored(n)) for n in range(5)], Handler(1))
    assert [item.record.offset for item in left] == [1]


async def test_when_all_fail_no_record_is_to_blame() -> None:
    batch = [Incoming(Stored(n, key=b"%d" % n)) for n in range(200)]
    handler = Handler(*range(200))
    left, guilty, error = await narrow(batch, handler)
    assert (left, guilty) == (batch, None)
    assert error is not None


async def test_when_all_fail_few_are_tried() -> None:
    tries = 0

    async def broken(_part: object) -> None:
        nonlocal tries
        tries += 1
        raise ConnectionResetError

    await narrow([Incoming(Stored(n, key=b"%d" % n)) for n in range(1000)], broken)
    assert tries < 40 * GUILTY_MAX / 8


# What may be skipped


def a_stuck_row(*offsets: int) -> StuckRow:
    return StuckRow("posts", 0, datetime(2026, 1, 1, tzinfo=UTC), 9, "TypeError at x.py:1", None, offsets)


@pytest.mark.parametrize(
    ("known", "code", "word"),
    [
        (Known(["orders"]), "unknown_topic", "does not consume posts: it consumes orders"),
        (Known(["posts"], parked=ParkedAs(5, "waiting")), "already_parked", "lutong parked show registry 5"),
        (Known(["posts"], handled_at=datetime(2026, 1, 1, tzinfo=UTC)), "already_handled", "at 2026-01-01 00:00:00"),
        (Known(["posts"]), "not_retried", "it tries no batch again now"),
        (Known(["posts"], [a_stuck_row(20, 22)]), "not_retried", "it tries posts/0@20-22 again"),
    ],
)
def test_what_is_not_tried_again_is_not_skipped(known: Known, code: str, word: str) -> None:
    refusal = judge("registry", Place("posts", 0, 21), known)
    assert refusal is not None
    assert refusal.code == code
    assert word in refusal.detail


def test_what_is_tried_again_may_be_skipped() -> None:
    assert judge("registry", Place("posts", 0, 21), Known(["posts"], [a_stuck_row(20, 21)])) is None


def test_what_was_skipped_may_be_skipped_again() -> None:
    assert (
        judge("registry", Place("posts", 0, 21), Known(["posts"], requested=True, parked=ParkedAs(5, "discarded")))
        is None
    )


# Keys in foreign partitions


@pytest.mark.parametrize(
    ("key", "murmur2"),  # test vectors of Apache Kafka
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"abc", 479470107),
    ],
)
def test_the_partition_of_a_key_is_that_of_kafka_s_own_clients(key: bytes, murmur2: int) -> None:
    assert partition_of(key, 12) == (murmur2 & 0x7FFFFFFF) % 12


def a_post(post_id: str, source: str, partition: int) -> object:
    event = PostPublished(post_id=post_id, author_id="a", text="x")
    return a_received(event)._replace(source=source, partition=partition, offset=7)


def test_a_publisher_with_another_partitioner_is_recognised() -> None:
    right = partition_of(b"p-1", 12)
    received = [
        a_post("p-1", "/cms", (right + 1) % 12),
        a_post("p-1", "/cms", (right + 1) % 12),
        a_post("p-1", "/good", right),
        a_post("p-1", "/lutong/feed", (right + 1) % 12),  # our relay chooses itself, and is not looked at
    ]
    topic = PostPublished.topic.name
    assert misplaced(received, lambda _topic: 12) == [Misplaced(topic, "/cms", 2, (right + 1) % 12, 7)]  # type: ignore[arg-type]  # they are


def test_while_nobody_knows_the_partitions_nobody_is_blamed() -> None:
    assert misplaced([a_post("p-1", "/cms", 11)], lambda _topic: 0) == []  # type: ignore[list-item]  # it is one


def test_ages_are_bounded_by_what_topics_keep() -> None:
    long_ago_s = NOW_S - timedelta(days=30).total_seconds()
    assert came_at_s([Stored(0, timestamp=round(long_ago_s * 1000))], NOW_S) == NOW_S
