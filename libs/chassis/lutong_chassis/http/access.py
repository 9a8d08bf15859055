"""Who may call a route, said where the route is; and who calls it now.

    @router.put("/v1/plans/{plan_id}")
    @allowed("merchant", "operator")
    async def put_plan(plan_id: Identifier, terms: PlanTerms, who: Who, tx: TxDependency) -> …:
        who.acts_for(merchant=terms.merchant_id) or not_found("merchant", terms.merchant_id)

`allowed` is about roles: whoever may never do a thing gets 403. `acts_for` is about whose a thing is:
what is somebody else's is as absent as what does not exist. A route that says nothing is not built.
"""

import math
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, Literal, TypeVar

import structlog
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from lutong_chassis import observe
from lutong_chassis.auth import RANKS, Principal, Rank, UnauthenticatedError, Verifier, verifier_of
from lutong_chassis.http.documents import read_json, refuse_encoded
from lutong_chassis.http.limits import RateLimit
from lutong_chassis.http.problems import Problem, documented
from lutong_chassis.settings import Settings

log = structlog.get_logger(__name__)

Run = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
Allowed = Literal[Rank, "merchant", "member", "anybody"]

_NOBODY: Final = Principal("nobody", "admin")
"""Who everybody is when `auth` is off."""

_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="bearer", bearerFormat="JWT", description="An access token: `lutong token`."
)
_SAME_FOR_ALL: Final = "this takes a valid access token: send `Authorization: Bearer …` (`lutong token` makes one)"


def allowed(*who: Allowed) -> Callable[[Endpoint], Endpoint]:
    """Say who may call a route: staff of a rank or above, anyone with a merchant's or a member's token, or anybody."""

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["allowed"] = who
        return endpoint

    return mark


async def _principal(request: Request) -> Principal:
    who: Principal = request.state.principal
    return who


Who = Annotated[Principal, Depends(_principal)]
"""Whoever calls, verified and allowed to call this route."""


class Gate:
    """Where every request passes before anything of it is read: who is it, how often, may they?"""

    def __init__(self, verifier: Verifier | None, limit: RateLimit) -> None:
        self.verifier = verifier
        self.limit = limit

    @classmethod
    def of(cls, settings: Settings) -> "Gate":
        """What the settings ask for."""
        return cls(verifier_of(settings), RateLimit(settings.http_rate_per_s, settings.http_burst))

    def admit(self, request: Request, roles: tuple[Allowed, ...]) -> Principal:
        """Whoever calls, or a problem: 401, 429 or 403."""
        try:
            who = self.verifier.principal(request.headers.getlist("authorization")) if self.verifier else _NOBODY
        except UnauthenticatedError as error:
            observe.HTTP_DENIED.labels("unauthenticated").inc()
            log.info("unauthenticated", reason=str(error))
            raise Problem(401, "unauthenticated", _SAME_FOR_ALL, {"www-authenticate": "Bearer"}) from None
        if wait_s := self.limit.wait_s(who.subject):
            observe.HTTP_DENIED.labels("too_often").inc()
            after = {"retry-after": str(math.ceil(wait_s))}
            raise Problem(429, "too_often", "too many requests of yours: wait before the next", after)
        if not any(_covers(role, who) for role in roles):
            observe.HTTP_DENIED.labels("forbidden").inc()
            raise Problem(403, "forbidden", f"this is for {' or '.join(roles)}, and your token says {who.role}")
        return who


def _covers(role: Allowed, who: Principal) -> bool:
    if role in RANKS:
        return who.is_staff and RANKS.index(who.role) >= RANKS.index(role)
    if role == "merchant":
        return who.merchant_id is not None
    return role == "anybody" or who.member_id is not None


class GuardedRoute(APIRoute):
    """A route that says who may call it, and lets nobody else in."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:  # FastAPI's signature
        roles: tuple[Allowed, ...] | None = getattr(endpoint, "allowed", None)
        if not roles:
            raise TypeError(f"{path}: say who may call {endpoint.__name__}: @allowed(…) below its route")
        self.allowed = roles
        kwargs["dependencies"] = [*(kwargs.get("dependencies") or ()), Depends(_BEARER)]
        writes = not set(kwargs.get("methods") or {"GET"}) <= SAFE_METHODS
        refusals = documented(400, 401, 403, 404, *((409, 413, 415) if writes else ()), 422, 429, 503)
        kwargs["responses"] = refusals | (kwargs.get("responses") or {})
        kwargs["openapi_extra"] = {"x-allowed": list(roles)} | (kwargs.get("openapi_extra") or {})
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Run:
        """FastAPI's hook: wrap the function that parses, validates, calls and serialises."""
        run = super().get_route_handler()

        async def handle(request: Request) -> Response:
            with observe.HTTP_TIME.labels(request.method, self.path).time():
                request.state.principal = request.app.state.gate.admit(request, self.allowed)
                refuse_encoded(request)
                if self.body_field is not None:
                    await read_json(request)
                return await self.answer(request, run)

        return handle

    async def answer(self, request: Request, run: Run) -> Response:
        """Answer somebody who may ask. The body is read here, lest FastAPI take one that is too large for a bad one."""
        await request.body()
        return await run(request)
