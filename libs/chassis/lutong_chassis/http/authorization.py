"""Authorisation and audit of routes, declared where the route is.

    @router.put("/v1/plans/{plan_id}")
    @allowed("merchant", "operator")
    @audited("plan.put", own="merchant")
    async def put_plan(plan_id: Identifier, terms: PlanTerms, who: Who, tx: TxDependency) -> …:
        who.require(merchant=terms.merchant_id, hide=("merchant", terms.merchant_id))

`allowed` declares roles: callers of other roles get 403. `who.require` checks ownership: what belongs to another
member or merchant is answered 404, like what does not exist. A route without `allowed` is a TypeError at import.

`audited` declares the audit: the route writes a row (`audit.record`) in its transaction. For staff a row is mandatory;
with `own`, it is not for a member or merchant who acts on their own data. A transaction without its row does not commit.
"""

import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import structlog
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from structlog.contextvars import bind_contextvars

from lutong_chassis import audit, observe
from lutong_chassis.auth import RANKS, Principal, Rank, Rotating, UnauthenticatedError, Verifier, verifier_of
from lutong_chassis.http.direct import direct, with_direct
from lutong_chassis.http.documents import read_json, refuse_encoded
from lutong_chassis.http.limits import Arrivals, Lines, RateLimit
from lutong_chassis.http.problems import documented
from lutong_chassis.http.reasons import documented_reason, stated_reason
from lutong_chassis.problem import Problem
from lutong_chassis.request import Requested, current, request_id_of, serving
from lutong_chassis.settings import Settings

log = structlog.get_logger(__name__)

Run = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
Allowed = Literal[Rank, "merchant", "member", "anybody"]

_NOBODY: Final = Principal("nobody", "admin")
"""The caller of every request when `auth` is off."""

_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="bearer", bearerFormat="JWT", description="An access token: `lutong token`."
)
_SAME_FOR_ALL: Final = "this takes a valid access token: send `Authorization: Bearer …` (`lutong token` makes one)"


def allowed(*who: Allowed) -> Callable[[Endpoint], Endpoint]:
    """Declare which roles may call a route. Stands below the route's decorator; others get a 403 problem.

    A rank of staff (`viewer`, `operator`, `admin`) includes the ranks above it. `merchant` and `member` are callers whose
    token names one; whether a thing is theirs is for `who.require`. `anybody` is every caller with a valid token.

        @router.post("/v1/posts", status_code=202)
        @allowed("member", "operator")
        async def publish_post(post: NewPost, who: Who, tx: TxDependency) -> PostView: ...
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["allowed"] = who
        return endpoint

    return mark


class OnRecord(NamedTuple):
    """The actions that a route records, and which callers are exempt when they act on their own data."""

    actions: tuple[str, ...]
    own: Literal["member", "merchant"] | None = None

    def binds(self, who: Principal) -> bool:
        """Whether the audit must have a row when this principal calls the route."""
        return who.is_staff or self.own is None or getattr(who, f"{self.own}_id") is None


def audited(
    *actions: str, own: Literal["member", "merchant"] | None = None, shows: tuple[str, ...] = (), reasoned: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Declare the actions (`line.set`) that a route may record; it must record one whenever it changes something.

    With `own`, a member or a merchant who acts on their own data need not be recorded. `shows` are the fields whose
    values the rows show; those of all others are masked. With `reasoned`, staff must give a reason. Raises TypeError
    for no action, for one that is no dotted verb, and for a personal field in `shows`.

        @router.put("/v1/members/{member_id}/line")
        @allowed("operator")
        @audited("line.set", shows=("limit_minor",), reasoned=True)
        async def set_line(member_id: Identifier, terms: LineTerms, who: Who, tx: TxDependency) -> LineView: ...
    """
    if not actions:
        raise TypeError("name the actions that are audited, or give @not_audited(…) the reason why none is")
    audit.declare(actions, shows, reasoned=reasoned)

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["audited"] = OnRecord(actions, own)
        return endpoint

    return mark


def not_audited(reason: str) -> Callable[[Endpoint], Endpoint]:
    """Declare that a route records nothing, with the reason: its callers act on their own data only."""
    if not reason.strip():
        raise TypeError("give the reason why nothing is audited")

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["not_audited"] = reason
        return endpoint

    return mark


async def _principal(request: Request) -> Principal:
    who: Principal = request.state.principal
    return who


direct(_principal)


Who = Annotated[Principal, Depends(_principal)]
"""The caller, verified and allowed to call this route."""


class Authorizer:
    """Admits requests before their bodies are read: verifies the token, the rate limit and the role."""

    def __init__(self, verifier: Verifier | None, limit: RateLimit, arrivals: Arrivals) -> None:
        self.verifier = verifier
        self.limit = limit
        self.arrivals = arrivals
        self.lines = Lines()

    @classmethod
    def of(cls, settings: Settings) -> "Authorizer":
        """What the settings ask for."""
        limit = RateLimit(settings.http_rate_per_s, settings.http_burst)
        return cls(verifier_of(settings), limit, Arrivals(settings.http_bodies_max))

    async def follow_keys(self) -> None:
        """Fetch the issuer's keys as they rotate, where they come from a URL."""
        if self.verifier and isinstance(self.verifier.keys, Rotating):
            await self.verifier.keys.follow(self.verifier)

    def admit(self, request: Request, roles: tuple[Allowed, ...], route: str) -> Principal:
        """The caller, or a problem: 401, 429 or 403. `route` is the path's template, for the log."""
        try:
            who = self.verifier.principal(request.headers.getlist("authorization")) if self.verifier else _NOBODY
        except UnauthenticatedError as error:
            observe.HTTP_DENIED.labels("unauthenticated").inc()
            self._log_unauthenticated(request, route, str(error))
            raise Problem(401, "unauthenticated", _SAME_FOR_ALL, {"www-authenticate": "Bearer"}) from None
        if wait_s := self.limit.wait_s(who.identity):
            observe.HTTP_DENIED.labels("too_often").inc()
            after = {"retry-after": str(math.ceil(wait_s))}
            raise Problem(429, "too_often", "too many requests of yours: wait before the next", after)
        if not any(_covers(role, who) for role in roles):
            observe.HTTP_DENIED.labels("forbidden").inc()
            raise Problem(403, "forbidden", f"this is for {' or '.join(roles)}, and your token has the role {who.role}")
        return who

    def _log_unauthenticated(self, request: Request, route: str, reason: str) -> None:
        """Log where the request came from and what it asked for, with a rate limit. The token is not logged."""
        address = request.client.host if request.client else "-"
        suppressed = self.lines.suppressed(address, reason)
        if suppressed is None:
            observe.HTTP_UNLOGGED.inc()
        else:
            where = {"address": address, "method": request.method, "route": route}
            log.info("unauthenticated", reason=reason, **where, **({"suppressed": suppressed} if suppressed else {}))


def _covers(role: Allowed, who: Principal) -> bool:
    if role in RANKS:
        return who.is_staff and RANKS.index(who.role) >= RANKS.index(role)
    if role == "merchant":
        return who.merchant_id is not None
    return role == "anybody" or who.member_id is not None


class GuardedRoute(APIRoute):
    """A route that declares who may call it, and admits no other caller."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:  # FastAPI's signature
        roles: tuple[Allowed, ...] | None = getattr(endpoint, "allowed", None)
        if not roles:
            raise TypeError(f"{path}: declare who may call {endpoint.__name__}: @allowed(…) below its route")
        writes = not set(kwargs.get("methods") or {"GET"}) <= SAFE_METHODS
        self.allowed = roles
        self.on_record = _on_record(path, endpoint) if writes else None
        shared = [Depends(_BEARER), *([Depends(documented_reason)] if self.on_record else ())]
        kwargs["dependencies"] = [*(kwargs.get("dependencies") or ()), *shared]
        refusals = documented(400, 401, 403, 404, *((408, 409, 413, 415) if writes else ()), 422, 429, 503)
        kwargs["responses"] = refusals | (kwargs.get("responses") or {})
        extra = {"x-allowed": list(roles)} | ({"x-audited": list(self.on_record.actions)} if self.on_record else {})
        kwargs["openapi_extra"] = extra | (kwargs.get("openapi_extra") or {})
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Run:
        """FastAPI's hook: wrap the function that parses, validates, calls and serialises."""
        run = self._run()
        timed = {method: observe.HTTP_TIME.labels(method, self.path) for method in self.methods or ()}

        async def handle(request: Request) -> Response:
            method = request.method
            with timed[method].time():
                who = request.state.principal = request.app.state.authorizer.admit(request, self.allowed, self.path)
                bind_contextvars(route=f"{method} {self.path}", subject=who.subject)  # until RequestIds ends
                with serving(self._requested(request, who)):
                    refuse_encoded(request)
                    if method not in SAFE_METHODS:
                        await self._body(request)
                    return await self.answer(request, run)

        return handle

    def _run(self) -> Run:
        """FastAPI's function, without what is declared for OpenAPI only: that would be solved at each request.

        The reason is validated by its declaration, so a request that has one goes the long way.
        """
        documented = self.dependant
        direct = with_direct(documented)
        needed = [each for each in direct.dependencies if not getattr(each.call, "documents", each.call is _BEARER)]
        self.dependant = direct
        whole = super().get_route_handler()
        self.dependant = replace(direct, dependencies=needed)
        short, self.dependant = super().get_route_handler(), documented

        async def run(request: Request) -> Response:
            return await (whole if "lutong-reason" in request.headers else short)(request)

        return run

    def _requested(self, request: Request, who: Principal) -> Requested:
        """The request, with what its transactions need to know."""
        requested = current() or Requested(request_id_of())
        if self.on_record is None:
            return requested
        return requested._replace(
            reason=stated_reason(request),
            actions=frozenset(self.on_record.actions),
            must_audit=self.on_record.binds(who),
            exports=request.app.state.service.exports,
        )

    async def _body(self, request: Request) -> None:
        """Read the body of an admitted request: here, because FastAPI reports one that is too large as malformed."""
        async with request.app.state.authorizer.arrivals.one_of(request.state.principal.identity):
            await request.body()
        if self.body_field is not None:
            await read_json(request)

    async def answer(self, request: Request, run: Run) -> Response:
        """Answer an admitted request whose body has arrived."""
        return await run(request)


def _on_record(path: str, endpoint: Callable[..., Any]) -> OnRecord | None:
    """The audit rule of a route that changes something; None when it declares why it records nothing."""
    rule: OnRecord | None = getattr(endpoint, "audited", None)
    if (rule is None) is (getattr(endpoint, "not_audited", None) is None):
        raise TypeError(
            f"{path}: declare what {endpoint.__name__} records: @audited(…), or @not_audited(…) with the reason"
        )
    return rule
