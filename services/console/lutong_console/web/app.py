"""The web console, put together: pages over one suite, read with the rights of the user who started it."""

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from lutong_console.cli.errors import UNREACHABLE, ConsoleError
from lutong_console.probe.prober import Prober
from lutong_console.targets import Suite
from lutong_console.verify.auditor import Auditor
from lutong_console.web import (
    audit,
    catalogue,
    figures,
    hours,
    invariants,
    journeys,
    life_accounts,
    light_stores,
    offers,
    orders,
    parked,
    parked_groups,
    pipeline,
    programs,
    promotions,
    provided,
    publishers,
    rankings,
    shelves,
    sign_in,
    stores,
    tail,
    uploads,
)
from lutong_console.web.access import Access
from lutong_console.web.headers import SecurityHeaders
from lutong_console.web.live import Live
from lutong_console.web.pages import PageError, show
from lutong_console.web.people import People
from lutong_console.web.runs import Runs

_NO_PAGE: Final = "there is no such page"
_BUG: Final = "this is a bug in the console: what happened is in its log"
_OF_THE_PERSON: Final = frozenset({403, 404, 409, 422})
"""What a service answers to who asks: it is no failure of a service, so a page has the same status."""
_STATIC: Final = Path(__file__).with_name("static")


def create(
    target: Suite, name: str, access: Access, people: People | None = None, probe_every_s: float = 0
) -> Starlette:
    """The console of one suite; `name` is how people call it. `people` sign in at an issuer, each with their own rights.

    A synthetic journey is made every so many seconds; none with 0.
    """
    app = Starlette(
        routes=[
            *sign_in.ROUTES,
            *pipeline.ROUTES,
            *journeys.ROUTES,
            *parked.ROUTES,
            *parked_groups.ROUTES,
            *tail.ROUTES,
            *shelves.ROUTES,
            *hours.ROUTES,
            *stores.ROUTES,
            *orders.ROUTES,
            *figures.ROUTES,
            *offers.ROUTES,
            *programs.ROUTES,
            *promotions.ROUTES,
            *provided.ROUTES,
            *light_stores.ROUTES,
            *life_accounts.ROUTES,
            *uploads.ROUTES,
            *rankings.ROUTES,
            *publishers.ROUTES,
            *audit.ROUTES,
            *catalogue.ROUTES,
            *invariants.ROUTES,
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={PageError: _page_error, ConsoleError: _console_error, 404: _unknown, Exception: _bug},
        lifespan=_lifespan,
    )
    app.add_middleware(SecurityHeaders)
    app.state.target, app.state.name, app.state.access, app.state.live = target, name, access, Live(target)
    app.state.people = people
    app.state.reader, app.state.runs = tail.Reader(target.kafka), Runs()
    app.state.auditor = Auditor(target)
    app.state.prober = Prober(target, probe_every_s) if probe_every_s else None
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Samples are taken, identities checked and journeys made as long as the console runs; open streams end with it."""
    workers = [each for each in (app.state.live, app.state.auditor, app.state.prober) if each]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in workers]
        try:
            yield
        finally:
            await app.state.live.close()
            await app.state.reader.close()
            await app.state.runs.close()
            for task in tasks:
                task.cancel()


async def _page_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)  # noqa: S101  # what Starlette calls this with
    return show(request, "problem.html", {"message": str(error), "then": error.then}, error.status)


async def _console_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConsoleError)  # noqa: S101  # what Starlette calls this with
    if error.status in _OF_THE_PERSON:
        return show(request, "problem.html", {"message": error.detail, "then": ""}, error.status)
    status = 503 if error.code == UNREACHABLE else 502
    return show(request, "problem.html", {"message": str(error), "then": error.then}, status)


async def _unknown(request: Request, _: Exception) -> Response:
    return show(request, "problem.html", {"message": _NO_PAGE, "then": ""}, 404)


async def _bug(request: Request, error: Exception) -> Response:
    """A page never shows where in the code it failed: that goes to the terminal of who runs the console."""
    sys.stderr.write("".join(traceback.format_exception(error)))
    return show(request, "problem.html", {"message": _BUG, "then": ""}, 500)
