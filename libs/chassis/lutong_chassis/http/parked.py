"""The operators' routes for parked records: by cause, one by one, tried without effect, and done."""

from typing import Annotated, Any, Final, NoReturn

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ConfigDict, Field, StringConstraints

from lutong_chassis import audit, causes, deadletters, outbox, skipping
from lutong_chassis.audit import Change
from lutong_chassis.causes import Group
from lutong_chassis.database import transaction
from lutong_chassis.deadletters import ParkedQuery
from lutong_chassis.envelope import Place
from lutong_chassis.errors import blames
from lutong_chassis.http.authorization import GuardedRoute, Who, allowed, audited, not_audited
from lutong_chassis.http.routing import Command, TxDependency, routes
from lutong_chassis.parking import summarise_error
from lutong_chassis.preflight import Preflight, preflight
from lutong_chassis.problem import Problem
from lutong_chassis.progress import show
from lutong_chassis.redrive import NotParkedError, discard, redrive
from lutong_contracts.values import Text

router = routes("operations")
admin_router = APIRouter(route_class=GuardedRoute, tags=["operations"])
"""Commands of operators: each opens its own transactions, and is safe to repeat without an Idempotency-Key."""
ROUTERS: Final = (router, admin_router)

PREFLIGHT_MAX: Final = 1_000
_GROUPS_MAX: Final = 500
_ID_MAX: Final = 2**63 - 1

ParkedId = Annotated[int, Path(ge=1, le=_ID_MAX)]


class Decision(Command):
    """The reason for an operator's command. It is audited with the subject of the token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "fixed in 1.2"}]})

    reason: Annotated[Text, StringConstraints(min_length=3, max_length=500)]


@router.get("/operations/parked")
@allowed("viewer")
async def list_parked(
    tx: TxDependency, response: Response, query: Annotated[ParkedQuery, Query()]
) -> list[dict[str, Any]]:
    """Open parked records behind an id, oldest first, with how many wait behind each. All filters must fit.

    The header `lutong-total` is how many there are in all that fit.
    """
    page = await deadletters.page(tx, query)
    response.headers["lutong-total"] = str(page.total)
    return page.rows


@router.get("/operations/parked/groups")
@allowed("viewer")
async def list_groups(tx: TxDependency) -> list[Group]:
    """Open parked records by what they have in common: error without what varies, type, merchant. The 500 largest groups."""
    return await causes.groups(tx, rows_max=_GROUPS_MAX)


class Selection(Command):
    """Parked records, by their ids."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": [17, 18]}]})

    ids: Annotated[list[Annotated[int, Field(ge=1, le=_ID_MAX)]], Field(min_length=1, max_length=PREFLIGHT_MAX)]


@admin_router.post("/operations/parked/preflight")
@allowed("operator")
@not_audited("nothing is changed: all that it tries is rolled back")
async def preflight_parked(selection: Selection, request: Request) -> Preflight:
    """What a redrive of these records would do, each on top of those before it; nothing is changed or published.

    After some seconds `rest` has the ids that were not tried: call it again with those.
    """
    service = request.app.state.service
    return await preflight(service.required_pool, selection.ids, service.handlers)


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
