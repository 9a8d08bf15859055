"""The envelope around an event: CloudEvents 1.0 on Kafka, binary mode out, both modes in.

Sources: the CloudEvents 1.0.2 specification and its Kafka protocol binding; W3C Trace Context.
Nothing here raises anything but `MalformedError`: a record is either understood or has a reason.
Every event passes here twice, so its values are tuples, which are cheaper to make than frozen dataclasses.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import orjson
from pydantic import ValidationError

from lutong_contracts import Event, UnknownEventTypeError, event_class, sentences
from lutong_contracts.cloudevents import STRUCTURED, Cause, Envelope, to_headers

__all__ = [
    "Cause",
    "Envelope",
    "MalformedError",
    "Outgoing",
    "Received",
    "Record",
    "describe",
    "place",
    "read",
    "read_document",
    "to_headers",
]

E_co = TypeVar("E_co", bound=Event, covariant=True)

_TEXT_MAX: Final = 256
TRACEPARENT: Final = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_REQUIRED: Final = ("id", "source", "type")
_ATTRIBUTES: Final = (*_REQUIRED, "specversion", "time", "sequence", "partitionkey", "correlationid", "causationid")
_HEADERS: Final = {f"ce_{name}": name for name in _ATTRIBUTES} | {
    name: name for name in ("content-type", "traceparent")
}
"""The headers that say something to us, and what they say. Others are not looked at."""


class MalformedError(ValueError):
    """A record that cannot be understood. `reason` is a stable word, the message says what and where.

    `pointer` is where in the CloudEvent, as a JSON pointer; empty when it is not about one place.
    """

    def __init__(self, reason: str, detail: str, pointer: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.pointer = pointer


class Record(Protocol):
    """What this module needs of a Kafka record (aiokafka's ConsumerRecord has it)."""

    @property
    def topic(self) -> str: ...  # noqa: D102  # these are Kafka's own words
    @property
    def partition(self) -> int: ...  # noqa: D102  # the same
    @property
    def offset(self) -> int: ...  # noqa: D102  # the same
    @property
    def timestamp(self) -> int: ...  # noqa: D102  # the same
    @property
    def key(self) -> bytes | None: ...  # noqa: D102  # the same
    @property
    def value(self) -> bytes | None: ...  # noqa: D102  # the same
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102  # the same


class Outgoing(NamedTuple):
    """An event on its way out, with its cause; not before `due_at`, when that is given."""

    event: Event
    cause: Cause
    due_at: datetime | None = None


class Received(NamedTuple, Generic[E_co]):
    """An event that arrived, and what its envelope said. `time` is when it happened, by its source."""

    event: E_co
    id: str
    source: str
    time: datetime
    key: str
    sequence: int | None
    cause: Cause
    topic: str
    partition: int
    offset: int
    recorded_at: datetime

    @property
    def as_cause(self) -> Cause:
        """What follows from this event is on the same journey."""
        return Cause(self.cause.correlation_id, self.id, self.cause.traceparent)

    def causes(self, event: Event, *, due_at: datetime | None = None) -> Outgoing:
        """Say that `event` follows from this one (at `due_at`, when it is a deadline)."""
        return Outgoing(event, self.as_cause, due_at)


def read(record: Record) -> Received[Event]:
    """Understand a record in either mode, or raise `MalformedError` with the reason."""
    attributes, data = _headers(record), record.value or b""
    if attributes.get("content-type", "").startswith(STRUCTURED):
        inside, data = _structured(data)
        attributes = inside | {"traceparent": attributes.get("traceparent") or inside.get("traceparent", "")}
    _check_attributes(attributes)
    event = _event(attributes["type"], data, record.topic)
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return _received(event, _key(record, event), attributes, place(record), at)


def read_document(document: bytes, at: datetime) -> Received[Event]:
    """Understand a CloudEvent in structured mode that no topic was around; it has no place on one (offset -1)."""
    attributes, data = _structured(document)
    _check_attributes(attributes)
    event = _event(attributes["type"], data, None)
    if attributes.get("partitionkey", event.key) != event.key:
        raise MalformedError(
            "wrong_key", f"partitionkey is not the event's {':'.join(event.key_fields)}", "/partitionkey"
        )
    return _received(event, event.key, attributes, (event.topic.name, -1, -1), at)


def _headers(record: Record) -> dict[str, str]:
    found = {}
    try:
        for name, value in record.headers:
            known = _HEADERS.get(name) or _HEADERS.get(name.lower())
            if known:
                found[known] = value.decode() if value else ""
    except UnicodeDecodeError as error:
        name = next(name for name, value in record.headers if value == error.object)
        raise MalformedError("bad_header", f"header {name!r} is not UTF-8") from None
    return found


def _structured(value: bytes) -> tuple[dict[str, str], bytes]:
    """Structured mode: one JSON object holds the attributes and, under `data`, the event."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        why = sentences.not_json(value) or "it is not JSON in UTF-8"
        raise MalformedError("bad_bytes", f"the structured CloudEvent cannot be read: {why}") from None
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise MalformedError("bad_bytes", "structured CloudEvent must be an object with an object under 'data'")
    said = {name: str(document[name]) for name in (*_ATTRIBUTES, "traceparent") if document.get(name) is not None}
    return said, orjson.dumps(document["data"])


def _check_attributes(attributes: Mapping[str, str]) -> None:
    for name in _REQUIRED:
        if not attributes.get(name):
            raise MalformedError("bad_header", f"CloudEvents attribute '{name}' is missing", f"/{name}")
    if attributes.get("specversion") != "1.0":
        raise MalformedError("bad_header", "CloudEvents attribute 'specversion' must be 1.0", "/specversion")
    values = attributes.values()
    if max(map(len, values)) > _TEXT_MAX or "\x00" in "".join(values):
        for name in _ATTRIBUTES:  # a trace context that makes no sense is only passed over
            text = attributes.get(name, "")
            if len(text) > _TEXT_MAX or "\x00" in text:
                detail = f"CloudEvents attribute '{name}' is longer than {_TEXT_MAX} or has NUL"
                raise MalformedError("bad_header", detail, f"/{name}")


def _event(event_type: str, data: bytes, topic: str | None) -> Event:
    try:
        cls = event_class(event_type)
    except UnknownEventTypeError:
        raise MalformedError(
            "unknown_type", f"no event type {event_type!r} in this version of the contracts", "/type"
        ) from None
    if topic is not None and cls.topic.name != topic:
        raise MalformedError("wrong_topic", f"{event_type} belongs on {cls.topic.name}, not on {topic}")
    if len(data) > cls.topic.max_message_bytes:
        raise MalformedError("too_large", f"{len(data)} bytes; {cls.topic.name} takes {cls.topic.max_message_bytes}")
    try:
        return cls.model_validate_json(data)
    except ValidationError as error:
        raise _malformed(error, data, cls) from None


def _malformed(error: ValidationError, data: bytes, cls: type[Event]) -> MalformedError:
    """Why an event is not what its type says, in a sentence."""
    errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        why = sentences.not_json(data) or "it is not JSON"
        empty = "the record has no value; these topics have no tombstones"
        return MalformedError("bad_bytes", f"the event cannot be read: {why}" if data else empty, "/data")
    found = sentences.wrongs(errors, cls)
    return MalformedError("invalid", sentences.summary(found), f"/data{found[0].pointer}")


def _received(
    event: Event, key: str, attributes: Mapping[str, str], where: tuple[str, int, int], recorded_at: datetime
) -> Received[Event]:
    traceparent = attributes.get("traceparent")
    traceparent = traceparent if traceparent and TRACEPARENT.match(traceparent) else None
    correlation_id = attributes.get("correlationid") or attributes["id"]
    return Received(
        event,
        attributes["id"],
        attributes["source"],
        _time(attributes.get("time"), recorded_at),
        key,
        _sequence(attributes.get("sequence")),
        Cause(correlation_id, attributes.get("causationid") or None, traceparent),
        *where,
        recorded_at,
    )


def _key(record: Record, event: Event) -> str:
    """The record's key decides the partition, so a wrong one would silently break per-key order."""
    key = event.key
    if record.key != key.encode():
        raise MalformedError("wrong_key", f"the record's key is not the event's {':'.join(event.key_fields)}")
    return key


def _time(text: str | None, recorded_at: datetime) -> datetime:
    if not text:
        return recorded_at
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedError("bad_header", "CloudEvents attribute 'time' is not RFC 3339", "/time") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _sequence(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def place(record: Record) -> tuple[str, int, int]:
    """Where a record is: topic, partition, offset."""
    return record.topic, record.partition, record.offset


def describe(record: Record) -> dict[str, Any]:
    """Where a record is, for logs and errors; never what it says."""
    return dict(zip(("topic", "partition", "offset"), place(record), strict=True))
