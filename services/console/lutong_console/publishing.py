"""Who publishes what, over all services, and what was rejected over HTTP, with a way to try it again."""

import asyncio
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

import lutong_contracts
from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import Suite, call

_EXAMPLES: Final = Path(lutong_contracts.__file__).with_name("examples")
_TIMEOUT_S: Final = 10.0
_VERSION: Final = re.compile(r"\.v(\d+)$")


class Publisher(NamedTuple):
    """Events of one type by one publisher, and which services saw them. `subject`: whose token it used, over HTTP."""

    way: str
    source: str
    subject: str | None
    type: str
    version: int | None
    events: int
    first_at: str
    last_at: str
    seen_by: tuple[str, ...]


class Rejected(NamedTuple):
    """An event that was rejected over HTTP; its content was not kept. `again` is a command that tries such an event."""

    service: str
    rejected_at: str
    subject: str
    event_id: str | None
    type: str | None
    code: str
    pointer: str | None
    detail: str
    hint: str | None
    again: str


class Seen(NamedTuple):
    """What all services saw, the latest first, and the services that do not answer."""

    publishers: list[Publisher]
    rejected: list[Rejected]
    silent: list[str]


async def look(target: Suite, hours: int, rejected_max: int) -> Seen:
    """Ask all services at the same time."""
    async with target.client(_TIMEOUT_S) as client:
        found = await asyncio.gather(
            *(_of(client, name, url, hours, rejected_max) for name, url in target.urls.items())
        )
    answered = {name: part for name, part in zip(target.urls, found, strict=True) if part is not None}
    rejected = [each for _, mine in answered.values() for each in mine]
    return Seen(
        merged({name: rows for name, (rows, _) in answered.items()}),
        sorted(rejected, key=lambda each: each.rejected_at, reverse=True)[:rejected_max],
        [name for name in target.urls if name not in answered],
    )


async def _of(
    client: httpx.AsyncClient, service: str, url: str, hours: int, rejected_max: int
) -> tuple[list[dict[str, Any]], list[Rejected]] | None:
    try:
        rows = await call(client, "GET", f"{url}/operations/publishers", params={"hours": hours})
        answer = await client.get(f"{url}/v1/events/rejected", params={"limit": rejected_max})
    except (ConsoleError, httpx.TransportError):
        return None
    took = answer.json() if answer.is_success else []  # a service that takes no events over HTTP has no such path
    return rows, [_rejected(service, url, row) for row in took]


def merged(rows_of: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Publisher]:
    """What services report, by publisher and type; what several saw counts once. Pure."""
    found: dict[tuple[str, str | None, str], Publisher] = {}
    for service, rows in rows_of.items():
        for row in rows:
            one = _publisher(service, row)
            name = (one.source, one.subject, one.type)
            found[name] = _both(found[name], one) if name in found else one
    return sorted(found.values(), key=lambda each: each.last_at, reverse=True)


def _publisher(service: str, row: Mapping[str, Any]) -> Publisher:
    own = row["way"] == "own"
    version = _VERSION.search(row["type"])
    return Publisher(
        "topic" if own else row["way"],
        f"/lutong/{service}" if own else row["source"],
        row["subject"],
        row["type"],
        int(version[1]) if version else None,
        row["events"],
        row["first_at"],
        row["last_at"],
        () if own else (service,),
    )


def _both(one: Publisher, other: Publisher) -> Publisher:
    return one._replace(
        events=max(one.events, other.events),
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
        seen_by=tuple(sorted({*one.seen_by, *other.seen_by})),
    )


def _rejected(service: str, url: str, row: Mapping[str, Any]) -> Rejected:
    names = ("rejected_at", "subject", "event_id", "type", "code", "pointer", "detail", "hint")
    kept: dict[str, Any] = {name: row.get(name) for name in names}
    return Rejected(service=service, again=again(url, row["event_id"], row["type"]), **kept)


def again(url: str, event_id: str | None, event_type: str | None) -> str:
    r"""A command that shows what would become of such an event, with an example of its type as its content. Pure.

    >>> again("http://feed", "cms-1", None).splitlines()[0]
    "curl 'http://feed/v1/events?dry_run=true' \\"
    """
    event = {
        "specversion": "1.0",
        "id": event_id or "…",
        "source": "/partner/cms",
        "type": event_type or "lutong.feed.post-published.v1",
        "data": example(event_type),
    }
    return " \\\n  ".join(
        (
            f"curl {shlex.quote(f'{url}/v1/events?dry_run=true')}",
            '-H "Authorization: Bearer $LUTONG_TOKEN"',
            "-H 'Content-Type: application/cloudevents+json'",
            f"-d {shlex.quote(json.dumps(event, ensure_ascii=False))}",
        )
    )


@cache
def example(event_type: str | None) -> Any:  # noqa: ANN401  # JSON
    """What an event of a type may hold; an empty object where the contracts have no example."""
    known = {folder.name: folder for folder in _EXAMPLES.iterdir()} if _EXAMPLES.is_dir() else {}
    files: Sequence[Path] = sorted(known[event_type].glob("*.json")) if event_type in known else ()
    return json.loads(files[0].read_text(encoding="utf-8")) if files else {}
