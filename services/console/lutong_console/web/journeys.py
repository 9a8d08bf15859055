"""The journey pages: find one by any id on it, see its events over time, and read why it does not go on."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console import evidence
from lutong_console.cli.commands.journey import Step, found_by, journey_of
from lutong_console.web.pages import PageError, back, session_of, show, target_of
from lutong_console.why import why
from lutong_contracts.cloudevents import ATTRIBUTE_CHARACTERS_MAX

_TIMEOUT_S: Final = 10.0
_WIDTH: Final = 1000
_NARROW: Final = 2.0
_ROWS: Final = 500
"""Events of a journey on one page: a browser lays out thousands of pictures slowly."""


class Bar(NamedTuple):
    """An event in the picture: when it was published, and how long until the last service consumed it."""

    ms: int
    x: float
    width: float


async def search(request: Request) -> Response:
    """A form for any id; one journey that has it is shown at once, several are listed."""
    session_of(request)
    wanted = request.query_params.get("id", "").strip()
    if len(wanted) > ATTRIBUTE_CHARACTERS_MAX:
        raise PageError(422, f"an id has at most {ATTRIBUTE_CHARACTERS_MAX} characters")
    if not wanted:
        return show(request, "journeys.html", {"wanted": "", "found": []})
    target = target_of(request)
    async with target.client(_TIMEOUT_S) as client:
        found = [wanted] if await journey_of(client, target, wanted) else await found_by(client, target, wanted)
    if len(found) == 1:
        return back(str(request.url_for("journey", journey_id=found[0])))
    return show(request, "journeys.html", {"wanted": wanted, "found": found}, 200 if found else 404)


async def journey(request: Request) -> Response:
    """One journey: its events, who consumed each and when, and why it does not go on."""
    session_of(request)
    journey_id = request.path_params["journey_id"]
    target = target_of(request)
    async with target.client(_TIMEOUT_S) as client:
        steps = await journey_of(client, target, journey_id)
    if not steps:
        raise PageError(404, f"no journey is called {journey_id}, as far as the services remember")
    window = await request.app.state.live.first()
    known = await evidence.gather(target, steps, {strip.service: strip.sample for strip in window.strips})
    first = _first(request, len(steps))
    page = slice(first, first + _ROWS)
    data = {"journey_id": journey_id, "reason": why(steps, known), "total": len(steps), "first": first}
    data |= {"steps": steps[page], "chart": chart(steps)[page], "rows_max": _ROWS}
    return show(request, "journey.html", data)


def _first(request: Request, total: int) -> int:
    """Which event a page begins with; what is no such number is the first one."""
    text = request.query_params.get("from", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 and int(text) < total else 0


def chart(steps: Sequence[Step]) -> list[Bar]:
    """Where each event is on a line of 1,000 units, from the first to the last moment of the journey. Pure."""
    began = steps[0].at
    spans = [
        (round((step.at - began).total_seconds() * 1000), max(step.consumed_by.values(), default=0)) for step in steps
    ]
    scale = _WIDTH / max(1, *(ms + lasts_ms for ms, lasts_ms in spans))
    return [Bar(ms, round(ms * scale, 1), max(_NARROW, round(lasts_ms * scale, 1))) for ms, lasts_ms in spans]


ROUTES: Final = (
    Route("/journeys", search),
    Route("/journeys/{journey_id:path}", journey, name="journey"),
)
