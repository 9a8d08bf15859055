"""Commands and queries over HTTP: a transaction each, answered once per Idempotency-Key.

A route is an ordinary FastAPI function that takes `tx: TxDependency`. For a command the chassis
opens the transaction, remembers the answer under its Idempotency-Key, writes what was published
to the outbox, commits, and only then replies. Refusals are problem documents (RFC 9457).
"""

import hashlib
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Final, NoReturn

import asyncpg
import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lutong_chassis import failpoints, observe, outbox, parking
from lutong_chassis.database import Tx, is_transient, new_cause, transaction
from lutong_chassis.envelope import Cause
from lutong_contracts.values import IDENTIFIER_PATTERN

log = structlog.get_logger(__name__)

Handle = Callable[[Request], Coroutine[Any, Any, Response]]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ALWAYS_ANSWERED: Final = frozenset({"/livez", "/readyz", "/metrics"})
_KEY_MAX: Final = 128
PROBLEM_JSON: Final = "application/problem+json"


class Problem(Exception):  # noqa: N818  # RFC 9457 calls it a problem; to its reader it is not an error of ours
    """A refusal, in the words of RFC 9457. `kind` is a stable word that programs may act on."""

    def __init__(self, status: int, kind: str, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.extra = extra


class Command(BaseModel):
    """Base of request bodies: what is not known is refused, lest a typo be ignored."""

    model_config = ConfigDict(extra="forbid")


class ProblemDocument(BaseModel):
    """A refusal (RFC 9457): `type` is a stable word for programs, `detail` a sentence for people."""

    type: str
    title: str
    status: int
    detail: str


def not_found(what: str, identifier: str) -> NoReturn:
    """Refuse because there is no such thing, or none that the caller may see."""
    raise Problem(404, "not_found", f"there is no {what} {identifier!r}")


def _tx(request: Request) -> Tx:
    tx: Tx = request.state.tx
    return tx


TxDependency = Annotated[Tx, Depends(_tx)]
"""The transaction of this request: reads and writes for a command, read-only for a query."""


def _documented_key(
    idempotency_key: Annotated[  # read by TransactionalRoute; declared here for OpenAPI
        str | None,
        Header(max_length=_KEY_MAX, description="Same key and body: same answer. Other body: 422. In progress: 409."),
    ] = None,
) -> None:
    """Show the header in OpenAPI on every command."""


class TransactionalRoute(APIRoute):
    """A route whose function runs in one transaction."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:  # FastAPI's signature
        if not set(kwargs.get("methods") or {"GET"}) <= _SAFE:
            kwargs["dependencies"] = [*(kwargs.get("dependencies") or ()), Depends(_documented_key)]
        document = {"model": ProblemDocument, "content": {PROBLEM_JSON: {}}}
        kwargs["responses"] = {422: document | {"description": "Refused"}, **(kwargs.get("responses") or {})}
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Handle:
        """FastAPI's hook: wrap the function that parses, validates, calls and serialises."""
        run = super().get_route_handler()

        async def handle(request: Request) -> Response:
            with observe.HTTP_TIME.labels(request.method, self.path).time():
                return await answer(request)

        async def answer(request: Request) -> Response:
            pool = request.app.state.service.pool
            if pool is None:
                raise Problem(503, "not_ready", "the service is starting: its database is not ready yet")
            if request.method not in _SAFE:
                return await _command(request, run)
            async with transaction(pool, readonly=True) as tx:
                request.state.tx = tx
                return await run(request)

        return handle


def routes(*tags: str) -> APIRouter:
    """A router whose functions are commands and queries."""
    return APIRouter(route_class=TransactionalRoute, tags=list(tags))


async def _command(request: Request, run: Handle) -> Response:
    service = request.app.state.service
    body = await request.body()
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _KEY_MAX:
        raise Problem(400, "bad_idempotency_key", f"Idempotency-Key must have 1 to {_KEY_MAX} characters")
    scope = f"{request.method} {request.url.path}"
    fingerprint = hashlib.sha256(b"\n".join([scope.encode(), request.url.query.encode(), body])).hexdigest()
    failpoints.reach("before_transaction")
    async with transaction(service.pool, _cause(request)) as tx:
        request.state.tx = tx
        saved = await _claim(tx, scope, key, fingerprint) if key else None
        if saved is not None:
            return saved
        response = await run(request)
        failpoints.reach("after_state")
        await outbox.write(tx, tx.outgoing)
        failpoints.reach("after_outbox")
        if key:
            await _remember(tx, (scope, key, fingerprint), response)
        failpoints.reach("before_commit")
    failpoints.reach("after_commit")
    if tx.outgoing:
        service.wake_relay()
    if tx.errands:
        service.wake_errands(tx.errands)
    response.headers["lutong-journey"] = tx.cause.correlation_id
    return response


def _cause(request: Request) -> Cause:
    """A command starts a journey, unless the caller says which one it continues."""
    journey = request.headers.get("lutong-journey", "")
    started = new_cause()
    return Cause(
        journey if re.match(IDENTIFIER_PATTERN, journey) else started.correlation_id,
        None,
        observe.current_traceparent() or request.headers.get("traceparent"),
    )


async def _claim(tx: Tx, scope: str, key: str, fingerprint: str) -> Response | None:
    """The answer given before under this key, if any; otherwise the key is ours until commit."""
    if not await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"{scope}\n{key}"):
        raise Problem(409, "in_progress", "a request with this Idempotency-Key is in progress: try again shortly")
    row = await tx.fetchrow(
        "SELECT fingerprint, status, media_type, body FROM idempotency WHERE scope = $1 AND key = $2", scope, key
    )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise Problem(422, "key_reused", "this Idempotency-Key was used with another body: use a fresh key")
    return Response(row["body"], row["status"], media_type=row["media_type"], headers={"idempotency-replayed": "true"})


async def _remember(tx: Tx, claim: tuple[str, str, str], response: Response) -> None:
    await tx.execute(
        """
        INSERT INTO idempotency (scope, key, fingerprint, status, media_type, body)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        *claim,
        response.status_code,
        response.headers.get("content-type", "application/json"),
        bytes(response.body),
    )


def install_problems(app: FastAPI) -> None:
    """Answer every refusal and every failure with a problem document."""

    async def problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  # registered for this class only
        return _answer(error.status, error.kind, error.detail, **error.extra)

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
        return _answer(error.status_code, "http", str(error.detail))

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class only
        errors = [{"pointer": _pointer(item["loc"]), "detail": item["msg"]} for item in error.errors()]
        return _answer(422, "invalid", "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors[:3]), errors=errors)

    async def failure(_request: Request, error: Exception) -> Response:
        if is_transient(error):
            return _answer(503, "unavailable", "a dependency is away or busy: try again shortly")
        log.error("command_failed", error=parking.explain(error))
        return _answer(500, "bug", "this is a bug in the service, not in your request: see its log")

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    for transient in (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError, TimeoutError):
        app.add_exception_handler(transient, failure)
    app.add_exception_handler(Exception, failure)


_TITLES: Final = {
    400: "Bad request", 404: "Not found", 405: "Method not allowed", 409: "Conflict", 413: "Content too large",
    422: "Refused", 500: "Bug", 503: "Unavailable",
}  # fmt: skip


def _answer(status: int, kind: str, detail: str, **extra: object) -> Response:
    document = {"type": f"urn:lutong:problem:{kind}", "title": _TITLES.get(status, "Error"), "status": status}
    headers = (
        {"retry-after": "1"}
        if status in {409, 503} and kind in {"in_progress", "unavailable", "not_ready", "overloaded"}
        else {}
    )
    content = orjson.dumps(document | {"detail": detail} | extra, default=str)
    return Response(content, status, headers, media_type=PROBLEM_JSON)


def _pointer(location: Sequence[object]) -> str:
    """Where in the request: a JSON pointer, with the part of the request as its first step."""
    return "/" + "/".join(str(step) for step in location)


class Admission:
    """Refuse what cannot be answered soon: beyond so many requests at once, 503 and Retry-After at no cost.

    Whoever waits in a queue that only grows is served too late to be glad of it. Health is always answered.
    """

    def __init__(self, app: ASGIApp, requests_max: int) -> None:
        self.app = app
        self.requests_max = requests_max
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or not."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self.app(scope, receive, send)
        elif self.requests >= self.requests_max:
            observe.HTTP_REFUSED.inc()
            await _answer(503, "overloaded", "too many requests at once: try again shortly")(scope, receive, send)
        else:
            self.requests += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.requests -= 1


class BodyLimit:
    """Refuse bodies over a limit, also when they come in chunks and say no length."""

    def __init__(self, app: ASGIApp, bytes_max: int) -> None:
        self.app = app
        self.bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received; more than the limit is a 413 problem."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.bytes_max:
                raise Problem(413, "too_large", f"a request body may have {self.bytes_max} bytes at most")
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)
