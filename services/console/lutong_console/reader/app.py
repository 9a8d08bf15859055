"""The feed's web page, put together. It asks the services as the person who reads, with that person's rights only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lutong_chassis.tokens import Signer
from lutong_console.reader import accounts, drafting, ordering, reading, reporting
from lutong_console.reader.asking import TIMEOUT_S, RefusedError
from lutong_console.reader.pages import SESSION_COOKIE, form_of, session_of, show
from lutong_console.reader.people import Readers
from lutong_console.targets import Suite
from lutong_console.web.access import SESSION_LIFETIME_S, Access
from lutong_console.web.headers import SecurityHeaders
from lutong_console.web.pages import back
from lutong_console.web.sign_in import prefer

_STATIC: Final = Path(__file__).with_name("static")


def create(target: Suite, signer: Signer, access: Access) -> Starlette:
    """The page over one suite; `signer` is the issuer whose tokens its services accept."""
    app = Starlette(
        routes=[
            Route("/sign-in", ask, methods=["GET"]),
            Route("/sign-in", enter, methods=["POST"]),
            Route("/people", become, methods=["POST"]),
            Route("/preferences", prefer, methods=["POST"]),
            *reading.ROUTES,
            *accounts.ROUTES,
            *drafting.ROUTES,
            *ordering.ROUTES,
            *reporting.ROUTES,
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={RefusedError: _refused, 404: _unknown},
        lifespan=_lifespan,
    )
    app.add_middleware(SecurityHeaders)
    app.state.target, app.state.access, app.state.readers = target, access, Readers(signer)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """One client for all readers, as long as the page is served."""
    async with app.state.target.client(TIMEOUT_S) as client:
        app.state.client = client
        yield


async def ask(request: Request) -> Response:
    """The link is opened: a button signs in, so that a program that only looks at links uses none up."""
    return show(request, "sign_in.html", {"ticket": request.query_params.get("ticket", "")})


async def enter(request: Request) -> Response:
    """Use the ticket up, and read."""
    session = request.app.state.access.enter(str((await request.form()).get("ticket", "")))
    if session is None:
        raise RefusedError(401, "This link was used, or is older than ten minutes. Run again:", "lutong reader")
    answer = back("/")
    answer.set_cookie(SESSION_COOKIE, session.id, max_age=SESSION_LIFETIME_S, httponly=True, samesite="strict")
    return answer


async def become(request: Request) -> Response:
    """Read as another of the demo's people."""
    form = await form_of(request)
    request.app.state.readers.choose(session_of(request), form.get("person", ""))
    return back("/")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101  # what Starlette calls this with
    return show(request, "problem.html", {"sentence": error.sentence, "detail": error.detail}, error.status)


async def _unknown(request: Request, _: Exception) -> Response:
    return show(request, "problem.html", {"sentence": "There is no such page.", "detail": request.url.path}, 404)
