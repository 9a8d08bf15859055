"""Commands and queries over HTTP: a transaction each, answered once per Idempotency-Key.

A route is an ordinary FastAPI function. One that grows with traffic takes `ask: Ask`, and its command goes in a batch
(`asking`). A query that reads one thing takes `read: Read`. One that configures takes `tx: TxDependency`: the chassis
opens the transaction, stores the answer under its Idempotency-Key, writes the events to the outbox, commits, and then
replies. Refusals are problem
documents (RFC 9457).
"""

from collections.abc import Callable
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict
from structlog.contextvars import bind_contextvars

from lutong_chassis import failpoints, journeys, outbox
from lutong_chassis.commands import Claim
from lutong_chassis.database import Tx, transaction
from lutong_chassis.envelope import Cause
from lutong_chassis.errors import ErrorClass, classify
from lutong_chassis.http.asking import ask_by, asks
from lutong_chassis.http.authorization import SAFE_METHODS, GuardedRoute, Run
from lutong_chassis.http.claims import KEY_MAX, cause_of, claim_of, names_journey
from lutong_chassis.http.direct import direct, documents
from lutong_chassis.parking import summarise_error
from lutong_chassis.problem import Problem
from lutong_chassis.reading import Reader

log = structlog.get_logger(__name__)


class Command(BaseModel):
    """Base of request bodies, strict: unknown fields are refused, and values are not converted (`false` is no number).

    class Decision(Command):
        reason: Annotated[Text, StringConstraints(min_length=3, max_length=500)]
    """

    model_config = ConfigDict(extra="forbid", strict=True)


async def _tx(request: Request) -> Tx:
    tx: Tx = request.state.tx
    return tx


direct(_tx)

TxDependency = Annotated[Tx, Depends(_tx)]
"""The transaction of this request: reads and writes for a command, read-only for a query."""


async def _documented_key(
    idempotency_key: Annotated[  # read by TransactionalRoute; declared here for OpenAPI
        str | None,
        Header(max_length=KEY_MAX, description="Same key and body: same answer. Other body: 422. In progress: 409."),
    ] = None,
) -> None:
    """Show the header in OpenAPI on every command."""


documents(_documented_key)


async def _reader(request: Request) -> Reader:
    return Reader(request.app.state.service.required_pool)


direct(_reader)

Read = Annotated[Reader, Depends(_reader)]
"""Single statements, for a query that reads one thing: no transaction is opened for it."""


class TransactionalRoute(GuardedRoute):
    """A route whose function runs in one transaction."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:  # FastAPI's signature
        if not set(kwargs.get("methods") or {"GET"}) <= SAFE_METHODS:
            kwargs["dependencies"] = [*(kwargs.get("dependencies") or ()), Depends(_documented_key)]
        super().__init__(path, endpoint, **kwargs)
        self.asks = asks(self.dependant)
        self.reads = any(each.call is _reader for each in self.dependant.dependencies)

    async def answer(self, request: Request, run: Run) -> Response:
        """Answer in a transaction: read-only for a query, remembered by its key for a command; or in that of a batch."""
        if self.asks:
            return await ask_by(request, run)
        try:
            return await self._answer(request, run)
        except Exception as error:
            if request.state.commits or classify(error) is not ErrorClass.RECONNECTS:
                raise
            log.info("command_tried_again", error=summarise_error(error))
        return await self._answer(request, run)

    async def _answer(self, request: Request, run: Run) -> Response:
        """One try. `commits` is set before what cannot be tried again: when a commit fails, it may have happened."""
        request.state.commits = False
        if request.method not in SAFE_METHODS:
            return await _command(request, run)
        if self.reads:
            return await run(request)
        async with transaction(request.app.state.service.required_pool, readonly=True) as tx:
            request.state.tx = tx
            return await run(request)


def routes(*tags: str) -> APIRouter:
    """A router whose functions are commands and queries."""
    return APIRouter(route_class=TransactionalRoute, tags=list(tags))


async def _command(request: Request, run: Run) -> Response:
    claim = claim_of(request, await request.body())
    failpoints.reach("before_transaction")
    cause = cause_of(request)
    request.state.journey = cause.correlation_id  # refusals name it too
    bind_contextvars(journey=cause.correlation_id)  # until RequestIds ends
    return await _in_transaction(request, run, cause, claim)


async def _in_transaction(request: Request, run: Run, cause: Cause, claim: Claim) -> Response:
    """Run a command, or give the answer again that was given under its key."""
    service = request.app.state.service
    scope, key, fingerprint = claim
    async with transaction(service.required_pool, cause) as tx:
        request.state.tx = tx
        await _own_journey(request, tx)
        saved = await _claim(tx, scope, key, fingerprint) if key else None
        if saved is not None:
            request.state.journey = saved.headers.get("lutong-journey")
            return saved
        response = await run(request)
        failpoints.reach("after_state")
        await outbox.write(tx, tx.outgoing)
        failpoints.reach("after_outbox")
        if key:
            await _remember(tx, claim, response)
        failpoints.reach("before_commit")
        request.state.commits = True
    failpoints.reach("after_commit")
    if tx.outgoing:
        service.wake_relay()
    if tx.job_queues:
        service.wake_job_queues(tx.job_queues)
    return response


async def _own_journey(request: Request, tx: Tx) -> None:
    """Start a new journey when the caller may not continue the one that it named: the answer has its id."""
    named = tx.cause.correlation_id
    if names_journey(request, tx.cause) and not await journeys.may_continue(tx, request.state.principal, named):
        tx.cause = tx.cause._replace(correlation_id=tx.new_id())
        request.state.journey = tx.cause.correlation_id


async def _claim(tx: Tx, scope: str, key: str, fingerprint: str) -> Response | None:
    """The answer given before under this key, if any; otherwise the key is ours until commit."""
    if not await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"{scope}\n{key}"):
        raise Problem(409, "in_progress", "a request with this Idempotency-Key is in progress: try again shortly")
    row = await tx.fetchrow(
        "SELECT fingerprint, status, media_type, body, correlation_id FROM idempotency WHERE scope = $1 AND key = $2",
        scope,
        key,
    )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise Problem(422, "key_reused", "this Idempotency-Key was used with another body: use a fresh key")
    headers = {"idempotency-replayed": "true"}
    if row["correlation_id"]:  # rows of the release before have none
        headers["lutong-journey"] = row["correlation_id"]
    return Response(row["body"], row["status"], media_type=row["media_type"], headers=headers)


async def _remember(tx: Tx, claim: Claim, response: Response) -> None:
    """Store the answer under its key. The statement bypasses `Tx`, which would count it as a change to audit."""
    await tx.connection.execute(
        """
        INSERT INTO idempotency (scope, key, fingerprint, status, media_type, body, correlation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        *claim,
        response.status_code,
        response.headers.get("content-type", "application/json"),
        bytes(response.body),
        tx.cause.correlation_id,
    )
