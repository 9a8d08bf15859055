"""Whatever is in a record ends as an event or as a reason. Each input stopped a service, or was read wrongly, before."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutong_chassis import envelope
from lutong_chassis.envelope import MalformedError, Received, read, read_document
from tests.unit.chassis.test_envelope import NOW, POST, VALUE, a_record, with_headers

STRUCTURED = [("content-type", b"application/cloudevents+json")]
DOTNET_ZERO_MS = -62_135_625_600_000
"""What .NET's DateTime.MinValue in +08:00 is: in the year 0."""


def structured(**changes: object) -> dict[str, Any]:
    """A CloudEvent in structured mode; None drops an attribute."""
    whole: dict[str, Any] = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/partner/cms",
        "type": POST.type,
        "time": "2026-11-23T09:30:00.123456Z",
        "data": POST.model_dump(mode="json"),
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def in_structured_mode(**changes: object) -> Any:  # noqa: ANN401  # a record
    return a_record(json.dumps(structured(**changes)).encode(), list(STRUCTURED))


def nested(levels: int) -> Any:  # noqa: ANN401  # arrays in arrays
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


def reason_of(record: Any) -> MalformedError:  # noqa: ANN401  # the same
    with pytest.raises(MalformedError) as caught:
        read(record)
    return caught.value


@pytest.mark.parametrize("levels", [190, 201, 253, 254, 255, 300, 500, 900])
def test_deep_data_is_read_or_refused(levels: int) -> None:
    record = in_structured_mode(data=POST.model_dump(mode="json") | {"unknown": nested(levels)})
    if levels < 200:
        assert read(record).event == POST
    else:
        assert reason_of(record).reason == "bad_bytes"


@pytest.mark.parametrize("levels", [5_000, 100_000])
def test_data_that_no_parser_takes_is_refused(levels: int) -> None:
    value = b'{"data":' + b"[" * levels + b"]" * levels + b"}"

    assert reason_of(a_record(value, list(STRUCTURED))).reason == "bad_bytes"
    assert reason_of(a_record(value, with_headers())).reason == "bad_bytes"


@pytest.mark.parametrize(
    "timestamp",
    [DOTNET_ZERO_MS, -62_135_596_800_001 - 400 * 86_400_000, 1_732_800_000_000_000, -(2**63), 2**63 - 1, -1, -2],
)
def test_a_timestamp_that_is_no_date_does_not_matter(timestamp: int) -> None:
    received = read(at(timestamp, with_headers()))

    assert (received.event, received.time, received.recorded_at) == (POST, NOW, None)


@pytest.mark.parametrize("timestamp", [DOTNET_ZERO_MS, -1, 1_732_800_000_000_000])
def test_an_event_without_any_date_is_refused_for_it(timestamp: int) -> None:
    error = reason_of(at(timestamp, with_headers(ce_time=None)))

    assert (error.reason, error.pointer) == ("bad_header", "/time")


def test_an_event_without_time_has_that_of_its_record() -> None:
    assert read(at(1_700_000_000_123, with_headers(ce_time=None))).time == datetime(
        2023, 11, 14, 22, 13, 20, 123_000, UTC
    )


def at(timestamp: int, headers: Any) -> Any:  # noqa: ANN401  # headers and a record
    return replace(a_record(VALUE, headers), timestamp=timestamp)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-04-05t17:31:00z", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T15:59:60-08:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T23:59:60.5Z", datetime(1991, 1, 1, 0, 0, 0, 500_000, UTC)),
        ("1985-04-12T23:20:50.52Z", datetime(1985, 4, 12, 23, 20, 50, 520_000, UTC)),
        ("1996-12-19T16:39:57-08:00", datetime(1996, 12, 20, 0, 39, 57, tzinfo=UTC)),
        ("1937-01-01T12:00:27.87+00:20", datetime(1937, 1, 1, 11, 40, 27, 870_000, UTC)),
        ("2018-04-05T17:31:00.123456789Z", datetime(2018, 4, 5, 17, 31, 0, 123_456, UTC)),
        ("2018-04-05T17:31:00-00:00", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_of_rfc_3339_is_taken(text: str, moment: datetime) -> None:
    assert read(a_record(VALUE, with_headers(ce_time=text.encode()))).time == moment
    assert read(in_structured_mode(time=text)).time == moment


@pytest.mark.parametrize(
    "text",
    [
        "20180405",
        "20180405T173100Z",
        "2018-W14-4",
        "2018-W14-4T17:31:00Z",
        "2018-095T17:31:00Z",
        "2018-04-05",
        "2018-04-05T17:31:00",
        "2018-04-05 17:31:00Z",
        "2018-04-05T17:31Z",
        "2018-04-05T17:31:00,5Z",
        "2018-04-05T17:31:00+08",
        "2018-04-05T17:31:00+0800",
        "2018-04-05T24:00:00Z",
        "2018-04-05T17:31:60Z",
        "2018-04-05T17:31:61Z",
        "2018-02-30T17:31:00Z",
        "2018-04-05T17:31:00+24:00",
        "２０１８-04-05T17:31:00Z",  # digits of full width
        "2018-04-05T17:31:00Z\n",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+08:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:60Z",
    ],
)
def test_another_time_is_refused(text: str) -> None:
    for error in (
        reason_of(a_record(VALUE, with_headers(ce_time=text.encode()))),
        reason_of(in_structured_mode(time=text)),
    ):
        assert (error.reason, error.pointer) == ("bad_header", "/time")


@pytest.mark.parametrize(
    "name", ["id", "source", "type", "specversion", "time", "sequence", "correlationid", "causationid"]
)
@pytest.mark.parametrize("value", [100_000_000_000_000_000_001, 1, 1.0, True, False, {}, ["a"], 0])
def test_an_attribute_that_is_no_string_is_refused(name: str, value: object) -> None:
    error = reason_of(in_structured_mode(**{name: value}))

    assert (error.reason, error.pointer) == ("bad_header", f"/{name}")


def test_two_large_numbers_as_ids_are_not_one_event() -> None:
    with pytest.raises(MalformedError):
        read_document(json.dumps(structured(id=100_000_000_000_000_000_001)).encode(), NOW)
    with pytest.raises(MalformedError):
        read_document(json.dumps(structured(id=100_000_000_000_000_000_002)).encode(), NOW)


@pytest.mark.parametrize(
    "content_type",
    [
        "Application/CloudEvents+JSON",
        "APPLICATION/CLOUDEVENTS+JSON; charset=UTF-8",
        "application/cloudevents",
        " application/cloudevents+json;charset=utf-8",
    ],
)
def test_a_content_type_may_be_in_capitals(content_type: str) -> None:
    record = a_record(json.dumps(structured()).encode(), [("Content-Type", content_type.encode())])

    assert read(record).id == "e-1"


@pytest.mark.parametrize("form", ["application/cloudevents-batch+json", "application/cloudevents+avro"])
def test_another_form_is_refused_by_its_name(form: str) -> None:
    error = reason_of(a_record(json.dumps([structured()]).encode(), [("content-type", form.encode())]))

    assert error.reason == "bad_bytes"
    assert form in error.detail


def test_data_in_base64_is_read() -> None:
    assert read(in_structured_mode(data=None, data_base64=base64.b64encode(VALUE).decode())).event == POST


@pytest.mark.parametrize(
    "changes",
    [
        {"data": None, "data_base64": "not base64"},
        {"data": None, "data_base64": 7},
        {"data_base64": "e30="},
        {"data": None, "data_base64": "AA=="},
    ],
)
def test_data_in_base64_is_refused_by_its_name(changes: dict[str, object]) -> None:
    error = reason_of(in_structured_mode(**changes))

    assert (error.reason, error.pointer) == ("bad_bytes", "/data_base64")
    assert "data_base64" in error.detail


def test_of_two_equal_headers_the_last_counts() -> None:
    assert read(a_record(VALUE, [*with_headers(), ("ce_id", b"e-2"), ("CE_ID", b"e-3")])).id == "e-3"


def test_an_exception_that_nobody_foresaw_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OverflowError("quotes the record: 13800138000")

    monkeypatch.setattr(envelope, "event_class", fails)

    error = reason_of(a_record(VALUE, with_headers()))
    assert (error.reason, error.detail) == ("unreadable", "OverflowError while it was read")


class Broken:
    """A record that cannot even be asked."""

    topic, partition, offset, timestamp, key, value = "t", 0, 0, 0, None, None

    @property
    def headers(self) -> Any:  # noqa: ANN401  # never gives any
        raise RecursionError


def test_a_record_that_cannot_be_asked_is_a_reason() -> None:
    assert reason_of(Broken()).reason == "unreadable"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
names = st.sampled_from(["ce_id", "CE_Source", "ce_type", "ce_time", "ce_specversion", "content-type", "traceparent"])
values = (
    st.none() | st.binary(max_size=300) | st.sampled_from([b"1.0", POST.type.encode(), b"application/cloudevents+json"])
)
header_lists = st.lists(st.tuples(names | st.text(), values), max_size=12)
documents = st.dictionaries(
    st.sampled_from([*structured(), "data_base64", "traceparent"]), json_values, max_size=9
).map(lambda changes: json.dumps(structured() | changes).encode())


@settings(max_examples=400)
@given(
    value=st.none() | st.binary() | documents | json_values.map(lambda value: json.dumps(value).encode()),
    headers=header_lists | st.just(list(STRUCTURED)) | header_lists.map(lambda extra: [*with_headers(), *extra]),
    key=st.none() | st.binary(max_size=5000) | st.just(b"p-1"),
    timestamp=st.integers(-(2**63), 2**63 - 1),
)
def test_any_record_is_an_event_or_a_reason(value: Any, headers: Any, key: bytes | None, timestamp: int) -> None:  # noqa: ANN401  # anything
    record = replace(a_record(value, headers, key), timestamp=timestamp)
    try:
        outcome: Received[Any] | MalformedError = read(record)
    except MalformedError as malformed:
        outcome = malformed
    assert isinstance(outcome, Received) or outcome.reason


@settings(max_examples=400)
@given(document=st.binary() | documents | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_document_is_an_event_or_a_reason(document: bytes) -> None:
    try:
        outcome: Received[Any] | MalformedError = read_document(document, NOW)
    except MalformedError as malformed:
        outcome = malformed
    assert isinstance(outcome, Received) or outcome.reason


@given(text=st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()))
def test_any_time_of_python_comes_back_as_it_was(text: str) -> None:
    assert read(in_structured_mode(time=text)).time == datetime.fromisoformat(text)


def test_what_is_read_again_is_what_was_sent() -> None:
    data = POST.model_dump(mode="json") | {"unknown": {"a": [1, 2.5, None, True, "路"]}}

    assert read(in_structured_mode(data=data)).event == read(a_record(orjson.dumps(data), with_headers())).event
