"""What every service answers to operators: is it alive, is it ready, what is parked, what it knows of a journey."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ConfigDict, StringConstraints

from lutong_chassis import outbox, parking
from lutong_chassis.database import Tx, transaction
from lutong_chassis.http import Command, GuardedRoute, Problem, TxDependency, Who, allowed, routes
from lutong_contracts.values import Identifier, Moment, Text

ParkedId = Annotated[int, Path(ge=1, le=2**63 - 1)]

health = APIRouter(tags=["health"], include_in_schema=False)
router = routes("operations")
deeds = APIRouter(route_class=GuardedRoute, tags=["operations"])
"""What operators do: each makes its own transactions, and is safe to repeat without an Idempotency-Key."""


@health.get("/livez")
async def livez(request: Request, response: Response) -> dict[str, Any]:
    """503 when the process cannot help itself and should be restarted."""
    stalled = request.app.state.service.stalled
    response.status_code = 503 if stalled else 200
    return {"live": not stalled, "reason": stalled}


@health.get("/readyz")
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """200 when the database answers, the broker answers and partitions are assigned."""
    checks = await request.app.state.service.readiness()
    ready = all(checks.values())
    response.status_code = 200 if ready else 503
    return {"ready": ready, "checks": checks}


@health.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    await request.app.state.service.sample()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class Decision(Command):
    """Why an operator does something. It goes into the audit table, with who does it: the subject of the token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "fixed in 1.2"}]})

    reason: Annotated[Text, StringConstraints(min_length=3, max_length=500)]


@router.get("/operations/parked")
@allowed("viewer")
async def list_parked(tx: TxDependency, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[dict[str, Any]]:
    """Open parked records, oldest first, with how many wait behind each."""
    return [dict(row) for row in await parking.open_records(tx, limit)]


@deeds.post("/operations/parked/{parked_id}/redrive")
@allowed("operator")
async def redrive_parked(parked_id: ParkedId, decision: Decision, who: Who, request: Request) -> dict[str, Any]:
    """Handle a parked record again, then what waited behind it, in order. Repeat it with `next_parked`, if there is one."""
    service = request.app.state.service
    try:
        applied, successor = await parking.redrive(
            service.required_pool, parked_id, service.apply, actor=who.subject, reason=decision.reason
        )
    except parking.NotParkedError as error:
        raise Problem(404, "not_parked", str(error)) from None
    except Exception as error:
        raise Problem(409, "still_failing", f"it failed again and stays parked: {parking.explain(error)}") from error
    service.wake_relay()
    return {"redriven": applied, "next_parked": successor}


@deeds.post("/operations/parked/{parked_id}/discard")
@allowed("operator")
async def discard_parked(parked_id: ParkedId, decision: Decision, who: Who, request: Request) -> dict[str, Any]:
    """Give a parked record up; the first that waited behind it takes its place and can be redriven."""
    pool = request.app.state.service.required_pool
    try:
        successor = await parking.discard(pool, parked_id, actor=who.subject, reason=decision.reason)
    except parking.NotParkedError as error:
        raise Problem(404, "not_parked", str(error)) from None
    return {"discarded": parked_id, "next_parked": successor}


class Republication(Decision):
    """From when on everything is to be published again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the broker lost its disk", "since": "2026-01-01T00:00:00Z"}]}
    )

    since: Moment


@deeds.post("/operations/republication")
@allowed("operator")
async def republish(command: Republication, who: Who, request: Request) -> dict[str, int]:
    """Publish again what was said since a moment. Copies are recognised by whoever has them."""
    service = request.app.state.service
    async with transaction(service.required_pool) as tx:
        count = await outbox.republish(tx, command.since, actor=who.subject, reason=command.reason)
    service.wake_relay()
    return {"republished": count}


@router.get("/operations/journeys/{correlation_id}")
@allowed("viewer")
async def journey(correlation_id: Identifier, tx: TxDependency) -> list[dict[str, Any]]:
    """What this service said on a journey, and when it took in what others said."""
    return [dict(row) for row in await journey_records(tx, correlation_id)]


async def journey_records(tx: Tx, correlation_id: str, rows_max: int = 2_000) -> list[Any]:
    """Rows of (direction, event_id, type, key, sequence, causation_id, at, source), oldest first."""
    return await tx.fetch(
        """
        SELECT 'said' AS direction, event_id::text AS event_id, type, topic, key, sequence, causation_id,
               written_at AS at, NULL AS source,
               NOT EXISTS (SELECT FROM pending WHERE pending.shard = outbox.shard AND pending.id = outbox.id) AS published
          FROM outbox
         WHERE correlation_id = $1
         UNION ALL
        SELECT 'heard', id, type, topic, key, sequence, causation_id, received_at, source, true
          FROM inbox
         WHERE correlation_id = $1
         ORDER BY at, direction
         LIMIT $2
        """,
        correlation_id,
        rows_max,
    )
