"""Trouble that lasts is one line per state and minute; everything else is written as it comes."""

import logging
from typing import Any

import pytest
import structlog

from lutong_chassis.repeats import INTERVAL_S, OncePerMinute, OncePerMinuteFilter, Repeats


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def written(lines: OncePerMinute, **line: Any) -> dict[str, Any] | None:  # as structlog's
    try:
        return dict(lines(None, "warning", {"level": "warning", **line}))
    except structlog.DropEvent:
        return None


def test_a_state_is_written_once_a_minute_with_a_count() -> None:
    clock = Clock()
    lines = OncePerMinute(Repeats(clock))
    assert written(lines, event="waiting", what="kafka", error="X", tries=0) is not None
    assert [written(lines, event="waiting", what="kafka", error="X", tries=n) for n in range(1, 40)] == [None] * 39
    clock.now_s = INTERVAL_S
    again = written(lines, event="waiting", what="kafka", error="X", tries=40)
    assert again is not None
    assert (again["left_out"], again["tries"]) == (39, 40)


def test_another_state_is_written_at_once() -> None:
    lines = OncePerMinute(Repeats(Clock()))
    states: list[dict[str, Any]] = [
        {"event": "loop_failed", "loop": "relay", "error": "KafkaConnectionError at relay.py:1"},
        {"event": "loop_failed", "loop": "deadlines", "error": "KafkaConnectionError at relay.py:1"},
        {"event": "loop_failed", "loop": "relay", "error": "DiskFullError at relay.py:1"},
        {"event": "waiting", "what": "database", "error": "x"},
    ]
    assert all(written(lines, **state) for state in states)
    assert not any(written(lines, **state) for state in states)


def test_what_happened_once_is_never_left_out() -> None:
    lines = OncePerMinute(Repeats(Clock()))
    assert all(written(lines, event="command_failed", error="KeyError at a.py:1") for _ in range(100))


def test_lines_of_libraries_differ_by_their_sentence() -> None:
    clock = Clock()
    kept = OncePerMinuteFilter(Repeats(clock))

    def record(node: int, sentence: str = "Unable connect to node with id %s") -> logging.LogRecord:
        return logging.LogRecord("aiokafka", logging.ERROR, "client.py", 1, sentence, (node,), None)

    assert [kept.filter(record(node)) for node in range(98)] == [True, *[False] * 97]
    assert kept.filter(record(1, "Unable to update metadata from %s"))
    clock.now_s = INTERVAL_S
    last = record(7)
    assert kept.filter(last)
    assert last.getMessage() == "Unable connect to node with id 7 (left out before: 97)"


@pytest.mark.parametrize("states", [10_000])
def test_states_without_end_take_bounded_memory(states: int) -> None:
    repeats = Repeats(Clock())
    for state in range(states):
        assert repeats.left_out(state) == 0
    assert len(repeats._seen) <= 500
