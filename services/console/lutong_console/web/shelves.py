"""What is on a store's shelves: counted one by one or by a file, and what happened to one of them."""

from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, segment, serves, whole
from lutong_console.web.pages import session_of, show, target_of

ROWS: Final = 100
_SKU_MAX: Final = 128


async def stock(request: Request) -> Response:
    """The shelves of a store, a hundred at a time, by SKU."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    serves(request)
    merchant, location = request.path_params["merchant"], request.path_params["location"]
    below, after = f"/v1/locations/{segment(location)}", request.query_params.get("after", "")
    store = await asked(request, "inventory", below, merchant_id=merchant)
    shelves = await asked(request, "inventory", f"{below}/stock", merchant_id=merchant, after=after, limit=ROWS)
    more = shelves[-1]["sku"] if len(shelves) == ROWS else None
    data = {"store": store, "shelves": shelves, "after": after, "more": more, **tried.shown}
    return show(request, "shelves.html", data, tried.status)


async def count(request: Request) -> Response:
    """Write down what was counted on a shelf."""
    return await attempt(request, _count, _shown, request.url.path)


async def _count(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    location, sku = request.path_params["location"], form.get("sku", "").strip()
    if not 0 < len(sku) <= _SKU_MAX:
        raise ConsoleError("sku: name the goods that were counted")
    body: dict[str, Any] = {"on_hand": whole(form, "on_hand")}
    if form.get("safety_stock", "").strip():
        body["safety_stock"] = whole(form, "safety_stock")
    url = f"{target_of(request).urls['inventory']}/v1/locations/{segment(location)}/stock/{segment(sku)}"
    await call(client, "PUT", url, params={"merchant_id": request.path_params["merchant"]}, json=body)


async def shelf(request: Request) -> Response:
    """What happened to one shelf, the latest first, a hundred at a time."""
    serves(request)
    merchant, location, sku = (request.path_params[name] for name in ("merchant", "location", "sku"))
    below = f"/v1/locations/{segment(location)}"
    store = await asked(request, "inventory", below, merchant_id=merchant)
    before = request.query_params.get("before") or None
    path = f"{below}/stock/{segment(sku)}/movements"
    movements = await asked(request, "inventory", path, merchant_id=merchant, before=before)
    more = movements[-1]["movement_id"] if len(movements) == ROWS else None
    return show(request, "shelf.html", {"store": store, "sku": sku, "movements": movements, "more": more})


ROUTES: Final = (
    Route("/stores/{merchant}/{location}/stock", stock),
    Route("/stores/{merchant}/{location}/stock", count, methods=["POST"]),
    Route("/stores/{merchant}/{location}/stock/{sku}", shelf),
)
