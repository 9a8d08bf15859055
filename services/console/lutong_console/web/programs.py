"""Mini-programs of a merchant: how they are used, who comes back, what they have in page views, and what they may use."""

import asyncio
from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, segment
from lutong_console.web.pages import PageError, session_of, show, target_of

_ROWS: Final = 100
_KINDS: Final = ("store_qr", "campaign")


async def programs(request: Request) -> Response:
    """The programs of a merchant, at most five hundred."""
    session_of(request, merchants=True)
    merchant = request.path_params["merchant"]
    found = await asked(request, "registry", "/v1/programs", merchant_id=merchant)
    return show(request, "programs.html", {"merchant": merchant, "programs": found})


async def program(request: Request) -> Response:
    """One program: users, D7 by cohort, page views with their forecast, sources, and the ledger page by page."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    program_id = request.path_params["program"]
    below = f"/v1/programs/{segment(program_id)}"
    found = await asked(request, "registry", below)
    if found["merchant_id"] != request.path_params["merchant"]:
        raise PageError(404, "this merchant has no such mini-program")
    after = request.query_params.get("after") or None
    names = ("active", "retention", "days", "traffic", "sources", "entries", "accounts", "capabilities")
    parts = await asyncio.gather(
        asked(request, "registry", "/v1/metrics/active", program_id=program_id),
        asked(request, "registry", "/v1/metrics/retention", program_id=program_id),
        asked(request, "registry", f"{below}/days"),
        asked(request, "registry", f"{below}/traffic"),
        asked(request, "registry", f"{below}/traffic-sources"),
        asked(request, "registry", f"{below}/traffic/entries", after=after, limit=_ROWS),
        asked(request, "registry", f"{below}/life-accounts"),
        asked(request, "registry", f"{below}/capabilities"),
    )
    data: dict[str, Any] = dict(zip(names, parts, strict=True))
    more = data["entries"][-1]["entry_id"] if len(data["entries"]) == _ROWS else None
    who = session_of(request, merchants=True).who
    data |= {"merchant": found["merchant_id"], "program": found, "kinds": _KINDS, "more": more}
    data["may_grant"] = who is None or who.role in {"operator", "admin"}
    return show(request, "program.html", data | tried.shown, tried.status)


async def put_source(request: Request) -> Response:
    """Make a source of visitors: its code is for a QR code or a link."""
    return await attempt(request, _put_source, _shown, request.url.path.rpartition("/")[0])


async def _put_source(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body: dict[str, Any] = {"program_id": request.path_params["program"], "kind": form.get("kind", "")}
    if form.get("location_id", "").strip():
        body["location_id"] = form["location_id"].strip()
    source = segment(form.get("source_id", "").strip() or "-")
    await call(client, "PUT", f"{target_of(request).urls['registry']}/v1/traffic-sources/{source}", json=body)


async def decide(request: Request) -> Response:
    """Grant a capability that the program declares, or revoke one."""
    actions = {"grant": _grant, "revoke": _revoke}
    if (action := actions.get(request.path_params["verb"])) is None:
        raise PageError(404, f"nothing is called {request.path_params['verb']} that can be done to a capability")
    return await attempt(request, action, _shown, request.url.path.rpartition("/capabilities/")[0])


async def _grant(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    await call(client, "PUT", _capability(request, form), json={"reason": form.get("reason", "").strip()})


async def _revoke(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body = {"reason": form.get("reason", "").strip()}
    await call(client, "POST", f"{_capability(request, form)}/revocation", json=body)


def _capability(request: Request, form: Form) -> str:
    program, name = segment(request.path_params["program"]), segment(form.get("name", "") or "-")
    return f"{target_of(request).urls['registry']}/v1/programs/{program}/capabilities/{name}"


ROUTES: Final = (
    Route("/merchants/{merchant}/programs", programs),
    Route("/merchants/{merchant}/programs/{program}", program),
    Route("/merchants/{merchant}/programs/{program}/sources", put_source, methods=["POST"]),
    Route("/merchants/{merchant}/programs/{program}/capabilities/{verb}", decide, methods=["POST"]),
)
