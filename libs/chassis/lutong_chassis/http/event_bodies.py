"""The events of a request body: one, an array of them, or one per line."""

import re
from typing import Final

import orjson

from lutong_chassis.problem import Problem
from lutong_contracts import sentences

EVENTS_MAX: Final = 500
ONE: Final = "application/cloudevents+json"
ARRAY: Final = "application/cloudevents-batch+json"
LINES: Final = "application/x-ndjson"

_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"


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
