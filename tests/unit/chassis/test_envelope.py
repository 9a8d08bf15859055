"""The envelope against an oracle: the CloudEvents SDK reads what we write, and we read what it writes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from lutong_chassis.commands.asked import Asked, Claim
from lutong_chassis.envelope import Cause, Envelope, MalformedError, UnknownTypeError, read, to_headers
from lutong_chassis.parking import StoredRecord
from lutong_chassis.testing import a_member
from lutong_contracts.feed import PostPublished

NOW = datetime(2026, 11, 23, 9, 30, 0, 123456, UTC)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
POST = PostPublished(post_id="p-1", author_id="a-1", text="路通 🎉 the road is through")
ENVELOPE = Envelope("e-1", "/lutong/feed", POST.type, NOW, "p-1", 7, Cause("j-1", "e-0", PARENT))


def a_record(
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
    key: bytes | None = b"p-1",
    topic: str = "lutong.feed.posts",
) -> StoredRecord:
    return StoredRecord(topic, 3, 42, 1_700_000_000_000, key, value, headers)


def with_headers(**changes: bytes | None) -> list[tuple[str, bytes | None]]:
    """Our headers, some of them replaced (`ce_id=…`) or dropped (None)."""
    names = {name.replace("content_type", "content-type"): value for name, value in changes.items()}
    kept: list[tuple[str, bytes | None]] = [(name, value) for name, value in to_headers(ENVELOPE) if name not in names]
    return kept + [(name, value) for name, value in names.items() if value is not None]


def test_the_sdk_reads_what_we_write() -> None:
    headers: dict[str, Any] = {name: value for name, value in to_headers(ENVELOPE) if name != "traceparent"}
    event = from_binary(KafkaMessage(headers=headers, key=b"p-1", value=POST.model_dump_json().encode()), JSONFormat())

    assert (event.get_id(), event.get_source(), event.get_type()) == ("e-1", "/lutong/feed", POST.type)
    assert event.get_time() == NOW
    assert event.get_datacontenttype() == "application/json"
    extensions = {
        name: event.get_extension(name) for name in ("sequence", "correlationid", "causationid", "partitionkey")
    }
    assert extensions == {"sequence": "7", "correlationid": "j-1", "causationid": "e-0", "partitionkey": "p-1"}
    assert event.get_data() == POST.model_dump(mode="json")


def oracle(text: str) -> CloudEvent:
    attributes = {
        "id": "e-9",
        "source": "/partner/shop",
        "type": POST.type,
        "specversion": "1.0",
        "time": NOW,
        "datacontenttype": "application/json",
        "correlationid": "j-9",
        "partitionkey": "p-1",
    }
    return CloudEvent(attributes, {"post_id": "p-1", "author_id": "a-1", "text": text})


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=199).map("茶{}".format)
"""Texts that a post may have: with something that can be seen."""


@given(texts)
def test_we_read_what_the_sdk_writes_in_binary_mode(text: str) -> None:
    message = to_binary(oracle(text), JSONFormat())
    received = read(a_record(message.value, list(message.headers.items())))

    assert received.event == PostPublished(post_id="p-1", author_id="a-1", text=text)
    assert (received.id, received.source, received.cause.correlation_id) == ("e-9", "/partner/shop", "j-9")
    assert received.time == NOW


@given(texts)
def test_we_read_what_the_sdk_writes_in_structured_mode(text: str) -> None:
    message = to_structured(oracle(text), JSONFormat())
    received = read(a_record(message.value, list(message.headers.items())))

    assert received.event == PostPublished(post_id="p-1", author_id="a-1", text=text)
    assert (received.id, received.cause.correlation_id, received.time) == ("e-9", "j-9", NOW)


def test_what_we_write_we_read_with_its_trace_context() -> None:
    received = read(a_record(POST.model_dump_json().encode(), with_headers()))

    assert received.event == POST
    assert received.cause == Cause("j-1", "e-0", PARENT)
    assert received.as_cause == Cause("j-1", "e-1", PARENT)
    assert (received.sequence, received.key) == (7, "p-1")


VALUE = POST.model_dump_json().encode()


@pytest.mark.parametrize("traceparent", [b"", b"00-yes-no-01", b"x" * 300, b"a\x00b"])
def test_a_trace_context_that_makes_no_sense_is_passed_over(traceparent: bytes) -> None:
    received = read(a_record(VALUE, with_headers(traceparent=traceparent)))

    assert (received.event, received.cause) == (POST, Cause("j-1", "e-0", None))


def test_headers_that_mean_nothing_to_us_are_not_looked_at() -> None:
    foreign = [("baggage", b"\xff" * 9_000), ("id", b"another"), ("ce_shop", b"x" * 9_000), ("content-type", None)]

    assert read(a_record(VALUE, [*with_headers(content_type=None), *foreign])).id == "e-1"


def test_the_names_of_headers_may_be_written_in_capitals() -> None:
    received = read(a_record(VALUE, [(name.upper(), value) for name, value in with_headers()]))

    assert (received.id, received.sequence, received.cause) == ("e-1", 7, ENVELOPE.cause)


@pytest.mark.parametrize(
    ("reason", "record"),
    [
        ("bad_header", a_record(VALUE, with_headers(ce_id=None))),
        ("bad_header", a_record(VALUE, with_headers(ce_id=b""))),
        ("bad_header", a_record(VALUE, with_headers(ce_id=b"\xff\xfe"))),
        ("bad_header", a_record(VALUE, with_headers(ce_source=b"x" * 300))),
        ("bad_header", a_record(VALUE, with_headers(ce_source=b"a\x00b"))),
        ("bad_header", a_record(VALUE, with_headers(ce_specversion=b"0.3"))),
        ("bad_header", a_record(VALUE, with_headers(ce_time=b"yesterday"))),
        ("bad_header", a_record(VALUE, [])),
        ("bad_header", a_record(VALUE, [("ce_id", None)])),
        ("newer_version", a_record(VALUE, with_headers(ce_type=b"lutong.feed.post-published.v9"))),
        ("unknown_type", a_record(VALUE, with_headers(ce_type=b"lutong.feed.post-pinned.v1"))),
        ("unknown_type", a_record(VALUE, with_headers(ce_type=b"lutong.registry.post-pinned.v1"))),
        ("unknown_type", a_record(VALUE, with_headers(ce_type=b"com.example.pinned"))),
        ("wrong_topic", a_record(VALUE, with_headers(), topic="lutong.feed.engagements")),
        ("wrong_key", a_record(VALUE, with_headers(), key=b"p-2")),
        ("wrong_key", a_record(VALUE, with_headers(), key=None)),
        ("invalid", a_record(b'{"post_id": "p-1"}', with_headers())),
        ("invalid", a_record(b'{"post_id": "p-1", "author_id": "a", "text": "a\\u0000b"}', with_headers())),
        ("bad_bytes", a_record(b"\xff\xfe", with_headers())),
        ("bad_bytes", a_record(None, with_headers())),
        ("too_large", a_record(b" " * 2_000_000, with_headers())),
        ("bad_bytes", a_record(b"[1]", with_headers(content_type=b"application/cloudevents+json"))),
        ("bad_bytes", a_record(b'{"data_base64": "AA=="}', with_headers(content_type=b"application/cloudevents+json"))),
        ("bad_header", a_record(b'{"data": {}}', with_headers(content_type=b"application/cloudevents+json"))),
    ],
)
def test_a_malformed_record_is_explained(reason: str, record: StoredRecord) -> None:
    with pytest.raises(MalformedError) as caught:
        read(record)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("event_type", "older"),
    [
        ("lutong.feed.post-pinned.v1", None),
        ("lutong.feed.post-pinned.v2", None),
        ("lutong.feed.post-published.v9", PostPublished),
    ],
)
def test_a_type_of_the_topics_owner_may_be_of_a_newer_version(event_type: str, older: type | None) -> None:
    with pytest.raises(UnknownTypeError) as caught:
        read(a_record(VALUE, with_headers(ce_type=event_type.encode())))
    assert (caught.value.type, caught.value.older) == (event_type, older)


@pytest.mark.parametrize(
    "event_type", ["lutong.registry.post-pinned.v1", "com.example.pinned.v1", "lutong.feed.Pinned.v1", "lutong.feed.x"]
)
def test_a_type_of_nobody_here_is_bad_input(event_type: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(a_record(VALUE, with_headers(ce_type=event_type.encode())))
    assert not isinstance(caught.value, UnknownTypeError)


@given(
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "content-type", "traceparent"]
            ),
            st.none() | st.binary(max_size=40),
        )
    ),
    key=st.none() | st.binary(max_size=10),
)
def test_reading_is_total(value: bytes | None, headers: list[tuple[str, bytes | None]], key: bytes | None) -> None:
    with pytest.raises(MalformedError):
        read(a_record(value, headers, key))


def test_events_on_another_journey_stay_in_the_trace_of_the_request() -> None:
    asked = Asked(POST, a_member("bo"), Cause("request", None, PARENT), Claim("scope", None, ""))
    of_the_order, of_another_trace = Cause("order", "e-0"), Cause("order", "e-0", PARENT[:-2] + "00")
    assert asked.causes(POST, of_the_order).cause == Cause("order", "e-0", PARENT)
    assert asked.causes(POST, of_another_trace).cause == of_another_trace
    assert asked.causes(POST).cause == asked.cause
