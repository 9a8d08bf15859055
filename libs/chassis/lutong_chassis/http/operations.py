"""Health checks and the operators' routes of every service: parked records, consumer, audit, journeys, republication."""

from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ConfigDict, Field, StringConstraints

from lutong_chassis import (
    audit,
    audit_log,
    deadletters,
    entities,
    journeys,
    noticing,
    outbox,
    passed_over,
    quiet,
    skipping,
)
from lutong_chassis.audit import Change
from lutong_chassis.audit_log import AuditPage, AuditQuery
from lutong_chassis.database import transaction
from lutong_chassis.envelope import Place
from lutong_chassis.errors import blames
from lutong_chassis.http import Command, GuardedRoute, Problem, TxDependency, Who, allowed, audited, routes
from lutong_chassis.journeys import FoundJourney, JourneyRecord
from lutong_chassis.parking import summarise_error
from lutong_chassis.progress import show
from lutong_chassis.redrive import NotParkedError, discard, redrive
from lutong_contracts.cloudevents import ATTRIBUTE_CHARACTERS_MAX
from lutong_contracts.values import Moment, Text

ParkedId = Annotated[int, Path(ge=1, le=2**63 - 1)]
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


class Decision(Command):
    """The reason for an operator's command. It is audited with the subject of the token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "fixed in 1.2"}]})

    reason: Annotated[Text, StringConstraints(min_length=3, max_length=500)]


@router.get("/operations/parked")
@allowed("viewer")
async def list_parked(
    tx: TxDependency,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    reason: Annotated[str | None, Query(max_length=64)] = None,
) -> list[dict[str, Any]]:
    """Open parked records behind an id, oldest first, with how many wait behind each.

    The header `lutong-total` is how many there are in all, of this reason if one is given.
    """
    page = await deadletters.page(tx, rows_max=limit, after=after, reason=reason)
    response.headers["lutong-total"] = str(page.total)
    return page.rows


@router.get("/operations/parked/{parked_id}")
@allowed("viewer")
async def show_parked(parked_id: ParkedId, tx: TxDependency) -> dict[str, Any]:
    """One parked record in whatever state, without its content."""
    return await deadletters.look(tx, parked_id) or _unknown(parked_id)


@admin_router.post("/operations/parked/{parked_id}/reveal")
@allowed("operator")
@audited("parked.reveal")
async def reveal_parked(parked_id: ParkedId, decision: Decision, who: Who, request: Request) -> dict[str, Any]:
    """The content of a parked record. It may be personal: the reader and the reason are audited."""
    async with transaction(request.app.state.service.required_pool) as tx:
        content = await deadletters.reveal(tx, parked_id)
        if content:
            await audit.record(tx, who, Change("parked.reveal", f"parked:{parked_id}", decision.reason))
            await outbox.write(tx, tx.outgoing)
    request.app.state.service.wake_relay()
    return content or _unknown(parked_id)


def _unknown(parked_id: int) -> NoReturn:
    raise Problem(404, "not_parked", f"there is no parked record {parked_id}: list them with `lutong parked list`")


class Skip(Decision):
    """Which record to skip, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"topic": "lutong.feed.posts", "partition": 0, "offset": 21, "reason": "its key is too long to be kept"}
            ]
        }
    )

    topic: Annotated[Text, StringConstraints(max_length=249)]
    partition: Annotated[int, Field(ge=0, le=2**31 - 1)]
    offset: Annotated[int, Field(ge=0, le=2**63 - 1)]


@admin_router.post("/operations/parked/skip", status_code=202)
@allowed("operator")
@audited("parked.skip")
async def skip_record(command: Skip, who: Who, request: Request) -> dict[str, Any]:
    """Store the bytes of a record that the consumer retries without end, and continue behind it, before the next try.

    Refused unless the record is being retried now. Repeating the request has no further effect.
    """
    service = request.app.state.service
    where = Place(command.topic, command.partition, command.offset)
    async with transaction(service.required_pool) as tx:
        decision = skipping.SkipRequest(who.subject, command.reason)
        answer = await skipping.request(tx, service.name, where, service.handlers.topics, decision)
        if isinstance(answer, skipping.Requested) and answer.is_new:
            await audit.record(tx, who, Change("parked.skip", f"record:{show(where)}", command.reason))
            await outbox.write(tx, tx.outgoing)
    service.wake_relay()
    if isinstance(answer, skipping.Refusal):
        raise Problem(404 if answer.code == "unknown_topic" else 409, answer.code, answer.detail)
    return {"skips": show(where), "requested_at": answer.at}


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


@admin_router.post("/operations/parked/{parked_id}/redrive")
@allowed("operator")
@audited("parked.redrive", "parked.redrive_failed", shows=("attempts",))
async def redrive_parked(parked_id: ParkedId, decision: Decision, who: Who, request: Request) -> dict[str, Any]:
    """Handle a parked record again, then those that wait behind it, in order. Call it again with `next_parked`, if present."""
    service = request.app.state.service
    try:
        redriven = await redrive(service.required_pool, parked_id, service.apply, who, decision.reason)
    except NotParkedError as error:
        raise Problem(404, "not_parked", str(error)) from None
    except Exception as error:
        if not blames(error):  # not the record's fault
            raise
        raise Problem(409, "still_failing", f"it failed again and stays parked: {summarise_error(error)}") from error
    service.wake_relay()
    return {"redriven": redriven.applied, "next_parked": redriven.successor}


@admin_router.post("/operations/parked/{parked_id}/discard")
@allowed("operator")
@audited("parked.discard")
async def discard_parked(parked_id: ParkedId, decision: Decision, who: Who, request: Request) -> dict[str, Any]:
    """Give a parked record up; the first record that waited behind it takes its place and can be redriven."""
    service = request.app.state.service
    try:
        successor = await discard(service.required_pool, parked_id, who, decision.reason)
    except NotParkedError as error:
        raise Problem(404, "not_parked", str(error)) from None
    service.wake_relay()
    return {"discarded": parked_id, "next_parked": successor}


@router.get("/operations/audit")
@allowed("viewer")
async def read_audit(tx: TxDependency, query: Annotated[AuditQuery, Query()]) -> AuditPage:
    """Audited changes: who, what, on which subject and why; the latest first. All filters must match."""
    before = audit_log.decode(query.cursor) if query.cursor else None
    if query.cursor and before is None:
        raise Problem(422, "bad_cursor", "the cursor is not one of ours: start without one")
    return await audit_log.page(tx, query, before)


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
) -> list[JourneyRecord]:
    """What this service published on a journey, and when it consumed the events of others: the first 2,000 records.

    The header `lutong-total` is how many there are in all.
    """
    records = await journeys.records(tx, correlation_id, key)
    response.headers["lutong-total"] = str(records.total)
    return records.rows
