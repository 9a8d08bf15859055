"""Refusals as problem documents (RFC 9457): a stable code for programs, a sentence for people."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from lutong_chassis import audit, errors, observe, parking
from lutong_chassis.errors import ErrorClass
from lutong_chassis.problem import PROBLEM_JSON, TITLES, Problem
from lutong_contracts import sentences

log = structlog.get_logger(__name__)

SAFE_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}
"""On every answer: browsers must treat the text of posts as data."""

_SOON: Final = {"retry-after": "1"}
_SOON_KINDS: Final = frozenset({"in_progress", "unavailable", "not_ready", "overloaded"})

_FAILED_FROM: Final = 500
"""Statuses from here on are our failures, and count against what is promised (docs/objectives.md)."""

_UNAVAILABLE: Final = Problem(503, "unavailable", "a dependency is unavailable or busy: try again shortly")
_FAILURES: Final = {
    ErrorClass.EVENT: Problem(
        422, "unstorable", "a value in the request cannot be stored: it is too large, or out of range"
    ),
    ErrorClass.OURS: Problem(500, "bug", "this is a bug in the service, not in your request: see its log"),
}


class ProblemDocument(BaseModel):
    """A refusal (RFC 9457): `type` is a stable code for programs, `detail` a sentence for people.

    `reference` is the id of the request: the service's log lines and audit rows have the same.
    """

    type: str
    title: str
    status: int
    detail: str
    reference: str | None = None


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals as OpenAPI shows them."""
    document = {"model": ProblemDocument, "content": {PROBLEM_JSON: {}}}
    return {status: document | {"description": TITLES[status]} for status in statuses}


def install_problems(app: FastAPI) -> None:
    """Answer every refusal and every failure with a problem document."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  # registered for this class only
        return answer(error, request)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
        headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
        return answer(Problem(error.status_code, "http", str(error.detail), headers), request)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class only
        return answer(_invalid(request, error), request)

    async def gone(request: Request, _error: Exception) -> Response:
        log.info("client_gone", method=request.method, route=_template(request))
        return answer(Problem(400, "malformed", "the request body did not arrive"), request)  # the client is gone

    async def failure(request: Request, error: Exception) -> Response:
        error_class = errors.classify(error)
        if error_class not in {ErrorClass.WAITS, ErrorClass.RECONNECTS}:
            log.error(
                "command_failed", error=parking.summarise_error(error), error_class=error_class, **_which(request)
            )
        return answer(_FAILURES.get(error_class, _UNAVAILABLE), request)

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(audit.ReasonMissingError, _unexplained)
    app.add_exception_handler(RequestValidationError, invalid)
    for root in errors.ROOTS:
        app.add_exception_handler(root, failure)
    app.add_exception_handler(Exception, failure)


async def _unexplained(request: Request, error: Exception) -> Response:
    return answer(Problem(422, "reason_missing", str(error)), request)


def names_of(state: Mapping[str, Any]) -> dict[str, str]:
    """Headers that name a request and, when it has one, its journey, from its ASGI state."""
    names = {"lutong-request-id": state.get("request_id"), "lutong-journey": state.get("journey")}
    return {header: name for header, name in names.items() if name}


def _which(request: Request) -> dict[str, str]:
    """The request that a log line is about. Bound here: the line of a bug is logged outside of the middleware that binds them."""
    state, route = request.scope.get("state", {}), request.scope.get("route")
    principal = state.get("principal")
    bound = {
        "route": f"{request.method} {route.path}" if route else None,
        "subject": principal.subject if principal else None,
        "request_id": state.get("request_id"),
        "journey": state.get("journey"),
    }
    return {name: value for name, value in bound.items() if value}


def answer(problem: Problem, request: Request | None = None) -> Response:
    """A problem as a response, with all headers: the answer to a bug passes no middleware."""
    names = names_of(request.scope.get("state", {})) if request else {}
    headers = SAFE_HEADERS | names | (_SOON if problem.kind in _SOON_KINDS else {}) | dict(problem.headers or {})
    document = problem.document(names.get("lutong-request-id"))
    if request and problem.status >= _FAILED_FROM:
        observe.HTTP_FAILED.inc()
    return Response(orjson.dumps(document, default=str), problem.status, headers, PROBLEM_JSON)


def _allowed(request: Request) -> str:
    """The methods of a path. Each method is a route of its own, and knows only itself."""
    routes = request.app.routes
    methods = {m for route in routes if route.path_regex.match(request.url.path) for m in route.methods}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _template(request: Request) -> str:
    """The path template of a request's route: without its ids."""
    return str(getattr(request.scope.get("route"), "path", "-"))


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
