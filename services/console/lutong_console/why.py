"""Why a journey does not go on: one reason, with the evidence for it. Pure.

Looked at in the order in which an event travels: published, consumed by each service that handles its type, and then
whatever the last event waits for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from lutong_console.cli.commands.journey import Step
from lutong_contracts import event_types

Kind = Literal["not_published", "silent", "parked", "behind_parked", "behind", "waits_for", "ended"]
Awaited = Literal["member", "store", "provider", "deadline"]

AWAITED: Final[Mapping[str, Awaited]] = {
    "AgreementConsulted": "provider",
    "AgreementOffered": "member",
    "AgreementOverdue": "member",
    "AgreementSigned": "deadline",
    "DeductionDue": "provider",
    "DeductionNotified": "deadline",
    "OrderAdvanced": "store",
    "OrderSourced": "store",
    "PartFulfilled": "store",
    "RepaymentClaimed": "provider",
}
"""Who has to do something after an event, where no service handles it by itself."""

SENTENCES: Final[Mapping[str, str]] = {
    "not_published": "%(service)s wrote %(event)s at %(at)s, and has not published it yet.",
    "silent": "%(service)s handles %(event)s and does not answer.",
    "parked": "%(service)s set %(event)s aside at %(at)s: %(error)s.",
    "behind_parked": (
        "%(event)s waits in %(service)s behind record #%(id)s of the same key, which was set aside at %(at)s."
    ),
    "behind": "%(service)s has not consumed %(event)s: %(lag)s events are before it, the oldest %(age)s s old.",
    "member": "It waits for the member to act since %(event)s of %(service)s at %(at)s.",
    "store": "It waits for the staff of the store since %(event)s of %(service)s at %(at)s.",
    "provider": "It waits for the answer of a provider since %(event)s of %(service)s at %(at)s.",
    "deadline": "It waits for a deadline since %(event)s of %(service)s at %(at)s.",
    "ended": "All of its events were consumed; the last is %(event)s at %(at)s.",
}
"""Each reason in a sentence; the web console has the Chinese of each."""


class Parked(NamedTuple):
    """A record that was set aside: by which service, its id there, and the event in it as far as it is known."""

    service: str
    id: int
    key: str | None
    event_id: str | None
    reason: str
    error: str
    since: datetime


class Consumer(NamedTuple):
    """How a service is doing as a consumer: events before it, and the age of the oldest. None: it does not answer."""

    lag_events: int
    lag_age_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides the journey's own events."""

    handled: Mapping[str, frozenset[str]]
    """By service, the event types that it handles."""
    consumers: Mapping[str, Consumer | None]
    parked: Sequence[Parked] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a journey does not go on, in which service, since when, and at which event."""

    kind: Kind
    step: Step
    service: str
    since: datetime
    parked: Parked | None = None
    consumer: Consumer | None = None
    awaited: Awaited | None = None


def sentence(reason: Reason, translate: Callable[[str], str] = str) -> str:
    """A reason in one sentence, with its evidence; `translate` gives the sentence of another language."""
    parked, consumer = reason.parked, reason.consumer
    values = {
        "service": reason.service,
        "event": reason.step.name,
        "at": reason.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        "error": (parked.error or parked.reason) if parked else "",
        "id": parked.id if parked else 0,
        "lag": f"{consumer.lag_events:,}" if consumer else "",
        "age": f"{consumer.lag_age_s:.0f}" if consumer else "",
    }
    return translate(SENTENCES[reason.awaited or reason.kind]) % values


def why(steps: Sequence[Step], evidence: Evidence) -> Reason:
    """The first thing that holds a journey up, in the order in which its events were published; `steps` has one at least.

    A journey that nothing holds up has ended, or waits for the one that `AWAITED` names.
    """
    for step in steps:
        if not step.published:
            return Reason("not_published", step, step.service, step.at)
        for service in sorted(_missing(step, evidence)):
            return _not_consumed(step, service, evidence)
    for step in {step.key: step for step in steps}.values():  # the last of each key
        if awaited := AWAITED.get(step.name):
            return Reason("waits_for", step, step.service, step.at, awaited=awaited)
    return Reason("ended", steps[-1], steps[-1].service, steps[-1].at)


def _missing(step: Step, evidence: Evidence) -> set[str]:
    """Services that handle this type and have not consumed this event; an owner passes over what it published itself."""
    if step.over_http:
        return set()
    event = event_types().get(step.type)
    own = {step.service} if event and event.from_others else set()
    return {service for service, types in evidence.handled.items() if step.type in types} - set(step.consumed_by) - own


def _not_consumed(step: Step, service: str, evidence: Evidence) -> Reason:
    mine = [record for record in evidence.parked if record.service == service]
    for record in mine:
        if record.event_id == step.event_id:
            return Reason("parked", step, service, record.since, parked=record)
    for record in mine:
        if record.key == step.key:
            return Reason("behind_parked", step, service, record.since, parked=record)
    consumer = evidence.consumers.get(service)
    if consumer is None:
        return Reason("silent", step, service, step.at)
    return Reason("behind", step, service, step.at, consumer=consumer)
