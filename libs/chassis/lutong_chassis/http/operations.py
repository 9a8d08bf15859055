"""Health checks and the operators' routes of every service: consumer, audit, journeys, republication."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ConfigDict, StringConstraints

from lutong_chassis import (
    audit,
    audit_log,
    entities,
    journeys,
    noticing,
    outbox,
    passed_over,
    publishers,
    quiet,
    skipping,
)
from lutong_chassis.audit import Change
from lutong_chassis.audit_log import AuditPage, AuditQuery
from lutong_chassis.database import transaction
from lutong_chassis.http import GuardedRoute, Problem, TxDependency, Who, allowed, audited, routes
from lutong_chassis.http.parked import Decision
from lutong_chassis.journeys import FoundJourney, JourneyRecord, Mark
from lutong_chassis.publishers import Publisher
from lutong_contracts.cloudevents import ATTRIBUTE_CHARACTERS_MAX
from lutong_contracts.values import Moment, Text

JourneyId = Annotated[str, Path(min_length=1, max_length=ATTRIBUTE_CHARACTERS_MAX, pattern="^[^\x00]*$")]
"""Any `correlationid` that an event may have, slashes included."""
JourneyOf = Annotated[str, Query(min_length=1, max_length=ATTRIBUTE_CHARACTERS_MAX, pattern="^[^\x00]*$")]
"""The id of an event, or its key."""

health = APIRouter(tags=["health"], include_in_schema=False)
router = routes("operations")
admin_router = APIRouter(route_class=GuardedRoute, tags=["operations"])
"""Commands of operators: each opens its own transactions, and is safe to repeat without an Idempotency-Key."""
entities_router = APIRouter(route_class=GuardedRoute, tags=["operations"])
"""The same, for services that own entities."""


@health.get("/livez")
async def livez(request: Request, response: Response) -> dict[str, Any]:
    """503 when only a restart helps. `stuck` names what a restart does not fix."""
    service = request.app.state.service
    stalled = service.stalled
    response.status_code = 503 if stalled else 200
    return {"live": not stalled, "reason": stalled, "stuck": service.stuck}


@health.get("/readyz")
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """200 when the database answers, the broker answers and partitions are assigned.

    A consumer that is stuck is reported under `stuck`, and takes no replica out of service: requests are answered. So is, under
    `quiet_since`, a service that was restored and not resumed yet: what its commands publish waits in the outbox.
    """
    service = request.app.state.service
    checks = await service.readiness()
    ready = all(checks.values())
    response.status_code = 200 if ready else 503
    return {"ready": ready, "checks": checks, "stuck": service.stuck, "quiet_since": service.quiet_since}


@health.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    await request.app.state.service.sample()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/operations/consumer")
@allowed("viewer")
async def consumer(tx: TxDependency, request: Request) -> dict[str, Any]:
    """What the consumers of this service retry, which records retention deleted before they were read, which keys are on a
    wrong partition, and which types are passed over because their contracts do not have them.

    A batch is stuck when it has been retried for longer than `stuck_timeout_s`.
    """
    return {
        "stuck_timeout_s": request.app.state.settings.stuck_timeout_s,
        "stuck": [
            row._asdict() | {"where": row.where, "offsets": row.offsets[:100]} for row in await skipping.stuck(tx)
        ],
        "missed": [item._asdict() for item in await noticing.lately_missed(tx)],
        "misplaced": [item._asdict() for item in await noticing.lately_misplaced(tx)],
        "unknown": [item._asdict() for item in await passed_over.unknown(tx)],
    }


@router.get("/operations/audit")
@allowed("viewer")
async def read_audit(tx: TxDependency, query: Annotated[AuditQuery, Query()]) -> AuditPage:
    """Audited changes: who, what, on which subject and why; the latest first. All filters must match."""
    before = audit_log.decode(query.cursor) if query.cursor else None
    if query.cursor and before is None:
        raise Problem(422, "bad_cursor", "the cursor is not one of ours: start without one")
    return await audit_log.page(tx, query, before)


@router.get("/operations/publishers")
@allowed("viewer")
async def list_publishers(
    tx: TxDependency, hours: Annotated[int, Query(ge=1, le=720, description="of the last so many hours")] = 24
) -> list[Publisher]:
    """Who published what lately, as this service saw it: from topics, over HTTP, and by itself. The latest first, at most 1,000."""
    return await publishers.publishers(tx, tx.now - timedelta(hours=hours))


class Republication(Decision):
    """Since when all events are published again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the broker lost its disk", "since": "2026-01-01T00:00:00Z"}]}
    )

    since: Moment


@admin_router.post("/operations/republication")
@allowed("operator")
@audited("outbox.republish", shows=("since", "events"))
async def republish(command: Republication, who: Who, request: Request) -> dict[str, int]:
    """Publish again all events since a moment. Consumers recognise copies."""
    service = request.app.state.service
    async with transaction(service.required_pool) as tx:
        count = await outbox.republish(tx, command.since)
        after = {"since": command.since, "events": count}
        await audit.record(tx, who, Change("outbox.republish", "outbox", command.reason, after=after))
        await outbox.write(tx, tx.outgoing)
    service.wake_relay()
    return {"republished": count}


@admin_router.post("/operations/resumption")
@allowed("operator")
@audited("service.resume", shows=("quiet_since",))
async def resume(command: Decision, who: Who, request: Request) -> dict[str, Any]:
    """Let a service that was restored publish and consume again. `was_quiet_since` is null when it was not quiet; repeating it has no effect."""
    service = request.app.state.service
    async with transaction(service.required_pool) as tx:
        since = await quiet.end(tx)
        change = Change("service.resume", f"service:{service.name}", command.reason, after={"quiet_since": since})
        await audit.record(tx, who, change)
        await outbox.write(tx, tx.outgoing)
    service.wake_relay()
    return {"was_quiet_since": since}


class EntitiesPage(Decision):
    """Which entities to publish again, by their topic, and behind which key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the topic is new", "topic": "lutong.registry.merchants"}]}
    )

    topic: Annotated[Text, StringConstraints(max_length=249)]
    after: Annotated[Text, StringConstraints(max_length=ATTRIBUTE_CHARACTERS_MAX)] = ""


@entities_router.post("/operations/entities")
@allowed("operator")
@audited("entities.publish", shows=("after", "entities"))
async def publish_entities(command: EntitiesPage, who: Who, request: Request) -> dict[str, Any]:
    """Publish entities again as they are, a page at a time. Call it again with `after`, until that is null."""
    service = request.app.state.service
    found = next((page for topic, page in service.entities.items() if topic.name == command.topic), None)
    if found is None:
        there = ", ".join(sorted(topic.name for topic in service.entities)) or "none"
        raise Problem(404, "unknown_topic", f"{service.name} owns no entities on {command.topic!r}: it has {there}")
    async with transaction(service.required_pool) as tx:
        published = await entities.publish_page(tx, found, command.after)
        effect = {"after": command.after, "entities": published.entities}
        await audit.record(tx, who, Change("entities.publish", f"topic:{command.topic}", command.reason, after=effect))
        await outbox.write(tx, tx.outgoing)
    service.wake_relay()
    return {"published": published.entities, "after": published.after}


@router.get("/operations/journeys")
@allowed("viewer")
async def find_journeys(of: JourneyOf, tx: TxDependency) -> list[FoundJourney]:
    """The journeys that an event or a key (of an order, a post, a viewer) is part of; the latest first."""
    return await journeys.of(tx, of)


@router.get("/operations/journeys/{correlation_id:path}")
@allowed("viewer")
async def journey(
    correlation_id: JourneyId,
    tx: TxDependency,
    response: Response,
    key: Annotated[
        str | None, Query(max_length=256, description="only the events of one order, post or viewer")
    ] = None,
    after: Annotated[
        str | None, Query(max_length=2048, description="what `lutong-next` of the page before has")
    ] = None,
) -> list[JourneyRecord]:
    """What this service published on a journey, and when it consumed the events of others: 2,000 records, oldest first.

    The header `lutong-total` is how many there are in all; `lutong-next` names the next page, when there may be one.
    """
    records = await journeys.records(tx, correlation_id, key, _mark(after))
    response.headers["lutong-total"] = str(records.total)
    if records.next:
        response.headers["lutong-next"] = records.next.text
    return records.rows


def _mark(after: str | None) -> Mark | None:
    """Where a page begins; raises Problem 422 for what is no mark."""
    try:
        return Mark.read(after) if after else None
    except ValueError:
        detail = "after is what the header lutong-next of the page before has: leave it out for the first page"
        raise Problem(422, "bad_mark", detail, errors=[{"pointer": "/query/after", "detail": detail}]) from None
