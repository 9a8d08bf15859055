"""The body of a request as a JSON document: parsed once, before the transaction begins, and refused with a sentence."""

import json
from typing import Final

from fastapi import Request

from lutong_chassis.problem import Problem
from lutong_contracts import sentences

_PLAIN: Final = {"accept-encoding": "identity"}
_WANTED: Final = "send a JSON object, with Content-Type: application/json"


def refuse_encoded(request: Request) -> None:
    """Refuse a body that is compressed: 415."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise Problem(415, "unsupported", "compressed bodies are not accepted: leave Content-Encoding out", _PLAIN)


async def read_json(request: Request) -> None:
    """Parse the body and keep it where FastAPI looks for it. Raises 415 for another media type, 400 for invalid JSON."""
    body = await request.body()
    if not body:
        return  # FastAPI reports that it is missing
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and not (given.startswith("application/") and given.endswith("+json")):
        yours = f"yours: {given}" if given and len(given) <= 64 and given.isprintable() else "yours: none"
        raise Problem(415, "unsupported", f"{_WANTED} ({yours})")
    try:
        request._json = json.loads(body)  # noqa: SLF001  # starlette's cache for it: otherwise it is parsed twice
    except (ValueError, RecursionError):
        why = sentences.not_json(body) or "it is not JSON in UTF-8"
        raise Problem(400, "not_json", f"the body cannot be read: {why}") from None
