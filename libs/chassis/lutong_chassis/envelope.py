"""The envelope around an event: CloudEvents 1.0 on Kafka, binary mode out, both modes in.

Sources: the CloudEvents 1.0.2 specification and its Kafka protocol binding; W3C Trace Context.
Nothing here raises anything but `MalformedError`: a record is either parsed or has a reason. That holds by
mechanism: any other exception while a record is read becomes a `MalformedError`.
Every event passes here twice, so its values are NamedTuples, which are cheaper to make than frozen dataclasses.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from lutong_chassis import attributes
from lutong_chassis.attributes import Headers, MalformedError
from lutong_chassis.batches import UndecodableBatch
from lutong_contracts import Event, UnknownEventTypeError, event_class, event_types, sentences
from lutong_contracts.cloudevents import Cause, Envelope, to_headers
from lutong_contracts.moments import moment_of_ms

__all__ = [
    "Cause",
    "Envelope",
    "Incoming",
    "MalformedError",
    "Outgoing",
    "Place",
    "Received",
    "Record",
    "UnknownTypeError",
    "decode",
    "describe",
    "place",
    "read",
    "read_document",
    "to_headers",
]

E_co = TypeVar("E_co", bound=Event, covariant=True)

_TYPE: Final = re.compile(r"lutong\.[a-z0-9-]+\.[a-z][a-z0-9-]{0,99}\.v[1-9][0-9]{0,3}")
"""A type as our contracts name them."""

TRACEPARENT: Final = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


class Place(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


class UnknownTypeError(MalformedError):
    """A type that this version of the contracts lacks, of the family of its topic: its owner has newer contracts.

    `older` is the newest version of the same event that is known, if one is.
    """

    def __init__(self, event_type: str, older: type[Event] | None) -> None:
        reason, detail = "unknown_type", f"no event type {event_type!r} in this version of the contracts"
        if older is not None:
            reason = "newer_version"
            detail = f"{event_type} is newer than {older.type}: upgrade this service, which then takes the record up by itself"
        super().__init__(reason, detail, "/type")
        self.type = event_type
        self.older = older


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
    def headers(self) -> Headers: ...  # noqa: D102  # the same


class Outgoing(NamedTuple):
    """An event to publish, with its cause; with `due_at`, a deadline: it is published at that time, not before."""

    event: Event
    cause: Cause
    due_at: datetime | None = None


class Received(NamedTuple, Generic[E_co]):
    """An event that arrived, and its envelope.

    `id` and `source` identify it; `time` is when it happened, by its source; `key` orders it; `sequence` is its number in
    its stream (topic and key), if its publisher counts. `topic`, `partition` and `offset` are its place (offset -1 when it
    came over HTTP). `recorded_at` is when the broker recorded it, None when that timestamp is no date.

        return [post.causes(ServiceDiscovered(post_id=post.event.post_id, ...)) for post in batch]
    """

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
    recorded_at: datetime | None
    content: bytes | None = None
    """A hash of type and data: another event under the same id has another one. None: not compared."""

    @property
    def as_cause(self) -> Cause:
        """The cause of what follows from this event: the same journey, caused by its id."""
        return Cause(self.cause.correlation_id, self.id, self.cause.traceparent)

    def causes(self, event: Event, *, due_at: datetime | None = None) -> Outgoing:
        """An outgoing event that this one causes (a deadline, with `due_at`)."""
        return Outgoing(event, self.as_cause, due_at)


def read(record: Record) -> Received[Event]:
    """Parse a record in either mode. Raises `MalformedError` with the reason, and nothing else."""
    try:
        return _read(record)
    except MalformedError:
        raise
    except Exception as error:
        raise _unforeseen(error) from error


def decode(record: Record) -> Received[Event] | MalformedError:
    """Parse a record in either mode, or return the reason why it cannot be parsed. Never raises."""
    try:
        return read(record)
    except MalformedError as malformed:
        return malformed


class Incoming:
    """A record of a poll and its decoded content: decoded at the first access, once, however often it is tried."""

    __slots__ = ("_outcome", "record")

    def __init__(self, record: Record, outcome: Received[Event] | MalformedError | None = None) -> None:
        self.record = record
        self._outcome = outcome

    @property
    def outcome(self) -> Received[Event] | MalformedError:
        """The event, or the reason why the record cannot be parsed."""
        if self._outcome is None:
            self._outcome = decode(self.record)
        return self._outcome


def read_document(document: object, at: datetime) -> Received[Event]:
    """Parse a CloudEvent in structured mode that did not come from a topic; its place has the offset -1.

    `document` is its bytes, or what they were parsed to. Raises `MalformedError`, and nothing else.
    """
    try:
        return _read_document(document, at)
    except MalformedError:
        raise
    except Exception as error:
        raise _unforeseen(error) from error


def _read(record: Record) -> Received[Event]:
    if isinstance(record, UndecodableBatch):
        raise MalformedError(UndecodableBatch.reason, record.error)
    found, data = attributes.of_record(record)
    attributes.check(found)
    event = _event(found["type"], data, record.topic)
    kept = _Kept(moment_of_ms(record.timestamp), _content(found["type"], data))
    return _received(event, _key(record, event), found, place(record), kept)


def _read_document(document: object, at: datetime) -> Received[Event]:
    found, data = attributes.of_document(document) if isinstance(document, bytes) else attributes.of_object(document)
    attributes.check(found)
    event = _event(found["type"], data, None)
    if found.get("partitionkey", event.key) != event.key:
        raise MalformedError(
            "wrong_key", f"partitionkey is not the event's {':'.join(event.key_fields)}", "/partitionkey"
        )
    return _received(event, event.key, found, Place(event.topic.name, -1, -1), _Kept(at, _content(found["type"], data)))


def _unforeseen(error: Exception) -> MalformedError:
    """An error that no rule foresees counts as a defect of the record: it is parked, and others go on."""
    return MalformedError("unreadable", f"{type(error).__name__} while it was read")


def _event(event_type: str, data: bytes, topic: str | None) -> Event:
    try:
        cls = event_class(event_type)
    except UnknownEventTypeError:
        raise _unknown(event_type, topic) from None
    if topic is not None and cls.topic.name != topic:
        raise MalformedError("wrong_topic", f"{event_type} belongs on {cls.topic.name}, not on {topic}")
    if len(data) > cls.topic.max_message_bytes:
        raise MalformedError("too_large", f"{len(data)} bytes; {cls.topic.name} takes {cls.topic.max_message_bytes}")
    try:
        return cls.model_validate_json(data)
    except ValidationError as error:
        raise _malformed(error, data, cls) from None


def _unknown(event_type: str, topic: str | None) -> MalformedError:
    """A type of the topic's owner that only newer contracts have, or one that no contracts have."""
    owner = topic.split(".")[1] if topic else None
    if owner is None or not _TYPE.fullmatch(event_type) or event_type.split(".")[1] != owner:
        return MalformedError("unknown_type", f"no event type {event_type!r} in this version of the contracts", "/type")
    family, _, version = event_type.rpartition(".v")
    known = {
        int(each.rpartition(".v")[2]): event
        for each, event in event_types().items()
        if each.startswith(f"{family}.v") and int(each.rpartition(".v")[2]) < int(version)
    }
    return UnknownTypeError(event_type, known[max(known)] if known else None)


def _malformed(error: ValidationError, data: bytes, cls: type[Event]) -> MalformedError:
    """Why an event does not match its type, in a sentence."""
    errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        why = sentences.not_json(data) or "it is not JSON"
        empty = "the record has no value; these topics have no tombstones"
        return MalformedError("bad_bytes", f"the event cannot be read: {why}" if data else empty, "/data")
    found = sentences.wrongs(errors, cls)
    return MalformedError("invalid", sentences.summary(found), f"/data{found[0].pointer}")


def _content(event_type: str, data: bytes) -> bytes:
    return blake2b(event_type.encode() + b"\n" + data, digest_size=16).digest()


class _Kept(NamedTuple):
    """The last two fields of `Received`."""

    recorded_at: datetime | None
    content: bytes


def _received(event: Event, key: str, found: Mapping[str, str], where: Place, kept: _Kept) -> Received[Event]:
    traceparent = found.get("traceparent")
    traceparent = traceparent if traceparent and TRACEPARENT.match(traceparent) else None
    time = attributes.moment(text) if (text := found.get("time")) else kept.recorded_at
    if time is None:
        raise MalformedError("bad_header", "'time' is missing, and the record's timestamp is no date either", "/time")
    return Received(
        event,
        found["id"],
        found["source"],
        time,
        key,
        _sequence(found.get("sequence")),
        Cause(found.get("correlationid") or found["id"], found.get("causationid") or None, traceparent),
        *where,
        *kept,
    )


def _key(record: Record, event: Event) -> str:
    """The record's key decides the partition, so a wrong one would silently break per-key order."""
    key = event.key
    if record.key != key.encode():
        raise MalformedError("wrong_key", f"the record's key is not the event's {':'.join(event.key_fields)}")
    return key


def _sequence(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def place(record: Record) -> Place:
    """Where a record is."""
    return Place(record.topic, record.partition, record.offset)


def describe(record: Record) -> dict[str, str | int]:
    """Where a record is, for logs and errors; never its content."""
    return place(record)._asdict()
