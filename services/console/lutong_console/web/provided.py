"""Services without goods of a merchant: those that wait for it, each done with a reference or failed with a reason, and those that are done."""

from typing import Any, Final
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, minor, segment
from lutong_console.web.pages import PageError, session_of, show, target_of

_ROWS: Final = 100
_STATES: Final = ("waiting", "done", "failed", "lapsed", "cancelled")


async def services(request: Request) -> Response:
    """The services of a merchant in a state, page by page: those that wait, unless another one is chosen."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    merchant, state = request.path_params["merchant"], request.query_params.get("state", "waiting")
    if state not in _STATES:
        raise PageError(404, f"no service is ever {state[:40]}")
    after = request.query_params.get("after") or None
    path = f"/v1/merchants/{segment(merchant)}/services"
    found = (await asked(request, "inventory", path, state=state, after=after, limit=_ROWS))["services"]
    more = found[-1]["order_id"] if len(found) == _ROWS else None
    data: dict[str, Any] = {"merchant": merchant, "state": state, "states": _STATES, "services": found, "more": more}
    return show(
        request, "services.html", data | {"of": request.path_params.get("order", "")} | tried.shown, tried.status
    )


async def act(request: Request) -> Response:
    """Report that a service is done or cannot be, or give something of it back."""
    actions = {"done": _done, "failed": _failed, "refund": _refund}
    if (action := actions.get(request.path_params["verb"])) is None:
        raise PageError(404, f"nothing is called {request.path_params['verb']} that can be done to a service")
    list_of = f"/merchants/{segment(request.path_params['merchant'])}/services"
    to = list_of if action is not _refund else f"{list_of}?state=done"
    return await attempt(request, action, _shown, to)


async def _done(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body: dict[str, Any] = {"reference": form.get("reference", "").strip()}
    if form.get("amount", "").strip():
        body["amount_minor"] = minor(form, "amount")
    await call(client, "POST", f"{_url(request)}/completion", json=body)


async def _failed(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    await call(client, "POST", f"{_url(request)}/failure", json={"reason": form.get("reason", "").strip()})


async def _refund(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body = {"refund_id": form.get("refund_id", "").strip(), "amount_minor": minor(form, "amount")}
    why = {"lutong-reason": quote(form.get("reason", "").strip())}
    await call(client, "POST", f"{_url(request)}/refunds", json=body, headers=why)


def _url(request: Request) -> str:
    return f"{target_of(request).urls['inventory']}/v1/services/{segment(request.path_params['order'])}"


_BELOW: Final = "/merchants/{merchant}/services"
ROUTES: Final = (Route(_BELOW, services), Route(f"{_BELOW}/{{order}}/{{verb}}", act, methods=["POST"]))
