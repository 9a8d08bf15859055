"""The attributes of CloudEvents 1.0 around an event, and its data: read from a record or a document, in either mode.

The one reader for services, `POST /v1/events`, `lutong tail` and `lutong verify`.
Sources: the CloudEvents 1.0.2 specification with its Kafka binding and JSON format.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

import orjson

from lutong_contracts.cloudevents import ATTRIBUTE_CHARACTERS_MAX, STRUCTURED
from lutong_contracts.moments import moment_of

Header = tuple[str, bytes | None]
Headers = Sequence[Header]
"""Names and values, as aiokafka has them."""

REQUIRED: Final = ("id", "source", "type")
KNOWN: Final = (*REQUIRED, "specversion", "time", "sequence", "partitionkey", "correlationid", "causationid")
_HEADERS: Final = {f"ce_{name}": name for name in KNOWN} | {name: name for name in ("content-type", "traceparent")}
"""The headers that have a meaning here, and the attribute that each holds. Others are not looked at."""
_IN_DOCUMENT: Final = (*KNOWN, "traceparent")


class MalformedError(ValueError):
    """A record that cannot be understood. `reason` is a stable word; the message names what is wrong and where.

    `pointer` is where in the CloudEvent, as a JSON pointer; empty when it is not about one place.
    """

    def __init__(self, reason: str, detail: str, pointer: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.pointer = pointer


class Enveloped(Protocol):
    """What this module needs of a Kafka record."""

    @property
    def value(self) -> bytes | None: ...  # noqa: D102  # Kafka's own word
    @property
    def headers(self) -> Headers: ...  # noqa: D102  # the same


def of_record(record: Enveloped) -> tuple[dict[str, str], bytes]:
    """Attributes and data of a record in binary or structured mode. Raises `MalformedError`."""
    attributes, data = _of_headers(record.headers), record.value or b""
    kind = attributes.get("content-type", "")
    if kind != "application/json" and _is_structured(kind):
        inside, data = of_document(data)
        attributes = inside | {"traceparent": attributes.get("traceparent") or inside.get("traceparent", "")}
    return attributes, data


def of_document(document: bytes) -> tuple[dict[str, str], bytes]:
    """Attributes and data of a CloudEvent in structured mode, as it was sent. Raises `MalformedError`."""
    try:
        parsed = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise MalformedError("bad_bytes", f"structured CloudEvent is not JSON: {error}") from None
    return of_object(parsed)


def of_object(document: object) -> tuple[dict[str, str], bytes]:
    """Attributes and data of a CloudEvent in structured mode that is parsed already. Raises `MalformedError`.

    Attributes are strings. A number is refused: its digits are lost when it is parsed, and two ids become one.
    """
    if not isinstance(document, dict):
        raise MalformedError("bad_bytes", "structured CloudEvent must be an object with an object under 'data'")
    data = _data(document)
    found: dict[str, str] = {}
    for name in _IN_DOCUMENT:
        value = document.get(name)
        if isinstance(value, str):
            found[name] = value
        elif value is not None and name in KNOWN:  # a malformed trace context is ignored
            detail = f"CloudEvents attribute '{name}' must be a string, not {_kind(value)}"
            raise MalformedError("bad_header", detail, f"/{name}")
    return found, data


def glance(record: Enveloped) -> tuple[Mapping[str, str], bytes]:
    """Attributes and data as far as they can be read: for commands that show records. Never raises."""
    try:
        return of_record(record)
    except Exception:  # whatever is wrong with it, it is shown
        headers = [(name, (value or b"").decode(errors="replace").encode()) for name, value in record.headers]
        found = _of_headers(headers)
        with suppress(orjson.JSONDecodeError):
            document = orjson.loads(record.value or b"")
            if found.get("content-type", "").strip().lower().startswith(STRUCTURED) and isinstance(document, dict):
                found |= {name: value for name in _IN_DOCUMENT if isinstance(value := document.get(name), str)}
        return found, record.value or b""


def check(attributes: Mapping[str, str]) -> None:
    """Raise `MalformedError` unless all required attributes are there, in version 1.0, and none is too long."""
    for name in REQUIRED:
        if not attributes.get(name):
            raise MalformedError("bad_header", f"CloudEvents attribute '{name}' is missing", f"/{name}")
    if attributes.get("specversion") != "1.0":
        raise MalformedError("bad_header", "CloudEvents attribute 'specversion' must be 1.0", "/specversion")
    values = attributes.values()
    if max(map(len, values)) > ATTRIBUTE_CHARACTERS_MAX or "\x00" in "".join(values):
        for name in KNOWN:  # a malformed trace context is ignored
            text = attributes.get(name, "")
            if len(text) > ATTRIBUTE_CHARACTERS_MAX or "\x00" in text:
                detail = f"CloudEvents attribute '{name}' is longer than {ATTRIBUTE_CHARACTERS_MAX} or has NUL"
                raise MalformedError("bad_header", detail, f"/{name}")


def moment(text: str) -> datetime:
    """The moment that `time` names, in UTC. Raises `MalformedError` unless it is RFC 3339 and within bounds (`moments.py`)."""
    try:
        return moment_of(text)
    except ValueError as error:
        raise MalformedError("bad_header", f"CloudEvents attribute 'time' {error}", "/time") from None


def _of_headers(headers: Headers) -> dict[str, str]:
    """Attributes of binary mode. Names may be in capitals; of two equal names the last one counts."""
    found = {}
    try:
        for name, value in headers:
            known = _HEADERS.get(name) or _HEADERS.get(name.lower())
            if known:
                found[known] = value.decode() if value else ""
    except UnicodeDecodeError as error:
        name = next(name for name, value in headers if value == error.object)
        raise MalformedError("bad_header", f"header {name!r} is not UTF-8") from None
    return found


def _is_structured(content_type: str) -> bool:
    if content_type == f"{STRUCTURED}+json":
        return True
    media_type = content_type.partition(";")[0].strip().lower()
    if not media_type.startswith(STRUCTURED):
        return False
    if media_type.removeprefix(STRUCTURED) in {"", "+json"}:
        return True
    detail = f"{media_type[:80]!r} is not taken: publish one event per record, as {STRUCTURED}+json or in binary mode"
    raise MalformedError("bad_bytes", detail)


def _data(document: Mapping[str, object]) -> bytes:
    """The event's JSON. What is nested too deep to be written again is too deep for its type's parser, too."""
    data = document.get("data")
    if document.get("data_base64") is not None:
        return _decoded(document["data_base64"], also=data)
    if not isinstance(data, dict):
        raise MalformedError(
            "bad_bytes", "structured CloudEvent must be an object with an object under 'data'", "/data"
        )
    try:
        return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)  # the order of keys is no other content
    except TypeError:
        raise MalformedError("bad_bytes", "the event is nested too deep", "/data") from None


def _decoded(text: object, also: object) -> bytes:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) and also is None else b""
    except (binascii.Error, ValueError):
        data = b""
    if not data.lstrip().startswith(b"{"):
        detail = "'data_base64' must be the event's JSON object in base64, and stand in place of 'data'"
        raise MalformedError("bad_bytes", detail, "/data_base64")
    try:
        return orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS)  # the same content as under `data`
    except (orjson.JSONDecodeError, TypeError):
        return data  # its type's parser reports what is wrong


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), "that")
