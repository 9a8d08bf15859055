"""What a reader orders: join and order in one go, follow the road live, get the code for pickup, cancel."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lutong_console.reader.asking import Asking, RefusedError
from lutong_console.reader.pages import form_of, reader_of, show
from lutong_console.reader.people import SPOTS
from lutong_console.reader.road import ENDED, Progress, Stage, stages
from lutong_console.web.live import frame
from lutong_console.web.pages import back

_UNITS_MAX: Final = 99
_LOOK_EVERY_S: Final = 0.5
_STREAM_S: Final = 600

Order = dict[str, Any]
"""What the three services report of one order."""


async def place(request: Request) -> Response:
    """Join the light membership on credit and order: the price that was shown is the price that is paid."""
    form, me = await form_of(request), reader_of(request)
    post_id = request.path_params["post_id"]
    spot = SPOTS.get(form.get("spot", ""))
    units = form.get("units", "")
    if form.get("consent") != "yes":
        raise RefusedError(422, "Agree to pay later first: the box below the price.")
    if spot is None or not units.isdecimal() or not 1 <= int(units) <= _UNITS_MAX:
        raise RefusedError(422, "Choose a place, and a number from 1 to 99.")
    sku, _, unit_price_minor = form.get("offer", "").partition(" ")
    body: dict[str, Any] = {
        "viewer_id": me.account_id,
        "lines": [{"sku": sku, "units": int(units)}],
        "destination": {"latitude": spot.latitude, "longitude": spot.longitude},
        "mode": "pickup" if form.get("mode") == "pickup" else "delivery",
    }
    if unit_price_minor.isdecimal():
        body["expected_total_minor"] = int(units) * int(unit_price_minor)
    body |= {name: form[given] for name, given in (("touch", "touch"), ("sold_by", "till")) if form.get(given)}
    if body["mode"] == "delivery" and (address_id := await _door(Asking(request, me), form)):
        body["address_id"] = address_id
    path = f"/v1/posts/{post_id}/card/requests"
    placed = await Asking(request, me).command("feed", path, body, key=form.get("key", ""))
    return back(f"/orders/{placed['order_id']}")


async def _door(asking: Asking, form: Mapping[str, str]) -> str | None:
    """The id of the address in the form, which is stored unless the vault has it already; None where there is none in the form."""
    given = {name: form.get(f"door_{name}", "").strip() for name in ("name", "phone", "text")}
    if not any(given.values()):
        return None
    if not all(given.values()):
        raise RefusedError(422, "An address needs a name, a phone number and where it is.")
    where = f"/v1/members/{asking.person.account_id}/addresses"
    for known in await asking.get("inventory", where):
        if given == {name: known[name] for name in given}:
            return str(known["address_id"])
    stored = await asking.command("inventory", where, given)
    return str(stored["address_id"])


async def orders(request: Request) -> Response:
    """The reader's latest orders."""
    me = reader_of(request)
    found = await Asking(request, me).get("feed", f"/v1/accounts/{me.account_id}/requests")
    return show(request, "orders.html", {"orders": found})


async def order(request: Request) -> Response:
    """One order and its road; a page without JavaScript asks again by itself while the order moves."""
    known = await _order(Asking(request, reader_of(request)), request.path_params["order_id"])
    return show(
        request, "order.html", {"order": known, "stages": _stages(known), "ended": _has_ended(known), "code": ""}
    )


async def live(request: Request) -> Response:
    """One event for each change of the road, until the order has ended."""
    asking = Asking(request, reader_of(request))
    return StreamingResponse(_changes(asking, request.path_params["order_id"]), media_type="text/event-stream")


async def _changes(asking: Asking, order_id: str) -> AsyncGenerator[bytes, None]:
    shown: list[Stage] = []
    for _ in range(int(_STREAM_S / _LOOK_EVERY_S)):
        try:
            known = await _order(asking, order_id)
        except RefusedError:  # a service restarts: the page keeps what it shows
            yield b": nobody answers\n\n"
        else:
            now = _stages(known)
            if now != shown:
                yield frame("road", {"stages": len(now), "ended": _has_ended(known)})
            if _has_ended(known):
                return
            shown = now
        await asyncio.sleep(_LOOK_EVERY_S)  # how often the services are looked at


async def get_code(request: Request) -> Response:
    """The code for pickup: shown once, stored nowhere. A new one replaces it."""
    await form_of(request)
    asking = Asking(request, reader_of(request))
    order_id = request.path_params["order_id"]
    code = await asking.command("inventory", f"/v1/orders/{order_id}/pickup-code", None)
    known = await _order(asking, order_id)
    data = {"order": known, "stages": _stages(known), "ended": _has_ended(known), "code": code["code"]}
    return show(request, "order.html", data)


async def cancel(request: Request) -> Response:
    """Ask to cancel; it takes effect unless the goods have left."""
    await form_of(request)
    me, order_id = reader_of(request), request.path_params["order_id"]
    path = f"/v1/requests/{order_id}/cancellation"
    await Asking(request, me).command("feed", path, {"viewer_id": me.account_id})
    return back(f"/orders/{order_id}")


async def _order(asking: Asking, order_id: str) -> Order:
    request, sourced, hold = await asyncio.gather(
        asking.get("feed", f"/v1/requests/{order_id}"),
        asking.find("inventory", f"/v1/orders/{order_id}"),
        asking.find("membership", f"/v1/holds/{order_id}"),
    )
    nothing_yet = {"location_kind": None, "state": None, "amount_minor": 0, "reason": None}
    return {"request": request, "sourced": sourced or nothing_yet, "hold": hold or nothing_yet}


def _stages(known: Order) -> list[Stage]:
    sourced, hold = known["sourced"], known["hold"]
    mode = sourced.get("mode", "delivery")
    return stages(Progress(known["request"]["status"], mode, sourced.get("state"), hold.get("state")))


def _has_ended(known: Order) -> bool:
    return known["request"]["status"] in ENDED


ROUTES: Final = (
    Route("/posts/{post_id}/orders", place, methods=["POST"]),
    Route("/orders", orders),
    Route("/orders/{order_id}", order),
    Route("/orders/{order_id}/live", live),
    Route("/orders/{order_id}/code", get_code, methods=["POST"]),
    Route("/orders/{order_id}/cancellation", cancel, methods=["POST"]),
)
