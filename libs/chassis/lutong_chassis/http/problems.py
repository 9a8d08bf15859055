"""Refusals as problem documents (RFC 9457): a stable word for programs, a sentence for people."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from uuid_utils import uuid7

from lutong_chassis import parking
from lutong_chassis.database import is_transient
from lutong_contracts import sentences

log = structlog.get_logger(__name__)

PROBLEM_JSON: Final = "application/problem+json"
SAFE_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}
"""On every answer: what a post's author wrote is data, whatever a browser would like to make of it."""

_SOON: Final = {"retry-after": "1"}
_SOON_KINDS: Final = frozenset({"in_progress", "unavailable", "not_ready", "overloaded"})
_TITLES: Final = {
    400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 405: "Method not allowed",
    409: "Conflict", 413: "Content too large", 415: "Unsupported media type", 422: "Refused", 429: "Too many requests", 500: "Bug", 503: "Unavailable",
}  # fmt: skip


class Problem(Exception):  # noqa: N818  # RFC 9457 calls it a problem; to its reader it is not an error of ours
    """A refusal, in the words of RFC 9457. `kind` is a stable word that programs may act on."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.extra = extra


class ProblemDocument(BaseModel):
    """A refusal (RFC 9457): `type` is a stable word for programs, `detail` a sentence for people."""

    type: str
    title: str
    status: int
    detail: str


def not_found(what: str, identifier: str) -> NoReturn:
    """Refuse because there is no such thing, or none that the caller may see: both get the same answer."""
    raise Problem(404, "not_found", f"there is no {what} {identifier!r}")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals as OpenAPI shows them."""
    document = {"model": ProblemDocument, "content": {PROBLEM_JSON: {}}}
    return {status: document | {"description": _TITLES[status]} for status in statuses}


def install_problems(app: FastAPI) -> None:
    """Answer every refusal and every failure with a problem document."""

    async def problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  # registered for this class only
        return answer(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
        headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
        return answer(Problem(error.status_code, "http", str(error.detail), headers))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class only
        return answer(_invalid(request, error))

    async def failure(request: Request, error: Exception) -> Response:
        if is_transient(error):
            return answer(Problem(503, "unavailable", "a dependency is away or busy: try again shortly"))
        reference = str(uuid7())
        log.error("command_failed", error=parking.explain(error), reference=reference, **_about(request))
        detail = f"this is a bug in the service, not in your request: its log has more under reference {reference}"
        return answer(Problem(500, "bug", detail, reference=reference))

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    for transient in (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError, TimeoutError):
        app.add_exception_handler(transient, failure)
    app.add_exception_handler(Exception, failure)


def answer(problem: Problem) -> Response:
    """A problem as a response. The safe headers are on it because a bug's answer passes no middleware."""
    document = {
        "type": f"urn:lutong:problem:{problem.kind}",
        "title": _TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
    }
    headers = SAFE_HEADERS | (_SOON if problem.kind in _SOON_KINDS else {}) | dict(problem.headers or {})
    return Response(orjson.dumps(document | problem.extra, default=str), problem.status, headers, PROBLEM_JSON)


def _allowed(request: Request) -> str:
    """The methods of a path. Each is a route of its own, so the one that refused knows only its own."""
    routes = request.app.routes
    return ", ".join(sorted({m for route in routes if route.path_regex.match(request.url.path) for m in route.methods}))


def _about(request: Request) -> dict[str, Any]:
    """Which route was called, and by whom; never what was sent."""
    route, who = request.scope.get("route"), getattr(request.state, "principal", None)
    path = getattr(route, "path", None)
    return {"method": request.method, "route": path, "subject": getattr(who, "subject", None)}


def _invalid(request: Request, error: RequestValidationError) -> Problem:
    """What is wrong with a request, one sentence for each thing; the first step of a pointer is the part of the request."""
    field = getattr(request.scope.get("route"), "body_field", None)
    body = next(iter(sentences.models(field.field_info.annotation)), None) if field else None
    errors = error.errors()
    found = [
        wrong
        for each in errors
        for wrong in sentences.wrongs([each], body if each["loc"][0] == "body" else None, within=1)
    ]
    shown = [{"pointer": wrong.pointer, "detail": wrong.detail} for wrong in found]
    return Problem(422, "invalid", sentences.summary(found), errors=shown)
