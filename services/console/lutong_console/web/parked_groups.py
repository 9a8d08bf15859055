"""One group of parked records: what a redrive would do to all of them, and then doing it, one first and then the rest."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lutong_console.parked_records import (
    GOES_THROUGH,
    PER_S,
    SELECTION_MAX,
    Order,
    Verb,
    groups_of,
    outcomes,
    parked_of,
    preflight,
    select,
)
from lutong_console.web.pages import PageError, back, form_of, session_of, show
from lutong_console.web.parked import REASON_MIN, TIMEOUT_S, TOO_SHORT, chosen_service
from lutong_console.web.runs import Run

_PER_S_MAX: Final = 1_000.0
_ROWS: Final = 100


async def group(request: Request) -> Response:
    """A group: what its records have in common, and the first of them."""
    session_of(request)
    return await _shown(request, {"foreseen": None, "refusal": "", "typed": ""})


async def foresee(request: Request) -> Response:
    """The same, with what a redrive of each would do: it is tried, and rolled back."""
    await form_of(request)
    return await _foreseen(request)


async def _foreseen(request: Request, refusal: str = "", typed: str = "") -> Response:
    target, service = chosen_service(request)
    async with target.client(TIMEOUT_S) as client:
        url = target.urls[service]
        selected = await select(client, url, request.path_params["group"])
        foreseen = await preflight(client, url, selected.ids)
    facts = {
        "total": selected.total,
        "selected": len(foreseen),
        "outcomes": outcomes(foreseen),
        "through": [each["id"] for each in foreseen if each["outcome"] in GOES_THROUGH],
        "failing": [each["id"] for each in foreseen if each["outcome"] == "fails"],
        "wrong": [each for each in foreseen if each["error"]],
        "behind": sum(each["behind"] for each in foreseen),
    }
    data = {"foreseen": facts, "refusal": refusal, "typed": typed}
    return await _shown(request, data, 422 if refusal else 200)


async def _shown(request: Request, data: dict[str, Any], status: int = 200) -> Response:
    target, service = chosen_service(request)
    name = request.path_params["group"]
    async with target.client(TIMEOUT_S) as client:
        url = target.urls[service]
        found = next((each for each in await groups_of(client, url) if each["group"] == name), None)
        if found is None:
            raise PageError(404, "nothing of this group is parked any more")
        after = request.query_params.get("after", "")
        wanted = {"group": name, "after": after if after.isascii() and after.isdecimal() else "0"}
        rows, _ = await parked_of(client, url, wanted)
    more = rows[-1]["id"] if len(rows) >= _ROWS else None
    shown = {"service": service, "group": found, "rows": rows[:_ROWS], "more": more} | data
    return show(request, "parked_group.html", shown, status)


async def begin(request: Request) -> Response:
    """Redrive or discard the records that a preflight named. A reason that is too short loses nothing that was typed."""
    form = await form_of(request)
    target, service = chosen_service(request)
    reason = form.get("reason", "").strip()
    if len(reason) < REASON_MIN:
        return await _foreseen(request, TOO_SHORT, reason)
    verb: Verb = "discard" if request.path_params["verb"] == "discard" else "redrive"
    order = Order(verb, reason, _pace(form.get("per_s", "")), "keep_going" in form)
    run = request.app.state.runs.start(target, service, _ids(form.get("ids", "")), order)
    return back(f"/parked/runs/{run.id}")


def _pace(text: str) -> float:
    """How many a second; what is no such number is the usual pace."""
    try:
        per_s = float(text)
    except ValueError:
        return PER_S
    return min(_PER_S_MAX, per_s) if per_s >= 0.1 else PER_S  # one in ten seconds


def _ids(text: str) -> Sequence[int]:
    ids = [int(word) for word in text.split() if word.isascii() and word.isdecimal()]
    if not ids or len(ids) > SELECTION_MAX:
        raise PageError(422, "no records were chosen: preview a redrive first")
    return ids


async def run(request: Request) -> Response:
    """How far a run is, and what became of each record."""
    session_of(request)
    found = _run(request)
    data = {
        "run": found.id,
        "service": found.service,
        "verb": found.order.verb,
        "reason": found.order.reason,
        "per_s": found.order.per_s,
        "keeps_going": found.order.keeps_going,
        "state": found.state,
        "why": found.why,
        "total": len(found.ids),
        "settled": found.settled,
        "failed": len(found.failed),
        "results": found.results,
    }
    return show(request, "parked_run.html", data)


async def stream(request: Request) -> Response:
    """How far a run is, as it goes on."""
    session_of(request)
    return StreamingResponse(request.app.state.runs.follow(_run(request)), media_type="text/event-stream")


async def stop(request: Request) -> Response:
    """End a run behind the record that it is at."""
    await form_of(request)
    found = _run(request)
    request.app.state.runs.stop(found)
    return back(f"/parked/runs/{found.id}")


def _run(request: Request) -> Run:
    found: Run | None = request.app.state.runs.find(request.path_params["run"])
    if found is None:
        raise PageError(404, "this console does not know the run: what was done is in the audit", "lutong audit")
    return found


ROUTES: Final = (
    Route("/parked/runs/{run}", run, name="parked_run"),
    Route("/parked/runs/{run}/stream", stream),
    Route("/parked/runs/{run}/stop", stop, methods=["POST"]),
    Route("/parked/{service}/groups/{group}", group, name="parked_group"),
    Route("/parked/{service}/groups/{group}/preflight", foresee, methods=["POST"]),
    Route("/parked/{service}/groups/{group}/{verb}", begin, methods=["POST"]),
)
