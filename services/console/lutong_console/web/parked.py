"""The parked pages: groups with one cause, one record, and what to do: redrive or discard, with a reason."""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.commands.parked import parked_of
from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import Suite, call
from lutong_console.web.pages import PageError, form_of, session_of, show

_TIMEOUT_S: Final = 60.0
_REASON_MIN: Final = 3
_VERBS: Final = ("redrive", "discard", "reveal")
_VARIES: Final = re.compile(r"0x[0-9a-f]+|[0-9a-f-]{8,}|\d+|'[^']*'", re.IGNORECASE)
"""What differs between two records with the same cause: numbers, ids, quoted values."""


class Group(NamedTuple):
    """Records of one service with the same type and the same cause: how many, and the first and last of them."""

    service: str
    type: str | None
    reason: str
    cause: str
    records: int
    waiting: int
    first_at: str
    last_at: str
    ids: tuple[int, ...]


def fingerprint(error: str | None) -> str:
    """An error without what varies.

    >>> fingerprint("KeyError: 'order-17' at handlers.py:88")
    'KeyError: … at handlers.py:…'
    """
    return _VARIES.sub("…", error or "")


def grouped(rows: Iterable[dict[str, Any]]) -> list[Group]:
    """Records by what they have in common; the largest group first. Pure."""
    groups: dict[tuple[str, str | None, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        same = (row["service"], row["type"], row["reason"], fingerprint(row["error"]))
        groups.setdefault(same, []).append(row)
    made = [
        Group(
            *same,
            records=len(mine),
            waiting=sum(row["waiting"] for row in mine),
            first_at=min(row["parked_at"] for row in mine),
            last_at=max(row["parked_at"] for row in mine),
            ids=tuple(row["id"] for row in mine),
        )
        for same, mine in groups.items()
    ]
    return sorted(made, key=lambda group: -group.records)


async def groups(request: Request) -> Response:
    """All groups of all services; services that do not answer are named."""
    session_of(request)
    target: Suite = request.app.state.target
    async with target.client(_TIMEOUT_S) as client:
        found = await asyncio.gather(*(_of_service(client, name, url) for name, url in target.urls.items()))
    rows = [row for part in found for row in part or ()]
    silent = [name for name, part in zip(target.urls, found, strict=True) if part is None]
    return show(request, "parked.html", {"groups": grouped(rows), "records": len(rows), "silent": silent})


async def _of_service(client: httpx.AsyncClient, service: str, url: str) -> list[dict[str, Any]] | None:
    try:
        rows, _ = await parked_of(client, url, everything=True)
    except ConsoleError:
        return None
    return [{"service": service} | row for row in rows]


async def record(request: Request) -> Response:
    """One record: where it came from and what it is; its content stays hidden."""
    session_of(request)
    target, service, parked_id = _chosen(request)
    async with target.client(_TIMEOUT_S) as client:
        shown = await call(client, "GET", f"{target.urls[service]}/operations/parked/{parked_id}")
    return show(request, "parked_record.html", {"service": service, "record": shown, "done": "", "typed": ""})


async def act(request: Request) -> Response:
    """Redrive, discard or reveal a record. A refusal is shown beside the form, and loses no typed text."""
    form = await form_of(request)
    target, service, parked_id = _chosen(request)
    verb, reason = request.path_params["verb"], form.get("reason", "").strip()
    if verb not in _VERBS:
        raise PageError(404, f"nothing is called {verb} that can be done to a parked record")
    url = f"{target.urls[service]}/operations/parked/{parked_id}"
    async with target.client(_TIMEOUT_S) as client:
        done, content, status = await _outcome(client, url, verb, reason)
        shown = await call(client, "GET", url)
    data = {
        "service": service,
        "record": shown | {"content": content},
        "done": done,
        "typed": reason if status != 200 else "",
    }
    return show(request, "parked_record.html", data, status)


async def _outcome(client: httpx.AsyncClient, url: str, verb: str, reason: str) -> tuple[str, object, int]:
    """What became of an action: a sentence, what was revealed, and the status of the page."""
    if len(reason) < _REASON_MIN:
        return f"a reason has at least {_REASON_MIN} characters", None, 422
    try:
        answer = await call(client, "POST", f"{url}/{verb}", json={"reason": reason})
    except ConsoleError as error:
        return str(error), None, 409
    if verb == "reveal":
        return "", answer, 200
    return f"{verb}: {answer}", None, 200


def _chosen(request: Request) -> tuple[Suite, str, int]:
    target: Suite = request.app.state.target
    service = request.path_params["service"]
    if service not in target.urls:
        raise PageError(404, f"there is no service {service}")
    return target, service, request.path_params["parked_id"]


ROUTES: Final = (
    Route("/parked", groups),
    Route("/parked/{service}/{parked_id:int}", record, name="parked_record"),
    Route("/parked/{service}/{parked_id:int}/{verb}", act, methods=["POST"]),
)
