"""People of an issuer: they come back from it with a code, and get a session with the rights that it vouches for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lutong_chassis.auth import Principal
from lutong_console.web.openid import PENDING_LIFETIME_S, OpenId, SignInError
from lutong_console.web.pages import PageError, keep_session, show

STATE_COOKIE: Final = "lutong_sign_in"


@dataclass(frozen=True, slots=True)
class People:
    """Who vouches for people, and how the services are asked as one of them."""

    openid: OpenId
    auth_of: Callable[[Principal], httpx.Auth]

    @property
    def host(self) -> str:
        """The issuer, as a person knows it."""
        return urlsplit(self.openid.issuer.url).netloc


async def begin(request: Request) -> Response:
    """Go to the issuer; the browser keeps what it has to bring back."""
    try:
        begun = await _people(request).openid.begin()
    except SignInError as error:
        raise PageError(502, str(error)) from None
    answer = RedirectResponse(begun.url, 303)
    secure = request.app.state.access.is_secure
    answer.set_cookie(
        STATE_COOKIE, begun.state, max_age=PENDING_LIFETIME_S, httponly=True, samesite="lax", secure=secure
    )
    return answer


async def come_back(request: Request) -> Response:
    """A person comes back from the issuer. The next page is one of ours, so that a strict cookie goes with it."""
    people, query = _people(request), request.query_params
    cookie = request.cookies.get(STATE_COOKIE, "")
    try:
        who = await people.openid.finish(query.get("state", ""), query.get("code", ""), cookie)
    except SignInError as error:
        raise PageError(403, str(error)) from None
    session = request.app.state.access.admit(who, people.auth_of(who))
    answer = show(request, "signed_in.html", {"to": "/" if who.is_staff else "/stores"})
    answer.delete_cookie(STATE_COOKIE)
    keep_session(answer, session, secure=request.app.state.access.is_secure)
    return answer


def _people(request: Request) -> People:
    people: People | None = request.app.state.people
    if people is None:
        raise PageError(404, "nobody signs in at an issuer here", "lutong console")
    return people


ROUTES: Final = (
    Route("/sign-in/issuer", begin),
    Route("/sign-in/back", come_back),
)
