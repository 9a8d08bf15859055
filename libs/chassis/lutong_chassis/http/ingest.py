"""Events from other systems over HTTP: for publishers without access to Kafka.

    ingest.mount(router, {PostPublished: accept_posts})

adds `POST /v1/events`, which accepts CloudEvents in structured or binary mode, and `GET /v1/events/rejected`. Every
event has a result of its own. The service itself publishes accepted events: a topic has one owner.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel

from lutong_chassis import audit, inbox, journeys
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.database import Tx
from lutong_chassis.envelope import MalformedError, Received, read_document
from lutong_chassis.grouping import group
from lutong_chassis.http import Problem, TxDependency, Who, allowed, audited
from lutong_chassis.http.event_bodies import DOCUMENTED, documents_of
from lutong_chassis.http.problems import documented
from lutong_chassis.parking import storable
from lutong_chassis.rows import columns_of
from lutong_contracts import Event

E = TypeVar("E", bound=Event)

Acceptor = Callable[[Sequence[Received[E]], Principal, Tx], Awaitable[None]]
"""Applies a batch of events of one type, and publishes what follows. A `Problem` that it raises rejects the batch."""
Acceptors = Mapping[type[Event], Acceptor[Any]]

_CONFLICT: Final = "another event of yours came under this source and id before: this one was not accepted"
_HINTS: Final = {
    "conflict": "if it is another event, give it an id of its own; if it is a correction, publish that as an event",
    "bad_bytes": "send one JSON object per event, with the event itself under `data`",
    "bad_header": "give every event `specversion` (1.0), `id`, `source` and `type`, as strings; `time` is 2026-01-31T08:00:00+08:00",
    "unreadable": "it holds something that the service cannot process: report it to its operators",
    "unknown_type": "docs/flow.md lists the types; a newer one needs a newer version of Lutong",
    "invalid": "compare with the schema of its type in libs/contracts; lutong-client checks before it sends",
    "too_large": "carry an id instead of the content",
    "not_found": "create what it names first, or publish with a token that may act for it",
    "wrong_key": "leave `partitionkey` out: the event itself has it",
}

_HINTS_AT: Final = {"/time": "write it as RFC 3339 has it, such as 2026-01-31T08:00:00+08:00, or leave it out"}


class Result(BaseModel):
    """The result of one event. When it was rejected: `code` for programs, `pointer` where, `detail` and `hint`.

    `conflict` as a code: the id was used for another event before. It is rejected, not a status of its own: a client
    that does not know a status would treat its event as accepted.
    """

    id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    journey: str | None = None
    code: str | None = None
    pointer: str | None = None
    detail: str | None = None
    hint: str | None = None


class Results(BaseModel):
    """One result per event, in the order in which they were sent."""

    results: list[Result]


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


class _RejectedRow(NamedTuple):
    """A rejection as it is stored."""

    event_id: str | None
    type: str | None
    code: str
    pointer: str | None
    detail: str


class _Copy(NamedTuple):
    """An event of a request, by its place there, under the source that the release before gave it."""

    source: str
    id: str
    place: int


_REJECTED: Final = columns_of(_RejectedRow)
_COPY: Final = columns_of(_Copy)


class _DryRun(Exception):  # noqa: N818  # nothing went wrong
    """Raised to roll a dry run back."""


def mount(router: APIRouter, acceptors: Acceptors) -> None:
    """Add the two routes to a router, for events of these types."""

    @router.post("/v1/events", openapi_extra=DOCUMENTED, responses=documented(415))
    @allowed("member", "merchant", "operator")
    @audited("event.publish", own="member", shows=("status",))
    async def publish_events(request: Request, who: Who, tx: TxDependency, *, dry_run: bool = False) -> Results:
        """Publish events: one, an array, or one per line; a copy has no second effect. `dry_run` changes nothing."""
        documents = documents_of(request.headers, await request.body())
        if dry_run and tx.request:
            tx.request = tx.request._replace(must_audit=False)  # its row is undone with everything else
        with suppress(_DryRun):
            async with tx.savepoint():
                results = await _publish(tx, who, acceptors, documents)
                if dry_run:
                    raise _DryRun
        return Results(results=results)

    @router.get("/v1/events/rejected")
    @allowed("member", "merchant", "viewer")
    async def list_rejected(
        who: Who, tx: TxDependency, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[Rejection]:
        """The latest events that were rejected: the caller's own, and those of all publishers for staff."""
        return await _rejections(tx, None if who.is_staff else who.publisher, limit)


async def _publish(tx: Tx, who: Principal, acceptors: Acceptors, documents: Sequence[object]) -> list[Result]:
    results: dict[int, Result] = {}
    understood: dict[int, Received[Event]] = {}
    for place, document in enumerate(documents):
        try:
            understood[place] = _understand(tx, who, acceptors, document)
        except MalformedError as error:
            results[place] = _rejected(_field(document, "id"), error.reason, error.pointer, error.detail)
    await _replace_foreign_journeys(tx, who, understood)
    copies = await _taken_before(tx, who, understood)
    results |= {place: _taken(understood.pop(place), "duplicate") for place in copies}
    results |= await _take(tx, who, acceptors, understood)
    await _keep(tx, who, [_rejected_row(documents[n], r) for n, r in results.items() if r.status == "rejected"])
    if who.is_staff or who.member_id is None:
        await audit.record(tx, who, *(_published(results[place]) for place in range(len(documents))))
    return [results[place] for place in range(len(documents))]


def _published(result: Result) -> Change:
    """The audit of an event that was published in another's name, also when it was rejected."""
    name = "".join(character for character in result.id or "-" if character.isprintable())
    return Change("event.publish", f"event:{name}", after={"status": result.status})


def _understand(tx: Tx, who: Principal, acceptors: Acceptors, document: object) -> Received[Event]:
    received = read_document(document, tx.now)
    if type(received.event) not in acceptors:
        taken = ", ".join(sorted(event.type for event in acceptors))
        raise MalformedError("not_taken", f"this service accepts {taken}", "/type")
    # Two principals may use the same source and id: their events must not count as copies of each other.
    return received._replace(source=f"{who.publisher} {received.source}")


async def _replace_foreign_journeys(tx: Tx, who: Principal, batch: dict[int, Received[Event]]) -> None:
    """Start a new journey for events that name one which their publisher may not continue."""
    named = {received.cause.correlation_id for received in batch.values()}
    foreign = {name for name in named if not await journeys.may_continue(tx, who, name)}
    for place, received in batch.items():
        if received.cause.correlation_id in foreign:
            batch[place] = received._replace(cause=received.cause._replace(correlation_id=tx.new_id()))


async def _taken_before(tx: Tx, who: Principal, batch: Mapping[int, Received[Event]]) -> list[int]:
    """Which events were accepted by the release before, which identified publishers by subject alone and kept no content.

    Remove it one inbox retention after that release.
    """
    if not batch:
        return []
    asked = [_Copy(f"{who.subject} {item.source.partition(' ')[2]}", item.id, place) for place, item in batch.items()]
    rows = await tx.fetch(
        f"""
        SELECT place
          FROM {_COPY.unnest("copy")}
          JOIN inbox USING (source, id)
         WHERE content IS NULL
        """,
        *_COPY.arrays(asked),
    )
    return [row["place"] for row in rows]


async def _take(
    tx: Tx, who: Principal, acceptors: Acceptors, batch: Mapping[int, Received[Event]]
) -> dict[int, Result]:
    """Apply a batch; when a part of it is refused, apply one event after the other, so that only the cause is rejected."""
    try:
        async with tx.savepoint():
            fresh = await inbox.receive(tx, list(batch.values()))
            conflicts = await inbox.conflicts(tx, list(batch.values()), fresh)
            for part in group(fresh):
                await acceptors[type(part[0].event)](part, who, tx)
    except Problem as problem:
        if len(batch) > 1:
            results: dict[int, Result] = {}
            for place, received in batch.items():
                results |= await _take(tx, who, acceptors, {place: received})
            return results
        return {
            place: _rejected(received.id, problem.kind, "/data", problem.detail) for place, received in batch.items()
        }
    accepted, odd = {id(received) for received in fresh}, {id(received) for received in conflicts}
    return {
        place: _rejected(received.id, "conflict", "/id", _CONFLICT)
        if id(received) in odd
        else _taken(received, "accepted" if id(received) in accepted else "duplicate")
        for place, received in batch.items()
    }


def _taken(received: Received[Event], status: Literal["accepted", "duplicate"]) -> Result:
    return Result(id=received.id, status=status, journey=received.cause.correlation_id)


def _rejected(event_id: str | None, code: str, pointer: str, detail: str) -> Result:
    return Result(
        id=event_id,
        status="rejected",
        code=code,
        pointer=pointer or None,
        detail=detail,
        hint=_hint(code, pointer),
    )


def _hint(code: str, pointer: str | None) -> str | None:
    return _HINTS_AT.get(pointer or "") or _HINTS.get(code)


def _field(document: object, name: str) -> str | None:
    """A field of a document that may be of any kind, if its value is a string; at most 256 characters of it."""
    with suppress(orjson.JSONDecodeError):
        parsed = orjson.loads(document) if isinstance(document, bytes) else document
        value = parsed.get(name) if isinstance(parsed, dict) else None
        return storable(value[:256]) if isinstance(value, str) else None
    return None


def _rejected_row(document: object, result: Result) -> _RejectedRow:
    return _RejectedRow(
        event_id=result.id,
        type=_field(document, "type"),
        code=result.code or "",
        pointer=result.pointer and storable(result.pointer),
        detail=storable(result.detail or ""),
    )


async def _keep(tx: Tx, who: Principal, rejected: Sequence[_RejectedRow]) -> None:
    if rejected:
        await tx.execute(
            f"""
            INSERT INTO rejected (subject, publisher, {_REJECTED.names})
            SELECT $1, $2, {_REJECTED.names} FROM {_REJECTED.unnest(first=3)}
            """,
            who.subject,
            who.publisher,
            *_REJECTED.arrays(rejected),
        )


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
    return [Rejection(**row, hint=_hint(row["code"], row["pointer"])) for row in rows]
