"""Promotions of a program: places of the feed that it pays for with page views; begun, given more or less, and ended."""

import asyncio
from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, moment, segment, whole
from lutong_console.web.pages import PageError, session_of, show, target_of

PLACEMENTS: Final = ("home", "square", "for_you")


async def promotions(request: Request) -> Response:
    """The promotions of a program, with what each spent and has left, and for how long the page views of the program last."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    below = f"/v1/programs/{segment(request.path_params['program'])}"
    program, found, traffic = await asyncio.gather(
        asked(request, "registry", below),
        asked(request, "registry", f"{below}/promotions"),
        asked(request, "registry", f"{below}/traffic"),
    )
    if program["merchant_id"] != request.path_params["merchant"]:
        raise PageError(404, "this merchant has no such mini-program")
    data: dict[str, Any] = {
        "merchant": program["merchant_id"],
        "program": program,
        "promotions": [each | {"left": max(0, each["pv"] - each["used"])} for each in found],
        "traffic": traffic,
        "placements": PLACEMENTS,
        "new_id": f"promo-{uuid7().hex[:20]}",
    }
    return show(request, "promotions.html", data | tried.shown, tried.status)


async def put(request: Request) -> Response:
    """Begin a promotion, or give one that is open another number or another end."""
    return await attempt(request, _put, _shown, request.url.path)


async def _put(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body = {
        "program_id": request.path_params["program"],
        "placement": form.get("placement", ""),
        "pv": whole(form, "pv", 1),
        "ends_at": moment(form, "ends_at"),
    }
    await call(client, "PUT", _url(request, form.get("promotion_id", "").strip()), json=body)


async def end(request: Request) -> Response:
    """End a promotion: nothing more of it is shown."""
    return await attempt(request, _end, _shown, request.url.path.rsplit("/", 2)[0])


async def _end(request: Request, client: httpx.AsyncClient, _: Form) -> None:
    await call(client, "POST", f"{_url(request, request.path_params['promotion'])}/end")


def _url(request: Request, promotion_id: str) -> str:
    return f"{target_of(request).urls['registry']}/v1/promotions/{segment(promotion_id or '-')}"


ROUTES: Final = (
    Route("/merchants/{merchant}/programs/{program}/promotions", promotions),
    Route("/merchants/{merchant}/programs/{program}/promotions", put, methods=["POST"]),
    Route("/merchants/{merchant}/programs/{program}/promotions/{promotion}/end", end, methods=["POST"]),
)
