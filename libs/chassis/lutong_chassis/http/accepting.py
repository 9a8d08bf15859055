"""Events that other systems send over HTTP, accepted in batches: those of all requests that wait are taken in together.

Every event has a result of its own, also when it is rejected: a rejected event leaves nothing behind but its rejection.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel

from lutong_chassis import inbox, journeys
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.commands import Answer, Asked
from lutong_chassis.database import Tx
from lutong_chassis.envelope import MalformedError, Received, read_document
from lutong_chassis.grouping import group
from lutong_chassis.handlers import Handlers
from lutong_chassis.http.hints import hint
from lutong_chassis.inbox import EventName
from lutong_chassis.journeys import Continuation, ForeignJourney
from lutong_chassis.parking import storable
from lutong_chassis.problem import Problem
from lutong_chassis.rows import columns_of
from lutong_contracts import Event

E = TypeVar("E", bound=Event)


class PublishEvents(NamedTuple):
    """The documents of one request: CloudEvents, each as bytes or parsed."""

    documents: tuple[object, ...]


class Sent(NamedTuple, Generic[E]):
    """An event as it was understood, and who sent it. `source` has the publisher in front."""

    received: Received[E]
    who: Principal

    @property
    def event(self) -> E:
        """What was sent."""
        return self.received.event

    @property
    def key(self) -> str:
        """What it is about."""
        return self.received.key


Acceptor = Callable[[Sequence[Sent[E]], Tx], Awaitable[Sequence[Problem | None]]]
"""Applies a batch of events of one type, and publishes what follows. Gives for each why it is rejected, or None."""
Acceptors = Mapping[type[Event], Acceptor[Any]]

_CONFLICT: Final = "another event of yours came under this source and id before: this one was not accepted"


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


class _RejectedRow(NamedTuple):
    """A rejection as it is stored."""

    subject: str
    publisher: str
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


class _Item(NamedTuple):
    """A document of a batch, and the request that it came with."""

    asked: Asked[PublishEvents]
    document: object


def accept(handlers: Handlers, acceptors: Acceptors) -> None:
    """Have events of these types accepted."""

    @handlers.on(PublishEvents)
    async def publish_events(batch: Sequence[Asked[PublishEvents]], tx: Tx) -> list[Answer | Problem]:
        """Other systems publish events: all that wait are taken in together."""
        return await _publish(acceptors, batch, tx)


async def _publish(acceptors: Acceptors, batch: Sequence[Asked[PublishEvents]], tx: Tx) -> list[Answer | Problem]:
    """Take in the events of several requests at once; an answer has the results of its events, in order."""
    items = [_Item(asked, document) for asked in batch for document in asked.command.documents]
    results: dict[int, Result] = {}
    understood: dict[int, Sent[Event]] = {}
    for place, item in enumerate(items):
        try:
            understood[place] = _understand(tx, item, acceptors)
        except MalformedError as error:
            results[place] = _rejected(_field(item.document, "id"), error.reason, error.pointer, error.detail)
    understood = await _on_own_journeys(tx, understood)
    for place in await _taken_before(tx, understood):
        results[place] = _taken(understood.pop(place), "duplicate")
    results |= await _take(tx, acceptors, understood)
    await _keep(tx, [_rejected_row(items[n], r) for n, r in sorted(results.items()) if r.status == "rejected"])
    ordered = iter([results[place] for place in range(len(items))])
    return [_answer(asked, [next(ordered) for _ in asked.command.documents]) for asked in batch]


def _answer(asked: Asked[PublishEvents], results: Sequence[Result]) -> Answer:
    on_record = asked.who.is_staff or asked.who.member_id is None
    return Answer(
        Results(results=list(results)),
        record=[_published(result) for result in results] if on_record else [],
        changed=bool(results),
    )


def _published(result: Result) -> Change:
    """The audit of an event that was published in another's name, also when it was rejected."""
    name = "".join(character for character in result.id or "-" if character.isprintable())
    return Change("event.publish", f"event:{name}", after={"status": result.status})


def _understand(tx: Tx, item: _Item, acceptors: Acceptors) -> Sent[Event]:
    received, who = read_document(item.document, tx.now), item.asked.who
    if type(received.event) not in acceptors:
        taken = ", ".join(sorted(event.type for event in acceptors))
        raise MalformedError("not_taken", f"this service accepts {taken}", "/type")
    # Two principals may use the same source and id: their events must not count as copies of each other.
    return Sent(received._replace(source=f"{who.publisher} {received.source}"), who)


async def _on_own_journeys(tx: Tx, batch: Mapping[int, Sent[Event]]) -> dict[int, Sent[Event]]:
    """Start a new journey for events that name one which their publisher may not continue: one for each that is named."""
    named = {Continuation(sent.who, sent.received.cause.correlation_id) for sent in batch.values()}
    foreign = await journeys.foreign(tx, named)
    return {place: _on_own_journey(tx, sent, foreign) for place, sent in batch.items()}


def _on_own_journey(tx: Tx, sent: Sent[Event], foreign: set[ForeignJourney]) -> Sent[Event]:
    received, who = sent
    if ForeignJourney(who.identity, received.cause.correlation_id) not in foreign:
        return sent
    return Sent(received._replace(cause=received.cause._replace(correlation_id=tx.new_id())), who)


async def _taken_before(tx: Tx, batch: Mapping[int, Sent[Event]]) -> list[int]:
    """Which events were accepted by the release before, which identified publishers by subject alone and kept no content.

    Remove it one inbox retention after that release.
    """
    if not batch:
        return []
    asked = [
        _Copy(f"{who.subject} {received.source.partition(' ')[2]}", received.id, place)
        for place, (received, who) in batch.items()
    ]
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


async def _take(tx: Tx, acceptors: Acceptors, batch: Mapping[int, Sent[Event]]) -> dict[int, Result]:
    """Apply events, each once. What is refused is taken out of the inbox again, so that it may come again."""
    if not batch:
        return {}
    received = [sent.received for sent in batch.values()]
    fresh = {id(each) for each in await inbox.receive(tx, received)}
    known = [each for each in received if id(each) not in fresh]
    odd = {id(each) for each in await inbox.conflicts(tx, known, [])}
    refused: dict[int, Problem] = {}
    for part in group([sent for sent in batch.values() if id(sent.received) in fresh]):
        verdicts = await acceptors[type(part[0].event)](part, tx)
        pairs = zip(part, verdicts, strict=True)
        refused |= {id(sent.received): problem for sent, problem in pairs if problem is not None}
    withdrawn = {EventName(each.source, each.id) for each in received if id(each) in refused}
    again = {place: sent for place, sent in batch.items() if _is_copy_of(sent, withdrawn, refused)}
    await inbox.withdraw(tx, withdrawn)
    results = {place: _result(sent, fresh, odd, refused) for place, sent in batch.items() if place not in again}
    return results | await _take(tx, acceptors, again)


def _is_copy_of(sent: Sent[Event], withdrawn: AbstractSet[EventName], refused: Mapping[int, Problem]) -> bool:
    """Whether an event has the name of one that was refused: that one did not come, so this one is looked at anew."""
    received = sent.received
    return id(received) not in refused and EventName(received.source, received.id) in withdrawn


def _result(
    sent: Sent[Event], fresh: AbstractSet[int], odd: AbstractSet[int], refused: Mapping[int, Problem]
) -> Result:
    mark = id(sent.received)
    if problem := refused.get(mark):
        return _rejected(sent.received.id, problem.kind, "/data", problem.detail)
    if mark in odd:
        return _rejected(sent.received.id, "conflict", "/id", _CONFLICT)
    return _taken(sent, "accepted" if mark in fresh else "duplicate")


def _taken(sent: Sent[Event], status: Literal["accepted", "duplicate"]) -> Result:
    received = sent.received
    return Result(id=received.id, status=status, journey=received.cause.correlation_id)


def _rejected(event_id: str | None, code: str, pointer: str, detail: str) -> Result:
    return Result(
        id=event_id,
        status="rejected",
        code=code,
        pointer=pointer or None,
        detail=detail,
        hint=hint(code, pointer),
    )


def _field(document: object, name: str) -> str | None:
    """A field of a document that may be of any kind, if its value is a string; at most 256 characters of it."""
    with suppress(orjson.JSONDecodeError):
        parsed = orjson.loads(document) if isinstance(document, bytes) else document
        value = parsed.get(name) if isinstance(parsed, dict) else None
        return storable(value[:256]) if isinstance(value, str) else None
    return None


def _rejected_row(item: _Item, result: Result) -> _RejectedRow:
    return _RejectedRow(
        subject=item.asked.who.subject,
        publisher=item.asked.who.publisher,
        event_id=result.id,
        type=_field(item.document, "type"),
        code=result.code or "",
        pointer=result.pointer and storable(result.pointer),
        detail=storable(result.detail or ""),
    )


async def _keep(tx: Tx, rejected: Sequence[_RejectedRow]) -> None:
    if rejected:
        await tx.execute(
            f"INSERT INTO rejected ({_REJECTED.names}) SELECT {_REJECTED.names} FROM {_REJECTED.unnest()}",
            *_REJECTED.arrays(rejected),
        )
