"""The body of a request as a JSON document: read once, before anything is begun, and refused in words."""

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
        raise Problem(415, "unsupported", "compressed bodies are not taken: leave Content-Encoding out", _PLAIN)


async def read_json(request: Request) -> None:
    """Read the body and keep its content where FastAPI looks for it: 415 when it is none of ours, 400 when it is no JSON."""
    body = await request.body()
    if not body:
        return  # FastAPI reports that it is missing
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and not (given.startswith("application/") and given.endswith("+json")):
        yours = f"yours: {given}" if given and len(given) <= 64 and given.isprintable() else "yours: none"
        raise Problem(415, "unsupported", f"{_WANTED} ({yours})")
    try:
        request._json = json.loads(body)  # noqa: SLF001  # starlette's place for it: read twice, it would cost twice
    except (ValueError, RecursionError):
        why = sentences.not_json(body) or "it is not JSON in UTF-8"
        raise Problem(400, "not_json", f"the body cannot be read: {why}") from None
