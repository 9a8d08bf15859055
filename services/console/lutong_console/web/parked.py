"""The parked pages: groups with one cause, one record, and what to do with one: redrive, discard, show its content."""

import asyncio
from typing import Any, Final, NamedTuple

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.errors import ConsoleError
from lutong_console.parked_records import Order, Result, carry_out, groups_of
from lutong_console.targets import Suite, call
from lutong_console.web.pages import PageError, form_of, session_of, show, target_of

TIMEOUT_S: Final = 60.0
REASON_MIN: Final = 3
TOO_SHORT: Final = "a reason has at least 3 characters"
_VERBS: Final = ("redrive", "discard", "reveal")


class Outcome(NamedTuple):
    """What became of an action on one record: what was settled, what was revealed, or why it was refused."""

    verb: str = ""
    settled: int = 0
    refusal: str = ""
    content: object = None
    following: int | None = None


async def groups(request: Request) -> Response:
    """All groups of all services, the largest first; services that do not answer are named."""
    session_of(request)
    target = target_of(request)
    async with target.client(TIMEOUT_S) as client:
        found = await asyncio.gather(*(_of_service(client, name, url) for name, url in target.urls.items()))
    rows = sorted((row for part in found for row in part or ()), key=lambda row: -row["records"])
    silent = [name for name, part in zip(target.urls, found, strict=True) if part is None]
    records = sum(row["records"] for row in rows)
    return show(request, "parked.html", {"groups": rows, "records": records, "silent": silent})


async def _of_service(client: httpx.AsyncClient, service: str, url: str) -> list[dict[str, Any]] | None:
    try:
        return [{"service": service} | row for row in await groups_of(client, url)]
    except ConsoleError:
        return None


async def record(request: Request) -> Response:
    """One record: where it came from and what it is; its content stays hidden."""
    session_of(request)
    return await _shown(request, Outcome(), "")


async def act(request: Request) -> Response:
    """Redrive, discard or reveal a record. A refusal is shown beside the form, and loses no typed text."""
    form = await form_of(request)
    verb, reason = request.path_params["verb"], form.get("reason", "").strip()
    if verb not in _VERBS:
        raise PageError(404, f"nothing is called {verb} that can be done to a parked record")
    outcome = await _outcome(request, verb, reason)
    return await _shown(request, outcome, reason if outcome.refusal else "")


async def _shown(request: Request, outcome: Outcome, typed: str) -> Response:
    target, service = chosen_service(request)
    async with target.client(TIMEOUT_S) as client:
        url = f"{target.urls[service]}/operations/parked/{request.path_params['parked_id']}"
        shown = await call(client, "GET", url)
    data = {"service": service, "record": shown | {"content": outcome.content}, "outcome": outcome, "typed": typed}
    too_short = outcome.refusal == TOO_SHORT
    return show(request, "parked_record.html", data, 422 if too_short else 409 if outcome.refusal else 200)


async def _outcome(request: Request, verb: str, reason: str) -> Outcome:
    target, service = chosen_service(request)
    parked_id: int = request.path_params["parked_id"]
    if len(reason) < REASON_MIN:
        return Outcome(verb, refusal=TOO_SHORT)
    async with target.client(TIMEOUT_S) as client:
        if verb == "reveal":
            url = f"{target.urls[service]}/operations/parked/{parked_id}/reveal"
            return Outcome(verb, content=await call(client, "POST", url, json={"reason": reason}))
        order = Order("discard" if verb == "discard" else "redrive", reason)
        results: list[Result] = [each async for each in carry_out(client, target.urls[service], [parked_id], order)]
    (done,) = results
    return Outcome(verb, done.settled, done.error or "", following=done.following)


def chosen_service(request: Request) -> tuple[Suite, str]:
    """The suite, and the service that the path names."""
    target = target_of(request)
    service: str = request.path_params["service"]
    if service not in target.urls:
        raise PageError(404, f"there is no service {service}")
    return target, service


ROUTES: Final = (
    Route("/parked", groups),
    Route("/parked/{service}/{parked_id:int}", record, name="parked_record"),
    Route("/parked/{service}/{parked_id:int}/{verb}", act, methods=["POST"]),
)
