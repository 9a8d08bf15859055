"""When a store takes orders, and its slots: opened for some days, and taken back when it closes early."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.errors import ConsoleError
from lutong_console.imports.kinds.stores import StoreRow
from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, moment, segment, serves, whole
from lutong_console.web.pages import PageError, session_of, show, target_of

_ROWS: Final = 200
_DAYS_MAX: Final = 31


async def slots(request: Request) -> Response:
    """The slots of a store from a day on, and its hours."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    serves(request)
    merchant, location = request.path_params["merchant"], request.path_params["location"]
    below = f"/v1/locations/{segment(location)}"
    store = await asked(request, "inventory", below, merchant_id=merchant)
    day = request.query_params.get("day") or datetime.now(ZoneInfo(store["zone"])).date().isoformat()
    if _day(day) is None:
        raise PageError(422, "a day is written as 2026-12-31")
    found = await asked(request, "inventory", f"{below}/slots", merchant_id=merchant, day=day, limit=_ROWS)
    data = {"store": store, "slots": found, "day": day, "hours": written(store["opening_hours"]), **tried.shown}
    return show(request, "hours.html", data, tried.status)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def written(hours: list[dict[str, Any]] | None) -> str:
    """Opening hours as they are typed; nothing for day and night.

    >>> written([{"days": [1, 2, 3], "opens": "09:00", "closes": "22:00"}])
    '1,2,3 09:00-22:00'
    """
    each = (f"{','.join(map(str, one['days']))} {one['opens']}-{one['closes']}" for one in hours or ())
    return "; ".join(each)


def read(text: str) -> list[dict[str, Any]] | None:
    """Opening hours that were typed, as in the column of `lutong import`; raises ConsoleError."""
    if not text.strip():
        return None
    place = {"location_id": "x", "merchant_id": "x", "name": "x", "latitude": 0, "longitude": 0}
    try:
        row = StoreRow.model_validate(place | {"opening_hours": text})
    except ValidationError as error:
        raise ConsoleError(f"opening_hours: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    return [each.model_dump(mode="json") for each in row.opening_hours or ()]


async def act(request: Request) -> Response:
    """Set the hours, open slots, or take some back."""
    actions = {"hours": _set, "open": _open, "withdraw": _withdraw}
    if (action := actions.get(request.path_params["verb"])) is None:
        raise PageError(404, f"nothing is called {request.path_params['verb']} that can be done to slots")
    return await attempt(request, action, _shown, request.url.path.rpartition("/")[0])


async def _set(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    cut_off, capacity = form.get("cut_off", "").strip(), form.get("daily_capacity", "").strip()
    body = {
        "opening_hours": read(form.get("opening_hours", "")),
        "cut_off": cut_off or None,
        "daily_capacity": whole(form, "daily_capacity", 1) if capacity else None,
    }
    await call(client, "PUT", f"{_url(request)}/hours", params=_owner(request), json=body)


async def _open(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    first, days = _day(form.get("day", "")), whole(form, "days", 1)
    if first is None or days > _DAYS_MAX:
        raise ConsoleError(f"day: write it as 2026-12-31, and open slots for {_DAYS_MAX} days at most")
    one = {name: form.get(name, "").strip() for name in ("opens", "closes")} | {"capacity": whole(form, "capacity")}
    if form.get("cut_off", "").strip():
        one["cut_off"] = form["cut_off"].strip()
    wanted = [one | {"day": (first + timedelta(days=more)).isoformat()} for more in range(days)]
    await call(client, "POST", f"{_url(request)}/slots", params=_owner(request), json={"slots": wanted})


async def _withdraw(request: Request, client: httpx.AsyncClient, form: Form) -> Any:  # noqa: ANN401  # JSON
    store = await call(client, "GET", _url(request), params=_owner(request))
    starts_at = moment(form, "starts_at", ZoneInfo(store["zone"]), "the store")
    body = {"starts_at": starts_at, "reason": form.get("reason", "").strip()}
    return await call(client, "POST", f"{_url(request)}/slots/withdrawals", params=_owner(request), json=body)


def _url(request: Request) -> str:
    return f"{target_of(request).urls['inventory']}/v1/locations/{segment(request.path_params['location'])}"


def _owner(request: Request) -> dict[str, str]:
    return {"merchant_id": request.path_params["merchant"]}


ROUTES: Final = (
    Route("/stores/{merchant}/{location}/slots", slots),
    Route("/stores/{merchant}/{location}/slots/{verb}", act, methods=["POST"]),
)
