"""lutong journey: one road, from what every service wrote down about it; found by its id, or by what is on it."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer

from lutong_console import running_console
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.targets import Json, StackName, Suite, ask, suite
from lutong_contracts.cloudevents import ATTRIBUTE_CHARACTERS_MAX
from lutong_contracts.sentences import counted

_JOURNEYS_MAX: Final = 10
"""How many journeys of one order, post or member are shown."""


_RECORDS_MAX: Final = 20_000
"""How many records of one journey a service is asked for: a journey is rarely longer than fifty events."""

_OVER_HTTP: Final = re.compile("~[0-9a-f]{32} ")
"""In the source of an event that came over HTTP, behind the subject of the token (`Principal.publisher`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event of a journey: its publisher and time, and how many milliseconds later each service consumed it."""

    event_id: str
    type: str
    key: str
    service: str
    at: datetime
    causation_id: str | None
    consumed_by: dict[str, int]
    published: bool
    journey: str

    @property
    def name(self) -> str:
        """The name of the event's class: `OrderSourced`."""
        return "".join(word.capitalize() for word in self.type.split(".")[2].split("-"))

    @property
    def over_http(self) -> bool:
        """Whether a service took it in over HTTP: then it was on no topic, and no other service gets it."""
        return _OVER_HTTP.search(self.service) is not None

    @property
    def publisher(self) -> str:
        """Who published it, as a person reads it: without the digest by which publishers over HTTP are distinguished."""
        return _OVER_HTTP.sub(" ", self.service)


async def journey_of(client: httpx.AsyncClient, target: Suite, journey_id: str, key: str | None = None) -> list[Step]:
    """A journey's events in the order in which they were published, or only those of one key.

    A service that does not answer, or that has more records than it shows, is named on stderr.
    """
    parts = (_part(client, service, url, journey_id, key) for service, url in target.urls.items())
    answers = await asyncio.gather(*parts)
    records = [
        record | {"service": service, "at": datetime.fromisoformat(record["at"])}
        for service, answer in zip(target.urls, answers, strict=True)
        for record in answer
        if ".action-audited." not in record["type"]  # shown by `lutong audit`
    ]
    published = sorted(_published(records), key=lambda r: (r["at"], r["direction"] == "published", r["event_id"]))
    consumed_by: dict[str, dict[str, datetime]] = {}
    for record in records:
        if record["direction"] == "consumed":
            consumed_by.setdefault(record["event_id"], {})[record["service"]] = record["at"]
    return [_step(record, consumed_by.get(record["event_id"], {}), journey_id) for record in published]


async def found_by(client: httpx.AsyncClient, target: Suite, wanted: str) -> list[str]:
    """Ids of the journeys that an event is part of, else of those that something with this key is; the latest first."""
    answers = await asyncio.gather(
        *(_asked(client, service, f"{url}/operations/journeys", of=wanted) for service, url in target.urls.items())
    )
    rows = [row for answer in answers for row in answer]
    best = [row for row in rows if row["is_event"]] or rows
    return list(dict.fromkeys(row["journey"] for row in sorted(best, key=_began, reverse=True)))


def _began(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])


def _published(records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was published: by services, which keep it, and by other publishers, known from the services that consumed it."""
    published = [record for record in records if record["direction"] == "published"]
    known = {record["event_id"] for record in published}
    began: dict[str | None, datetime] = {}  # the first thing that is known of an event, or that follows from it
    for record in records:
        for event_id in (record["event_id"], record["causation_id"]):
            began[event_id] = min(record["at"], began.get(event_id, record["at"]))
    yield from published
    for record in {r["event_id"]: r for r in records if r["event_id"] not in known}.values():
        publisher = (record.get("source") or "?").removeprefix("/lutong/")
        yield record | {"service": publisher, "at": began[record["event_id"]]}


async def _part(
    client: httpx.AsyncClient, service: str, url: str, journey_id: str, key: str | None
) -> list[dict[str, Any]]:
    wanted = {"key": key} if key else {}
    return await _asked(client, service, f"{url}/operations/journeys/{_quoted(journey_id)}", **wanted)


async def _asked(client: httpx.AsyncClient, service: str, url: str, **query: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    follows: dict[str, str] = {}
    while True:
        try:
            answer = await ask(client, "GET", url, params=query | follows or None)
        except ConsoleError as error:
            if error.code != UNREACHABLE:
                raise
            echo(f"{service} does not answer: its part of the journey is missing")
            return records
        records += answer.json()
        if not (mark := answer.headers.get("lutong-next")) or len(records) >= _RECORDS_MAX:
            break
        follows = {"after": mark}
    total = int(answer.headers.get("lutong-total", len(records)))
    if total > len(records):
        echo(f"{service}: the first {len(records):,} of {total:,} records; --key shows one order, post or viewer")
    return records


def _quoted(journey_id: str) -> str:
    """A journey's id as one part of a path, whatever is in it: `orders/1`, and `..`, which would lead elsewhere."""
    return quote(journey_id, safe="").replace(".", "%2E")


def _step(record: dict[str, Any], consumed_by: dict[str, datetime], journey_id: str) -> Step:
    return Step(
        event_id=record["event_id"],
        type=record["type"],
        key=record["key"],
        service=record["service"],
        at=record["at"],
        causation_id=record["causation_id"],
        consumed_by={service: _milliseconds(record["at"], at) for service, at in sorted(consumed_by.items())},
        published=record["published"],
        journey=journey_id,
    )


def _milliseconds(began: datetime, at: datetime) -> int:
    return round((at - began).total_seconds() * 1000)


def journey(
    journey_id: Annotated[
        str, typer.Argument(help="A journey (`Lutong-Journey` in answers), or an event, order or post on it.")
    ],
    stack: StackName = "default",
    *,
    key: Annotated[str | None, typer.Option("--key", help="Only the events of one order, post or viewer.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Explain in one sentence why it does not go on.")] = False,
    as_json: Json = False,
) -> None:
    """Print one journey's timeline from the services' own records."""
    if not 0 < len(journey_id) <= ATTRIBUTE_CHARACTERS_MAX:
        raise ConsoleError(f"a journey's id has 1 to {ATTRIBUTE_CHARACTERS_MAX} characters", code=USAGE)
    steps = asyncio.run(_fetch(suite(stack), journey_id, key))
    if not steps:
        raise ConsoleError(
            f"no journey, event, order or post is called {journey_id!r}, as far as the services remember",
            then=f"lutong tail --since start --key {journey_id} --json",
            code=PROBLEM,
        )
    if why:
        _print_why(suite(stack), steps, as_json=as_json)
        return
    shown = [step for step in steps if key in (None, step.key)]
    if as_json:
        emit_json([_as_json(step, steps[0].at) for step in shown])
        return
    rows = [
        (
            _milliseconds(steps[0].at, step.at),
            step.publisher,
            step.name,
            step.key,
            ", ".join(f"{service} +{ms}" for service, ms in step.consumed_by.items()) or "-",
            "" if step.published else "not published yet",
        )
        for step in shown
    ]
    out.print(table(["ms", "service", "event", "key", "consumed by (ms later)", ""], rows))
    running_console.name_page(stack, f"/journeys/{quote(steps[0].journey, safe='')}")


def _print_why(target: Suite, steps: list[Step], *, as_json: bool) -> None:
    from lutong_console import evidence  # reads metrics and offsets, which the timeline alone does not need
    from lutong_console.why import sentence, why

    reason = why(steps, asyncio.run(evidence.gather(target, steps)))
    if as_json:
        emit_json({"kind": reason.kind, "service": reason.service, "since": reason.since, "why": sentence(reason)})
    else:
        out.print(sentence(reason))


async def _fetch(target: Suite, wanted: str, key: str | None) -> list[Step]:
    """The steps of a journey; where none is called that, of the journeys that what is called that is part of."""
    async with target.client(10) as client:
        if steps := await journey_of(client, target, wanted, key):
            return steps
        ids = await found_by(client, target, wanted)
        if ids:
            latest = "" if len(ids) <= _JOURNEYS_MAX else f"; the latest {_JOURNEYS_MAX} are shown"
            echo(f"{wanted} is part of {counted(len(ids), 'journey')}{latest}: {', '.join(ids[:_JOURNEYS_MAX])}")
        found = [await journey_of(client, target, each, key) for each in ids[:_JOURNEYS_MAX]]
    return sorted((step for steps in found for step in steps), key=lambda step: step.at)


def _as_json(step: Step, began: datetime) -> dict[str, Any]:
    return {
        "ms": _milliseconds(began, step.at),
        "journey": step.journey,
        "service": step.service,
        "event": step.name,
        "type": step.type,
        "key": step.key,
        "event_id": step.event_id,
        "causation_id": step.causation_id,
        "heard_ms_later": step.consumed_by,
        "published": step.published,
    }
