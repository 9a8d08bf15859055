"""What `lutong tail` shows of a record, and what `lutong verify` reads of it: never a traceback, whatever is in it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lutong_chassis.parking import StoredRecord
from lutong_console.cli.commands.tail import _print, _topics, describe, moment
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import json_line
from lutong_console.topic_reader import START
from lutong_console.verify.collect import _record
from lutong_contracts.feed import PostPublished
from tests.support.odd_records import OddRecords
from tests.support.raw_batches import Raw
from tests.unit.chassis.test_decoding import DOTNET_ZERO_MS, at, in_structured_mode, nested, structured
from tests.unit.chassis.test_envelope import POST, VALUE, a_record, with_headers


def test_tail_reads_structured_mode() -> None:
    shown = describe(in_structured_mode(correlationid="j-1", sequence="7"))

    assert [shown[name] for name in ("type", "id", "journey", "sequence")] == [POST.type, "e-1", "j-1", "7"]
    assert shown["event"] == POST.model_dump(mode="json")


def test_tail_shows_the_trace_that_an_event_belongs_to() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    assert describe(in_structured_mode(traceparent=f"00-{trace}-00f067aa0ba902b7-01"))["trace"] == trace
    assert describe(in_structured_mode())["trace"] is None


def test_tail_reads_names_in_capitals() -> None:
    assert describe(a_record(VALUE, [(name.upper(), value) for name, value in with_headers()]))["id"] == "e-1"


def test_tail_shows_what_can_be_read_of_a_bad_event() -> None:
    shown = describe(in_structured_mode(id=7))

    assert (shown["type"], shown["id"]) == (POST.type, None)


@pytest.mark.parametrize("levels", [255, 300, 500, 1_000, 5_000])
def test_tail_shows_deep_data(levels: int) -> None:
    value = b'{"a":' + b"[" * levels + b"]" * levels + b"}"

    assert json.loads(json_line(describe(a_record(value, with_headers()))))["event"].startswith('{"a":[[')


@pytest.mark.parametrize("timestamp", [DOTNET_ZERO_MS, -(2**63), 1_732_800_000_000_000, -1, -2])
def test_tail_shows_a_record_without_a_date(timestamp: int) -> None:
    shown = describe(at(timestamp, with_headers()))

    assert (shown["at"], shown["id"]) == (None, "e-1")
    _print(shown)


@pytest.mark.parametrize("since", ["²m", "٣m", "9999999d", "9" * 5000 + "s", "", "m", "-1m", "1.5h", "1w", "10m\n"])
def test_an_odd_since_is_usage(since: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        moment(since)
    assert caught.value.code == USAGE


@pytest.mark.parametrize("text", ["2026-01-31T08:00:00", "2026-01-31", "now", "31.1.2026", "2026-13-01T00:00:00Z"])
def test_a_time_without_its_offset_is_usage(text: str) -> None:
    with pytest.raises(ConsoleError, match="a time with its offset, such as 2026-01-31T08:00:00") as caught:
        moment(text)
    assert caught.value.code == USAGE


def test_a_time_with_its_offset_is_that_moment() -> None:
    assert moment("2026-01-31T08:00:00+08:00") == moment("2026-01-31T00:00:00Z") == datetime(2026, 1, 31, tzinfo=UTC)


def test_start_is_the_beginning() -> None:
    assert moment("start") == START


@pytest.mark.parametrize("wanted", [["orders", "hodls"], ["hodls"], [""]])
def test_a_topic_that_is_not_there_is_usage(wanted: list[str]) -> None:
    with pytest.raises(ConsoleError) as caught:
        _topics(wanted)
    assert caught.value.code == USAGE


def test_verify_reads_structured_mode_and_capitals() -> None:
    one = _record(in_structured_mode())
    other = _record(a_record(VALUE, [(name.upper(), value) for name, value in with_headers()]))

    assert (one.event_id, one.source, one.type) == ("e-1", "/partner/cms", POST.type)
    assert (other.event_id, other.sequence) == ("e-1", 7)


@pytest.mark.parametrize("sequence", ["²", "9" * 5000, "-1", "x"])
def test_verify_passes_over_an_odd_sequence(sequence: str) -> None:
    assert _record(a_record(VALUE, with_headers(ce_sequence=sequence.encode()))).sequence == 0


def of_kafka(raw: Raw) -> Any:  # noqa: ANN401  # as aiokafka gives it
    headers = [(name.decode(errors="surrogateescape"), value) for name, value in raw.headers]
    return StoredRecord("lutong.feed.posts", 0, 0, raw.timestamp, raw.key, raw.value, headers)


@pytest.mark.parametrize("seed", range(4))
def test_any_record_is_shown_and_verified(seed: int) -> None:
    odd = OddRecords(seed, lambda key, _: PostPublished(post_id=key, author_id="a-1", text="路通"))
    for _ in range(2_500):
        record = of_kafka(odd.next().raw)
        shown = describe(record)
        assert json.loads(json_line(shown))["topic"] == "lutong.feed.posts"
        assert str(_record(record)).encode()


def test_what_was_sent_in_both_modes_looks_alike() -> None:
    binary, other = (
        describe(a_record(VALUE, with_headers())),
        describe(a_record(json.dumps(structured()).encode(), [("content-type", b"application/cloudevents+json")])),
    )

    assert {name: binary[name] for name in ("type", "id", "event")} == {
        name: other[name] for name in ("type", "id", "event")
    }


def test_deep_data_in_structured_mode_is_shown() -> None:
    assert describe(in_structured_mode(data={"a": nested(300)}))["type"] == POST.type
