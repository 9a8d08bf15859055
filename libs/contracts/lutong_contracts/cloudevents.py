"""Writing CloudEvents 1.0: the attributes around an outgoing event, in binary and in structured mode.

Sources: the CloudEvents 1.0.2 specification with its Kafka binding and JSON format; W3C Trace Context; RFC 3339.
"""

import json
from datetime import datetime
from typing import Any, Final, NamedTuple

from lutong_contracts.moments import written

STRUCTURED: Final = "application/cloudevents"
"""How the content type of structured mode begins."""

ATTRIBUTE_CHARACTERS_MAX: Final = 256
"""How long an attribute may be: an id, a source, a journey."""


Header = tuple[str, bytes]
"""Name and value, as aiokafka takes them."""


class Cause(NamedTuple):
    """Why something happens: the journey it is part of and the event that led to it."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None

    def in_trace_of(self, other: "Cause") -> "Cause":
        """This cause in the trace of what is done just now, unless it has one of its own: an order's journey was begun by another request."""
        return self if self.traceparent else self._replace(traceparent=other.traceparent)


class Envelope(NamedTuple):
    """The attributes of an event that is about to be published. Only the owner of a topic numbers its streams."""

    id: str
    source: str
    type: str
    time: datetime
    key: str
    sequence: int | None
    cause: Cause


def to_headers(envelope: Envelope) -> list[Header]:
    """Binary mode: every attribute is a header, the value is the event's JSON alone."""
    cause = envelope.cause
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_time", written(envelope.time).encode()),
        ("ce_partitionkey", envelope.key.encode()),
        ("ce_correlationid", cause.correlation_id.encode()),
        ("content-type", b"application/json"),
    ]
    if envelope.sequence is not None:
        headers.append(("ce_sequence", b"%d" % envelope.sequence))
    if cause.causation_id:
        headers.append(("ce_causationid", cause.causation_id.encode()))
    if cause.traceparent:
        headers.append(("traceparent", cause.traceparent.encode()))
    return headers


def to_structured(envelope: Envelope, data: bytes) -> bytes:
    """Structured mode: one JSON object holds the attributes and, under `data`, the event's JSON."""
    cause = envelope.cause
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "time": written(envelope.time),
        "partitionkey": envelope.key,
        "correlationid": cause.correlation_id,
        "causationid": cause.causation_id,
        "traceparent": cause.traceparent,
        "datacontenttype": "application/json",
        "data": json.loads(data),
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode()
