"""The events of a request: one, an array of them, or one per line in its body, or one whose attributes are headers."""

import re
from typing import Final, cast

import orjson
from starlette.datastructures import Headers

from lutong_chassis.problem import Problem
from lutong_contracts import sentences
from lutong_contracts.cloudevents import STRUCTURED

EVENTS_MAX: Final = 500
ONE: Final = "application/cloudevents+json"
ARRAY: Final = "application/cloudevents-batch+json"
LINES: Final = "application/x-ndjson"
_EXAMPLE: Final = {
    "specversion": "1.0",
    "id": "cms-1",
    "source": "/partner/cms",
    "type": "lutong.feed.post-published.v1",
    "data": {"post_id": "cms-1", "author_id": "zheliban", "text": "公积金新政策今天起施行"},
}
DOCUMENTED: Final = {
    "requestBody": {
        "required": True,
        "content": {
            ONE: {"schema": {}, "example": _EXAMPLE},  # any JSON: what is no event gets a result with the reason
            ARRAY: {"schema": {"type": "array", "maxItems": EVENTS_MAX}, "example": [_EXAMPLE]},
            LINES: {"schema": {"type": "string"}, "example": orjson.dumps(_EXAMPLE).decode()},
        },
    }
}
"""What such a request is, for OpenAPI."""

_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"
_PREFIX: Final = "ce-"
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def documents_of(headers: Headers, body: bytes) -> list[object]:
    """The CloudEvents of a request in any mode, each as bytes or parsed; a problem when they cannot be separated."""
    kind = headers.get("content-type", "")
    attributes = sorted({name for name in headers if name.startswith(_PREFIX)})
    if not attributes or kind.strip().lower().startswith(STRUCTURED):
        return split(kind, body)
    media_type = kind.partition(";")[0].strip().lower()
    if media_type not in {"", "application/json"} and not media_type.endswith("+json"):
        raise Problem(415, "unsupported", "in binary mode the body is the event itself: send it as application/json")
    return [{name.removeprefix(_PREFIX): _attribute(headers, name) for name in attributes} | {"data": _parsed(body)}]


def _attribute(headers: Headers, name: str) -> str:
    """The value of a header of binary mode: percent-encoded where it has to be."""
    given = headers.getlist(name)
    raw = _PERCENT.sub(lambda found: bytes.fromhex(found[1].decode()), given[0].encode("latin-1"))
    try:
        if len(given) == 1:
            return raw.decode()
    except UnicodeDecodeError:
        raise Problem(422, "bad_header", f"header {name} is not UTF-8, percent-encoded") from None
    raise Problem(422, "bad_header", f"header {name} is there {len(given)} times")


def _parsed(body: bytes) -> object:
    """The event, or None where it is no JSON: its result states that."""
    try:
        return cast("object", orjson.loads(body.removeprefix(_BOM)))
    except orjson.JSONDecodeError:
        return None


def split(content_type: str, body: bytes) -> list[object]:
    """The documents of a body, each as bytes or parsed; a problem when they cannot be separated. A byte order mark is skipped."""
    body = body.removeprefix(_BOM)
    kind = content_type.partition(";")[0].strip().lower()
    found: list[object]
    if kind == LINES:
        found = [line for line in body.splitlines() if line.strip()]
    elif kind == ONE or (kind == "application/json" and not body.lstrip().startswith(b"[")):
        found = [body]
    elif kind in {ARRAY, "application/json"}:
        found = _elements(body)
    else:
        raise Problem(415, "unsupported", f"send {ONE}, {ARRAY} or {LINES}")
    if kind == ARRAY and not found:
        return found  # a batch may be empty, by CloudEvents
    if not 0 < len(found) <= EVENTS_MAX:
        raise Problem(422, "bad_batch", f"send 1 to {EVENTS_MAX} events at a time, not {len(found)}")
    return found


def _elements(body: bytes) -> list[object]:
    """The elements of an array, parsed; as bytes, when one of them is so deep that the array cannot be parsed."""
    try:
        elements = orjson.loads(body)
    except orjson.JSONDecodeError:
        if (slices := _slices(body)) is not None:
            return list(slices)
        why = sentences.not_json(body) or "it is not JSON in UTF-8"
        raise Problem(422, "bad_batch", f"the array cannot be read: {why}") from None
    if not isinstance(elements, list):
        raise Problem(422, "bad_batch", "send an array of events")
    return elements


def _slices(body: bytes) -> list[bytes] | None:
    """The elements of an array as they were sent, found by brackets alone; None when these do not match."""
    found: list[bytes] = []
    depth, began = 0, 0
    for token in _TOKENS.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            began = token.end() if depth == 1 else began
        elif mark in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            found.append(body[began : token.start()])
            began = token.end()
        if depth == 0:
            return None if body[began:].strip() else found
    return None
