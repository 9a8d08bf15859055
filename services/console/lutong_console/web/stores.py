"""The stores pages: who declines orders, and one store at its counter: its orders, the next step of each, and a pause.

They are made for a phone: one column, large buttons, and a code that is typed once.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import call
from lutong_console.web.pages import PageError, back, form_of, session_of, show, target_of

_TIMEOUT_S: Final = 15.0
_OPEN: Final = ("sourced", "accepted", "picked", "ready_for_pickup", "handed_over")
_NEXT: Final[Mapping[str, Mapping[str, str]]] = {
    "delivery": {"sourced": "accepted", "accepted": "picked", "picked": "handed_over", "handed_over": "fulfilled"},
    "pickup": {"sourced": "accepted", "accepted": "picked", "picked": "ready_for_pickup"},
}
"""The step of a button. What is ready for pickup is handed over by its code."""
_ROWS: Final = 100
_STEPS: Final = frozenset(step for steps in _NEXT.values() for step in steps.values())
_DECLINES: Final = ("sold_out", "damaged", "rush_hour", "closed")


async def stores(request: Request) -> Response:
    """Stores that declined orders in the last day; with a merchant, all of its stores."""
    who = session_of(request, merchants=True).who
    target = target_of(request)
    merchant = (who and who.merchant_id) or request.query_params.get("merchant", "").strip()
    url = target.urls["inventory"]
    params = {"merchant_id": merchant} if merchant else {}
    async with target.client(_TIMEOUT_S) as client:
        declined = await call(client, "GET", f"{url}/v1/declines", params=params)
        page = params | {"after": request.query_params.get("after", ""), "limit": str(_ROWS)}
        found = await call(client, "GET", f"{url}/v1/locations", params=page) if merchant else []
    more = found[-1]["location_id"] if len(found) == _ROWS else None
    return show(request, "stores.html", {"merchant": merchant, "declined": declined, "stores": found, "more": more})


async def store(request: Request) -> Response:
    """One store: whether it takes orders, what it declined, and its open orders with the next step of each."""
    session_of(request, merchants=True)
    return await _shown(request)


async def _shown(request: Request, refusal: str = "", typed: Mapping[str, str] | None = None) -> Response:
    merchant, location = request.path_params["merchant"], request.path_params["location"]
    who = session_of(request, merchants=True).who
    states = () if who and who.role == "viewer" else _OPEN  # orders of a store are for who serves them
    target = target_of(request)
    params = {"merchant_id": merchant}
    async with target.client(_TIMEOUT_S) as client:
        url = _url(request)
        found = await call(client, "GET", url, params=params)
        declines = await call(client, "GET", f"{target.urls['inventory']}/v1/declines", params=params)
        by_state = await asyncio.gather(*(_orders(client, url, params, state) for state in states))
    data = {
        "store": found,
        "declined": next((each for each in declines if each["location_id"] == location), None),
        "orders": [order for orders in by_state for order in orders],
        "reasons": _DECLINES,
        "refusal": refusal,
        "typed": dict(typed or {}),
    }
    return show(request, "store.html", data, 409 if refusal else 200)


async def _orders(client: httpx.AsyncClient, url: str, params: dict[str, str], state: str) -> list[dict[str, Any]]:
    rows = await call(client, "GET", f"{url}/orders", params=params | {"state": state, "limit": str(_ROWS)})
    return [row | {"state": state, "next": _NEXT.get(row["mode"], {}).get(state)} for row in rows]


async def act(request: Request) -> Response:
    """Pause or resume a store, or take a step with one of its orders. A refusal is shown above, and loses no typed text."""
    form = await form_of(request, merchants=True)
    target = target_of(request)
    try:
        async with target.client(_TIMEOUT_S) as client:
            await _act(client, request, form)
    except ConsoleError as error:
        return await _shown(request, error.detail, form)
    return back(request.url.path.rpartition("/")[0])


async def _act(client: httpx.AsyncClient, request: Request, form: Mapping[str, str]) -> None:
    merchant, location = request.path_params["merchant"], request.path_params["location"]
    orders = f"{target_of(request).urls['inventory']}/v1/orders/{quote(form.get('order_id', '-'), safe='')}"
    reason = form.get("reason", "").strip()
    match request.path_params["verb"]:
        case "pause":
            body: dict[str, str] = {"reason": reason}
            await call(client, "POST", f"{_url(request)}/pause", params={"merchant_id": merchant}, json=body)
        case "resume":
            why = {"lutong-reason": quote(reason)}
            await call(client, "DELETE", f"{_url(request)}/pause", params={"merchant_id": merchant}, headers=why)
        case "decline":
            body = {"location_id": location, "reason": reason}
            await call(client, "POST", f"{orders}/declines", json=body)
        case "collect":
            body = {"location_id": location, "code": form.get("code", "").strip().upper()}
            await call(client, "POST", f"{orders}/collection", json=body)
        case "step" if form.get("step") in _STEPS:
            body = {"location_id": location, "step": form["step"]}
            await call(client, "POST", f"{orders}/steps", json=body)
        case verb:
            raise PageError(404, f"nothing is called {verb} that can be done to a store")


def _url(request: Request) -> str:
    target = target_of(request)
    return f"{target.urls['inventory']}/v1/locations/{quote(request.path_params['location'], safe='')}"


ROUTES: Final = (
    Route("/stores", stores),
    Route("/stores/{merchant}/{location}", store, name="store"),
    Route("/stores/{merchant}/{location}/{verb}", act, methods=["POST"]),
)
