"""Signing in by a link that is good once, signing out; language and theme of a person."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lutong_console.web import languages, people
from lutong_console.web.pages import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    THEME_COOKIE,
    THEMES,
    PageError,
    back,
    keep_session,
    session_of,
    show,
)

_A_YEAR_S: Final = 365 * 86_400


async def ask(request: Request) -> Response:
    """The link is opened: a button signs in, so that a program that only looks at links uses none up."""
    known = request.app.state.people
    ticket = request.query_params.get("ticket", "")
    return show(request, "sign_in.html", {"ticket": ticket, "issuer": known.host if known else ""})


async def enter(request: Request) -> Response:
    """Use the ticket up, and go on to the pipeline."""
    form = await request.form()
    session = request.app.state.access.enter(str(form.get("ticket", "")))
    if session is None:
        raise PageError(401, "this link was used, or is older than ten minutes", "lutong console")
    answer = back("/")
    keep_session(answer, session, secure=request.app.state.access.is_secure)
    return answer


async def issue(request: Request) -> Response:
    """A ticket for the owner of this process, who has its key from a file: `lutong console` asks so."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not request.app.state.access.is_owner(key):
        raise PageError(401, "this link was used, or is older than ten minutes", "lutong console")
    return JSONResponse({"ticket": request.app.state.access.issue()}, 201)


async def leave(request: Request) -> Response:
    """End the session."""
    session = session_of(request)
    if session.accepts(str((await request.form()).get("csrf", ""))):
        request.app.state.access.leave(session)
    answer = back("/sign-in")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


async def prefer(request: Request) -> Response:
    """Remember the language and the theme of a person, and go back to the page they came from."""
    wanted = await request.form()
    to = str(wanted.get("to", "/"))
    answer = back(to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/")
    for cookie, field, known in (
        (LANGUAGE_COOKIE, "language", languages.LANGUAGES),
        (THEME_COOKIE, "theme", THEMES),
    ):
        if (value := str(wanted.get(field, ""))) in known:
            answer.set_cookie(cookie, value, max_age=_A_YEAR_S, httponly=True, samesite="lax")
    return answer


ROUTES: Final = (
    Route("/sign-in", ask, methods=["GET"]),
    Route("/sign-in", enter, methods=["POST"]),
    *people.ROUTES,
    Route("/tickets", issue, methods=["POST"]),
    Route("/sign-out", leave, methods=["POST"]),
    Route("/preferences", prefer, methods=["POST"]),
)
