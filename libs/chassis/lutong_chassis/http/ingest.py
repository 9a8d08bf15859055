"""Events from other systems over HTTP: for publishers without access to Kafka.

    accept(handlers, {PostPublished: take_posts})    # handlers.py
    ingest.mount(router)                             # http.py

add `POST /v1/events`, which accepts CloudEvents in structured or binary mode, and `GET /v1/events/rejected`. Every
event has a result of its own. The service itself publishes accepted events: a topic has one owner.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from lutong_chassis.commands import Answer
from lutong_chassis.database import Tx, transaction
from lutong_chassis.http import Ask, Problem, TxDependency, Who, allowed, audited
from lutong_chassis.http.accepting import PublishEvents, Results
from lutong_chassis.http.asking import asked_by, reply
from lutong_chassis.http.event_bodies import DOCUMENTED, documents_of
from lutong_chassis.http.hints import hint
from lutong_chassis.http.problems import documented


class Rejection(BaseModel):
    """An event that was rejected. Its content was not kept."""

    id: int
    rejected_at: AwareDatetime
    subject: str
    event_id: str | None
    type: str | None
    code: str
    pointer: str | None
    detail: str
    hint: str | None = None


class _DryRun(Exception):  # noqa: N818  # nothing went wrong
    """Raised to roll a dry run back."""


def mount(router: APIRouter) -> None:
    """Add the two routes to a router."""

    @router.post("/v1/events", response_model=Results, openapi_extra=DOCUMENTED, responses=documented(415))
    @allowed("member", "merchant", "operator")
    @audited("event.publish", own="member", shows=("status",))
    async def publish_events(request: Request, ask: Ask, *, dry_run: bool = False) -> Response:
        """Publish events: one, an array, or one per line; a copy has no second effect. `dry_run` changes nothing."""
        command = PublishEvents(tuple(documents_of(request.headers, await request.body())))
        return await _rehearse(request, command) if dry_run else await ask(command)

    @router.get("/v1/events/rejected")
    @allowed("member", "merchant", "viewer")
    async def list_rejected(
        who: Who, tx: TxDependency, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[Rejection]:
        """The latest events that were rejected: the caller's own, and those of all publishers for staff."""
        return await _rejections(tx, None if who.is_staff else who.publisher, limit)


async def _rehearse(request: Request, command: PublishEvents) -> Response:
    """The answer that a command would have, from a transaction that is rolled back."""
    service, asked = request.app.state.service, await asked_by(request, command)
    answers: Sequence[Answer | Problem] = []
    with suppress(_DryRun):
        async with transaction(service.required_pool) as tx:
            answers = await service.handlers.by_command[PublishEvents]([asked], tx)
            raise _DryRun
    (answer,) = answers
    if isinstance(answer, Problem):
        raise answer
    return reply(request, answer.given(asked.status, asked.cause.correlation_id))


async def _rejections(tx: Tx, publisher: str | None, rows_max: int) -> list[Rejection]:
    rows = await tx.fetch(
        """
        SELECT id, rejected_at, subject, event_id, type, code, pointer, detail
          FROM rejected
         WHERE $1::text IS NULL OR publisher = $1
         ORDER BY id DESC
         LIMIT $2
        """,
        publisher,
        rows_max,
    )
    return [Rejection(**row, hint=hint(row["code"], row["pointer"])) for row in rows]
