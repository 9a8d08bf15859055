"""Who may call a route, declared where the route is; and who calls it now.

    @router.put("/v1/plans/{plan_id}")
    @allowed("merchant", "operator")
    @audited("plan.put", own="merchant")
    async def put_plan(plan_id: Identifier, terms: PlanTerms, who: Who, tx: TxDependency) -> …:
        who.require(merchant=terms.merchant_id, hide=("merchant", terms.merchant_id))

`allowed` is about roles: a role that may never do a thing gets 403. `acts_for` is about whose a thing is:
what belongs to another is as absent as what does not exist. A route that declares nothing is not built.

`audited` is about what stays on record: the route writes an audit row (`audit.record`) in its transaction. Of staff it
always does; with `own`, not of a member or merchant who acts on their own. Forgotten, the transaction does not commit.
"""

import math
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import structlog
from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from structlog.contextvars import bound_contextvars

from lutong_chassis import audit, observe
from lutong_chassis.auth import RANKS, Principal, Rank, UnauthenticatedError, Verifier, verifier_of
from lutong_chassis.http.documents import read_json, refuse_encoded
from lutong_chassis.http.limits import Arrivals, Lines, RateLimit
from lutong_chassis.http.problems import documented
from lutong_chassis.problem import Problem
from lutong_chassis.request import Requested, current, request_id_of, serving
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
REASON_MAX: Final = 500
_REASON_MIN: Final = 3
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_SAME_FOR_ALL: Final = "this takes a valid access token: send `Authorization: Bearer …` (`lutong token` makes one)"


def allowed(*who: Allowed) -> Callable[[Endpoint], Endpoint]:
    """Say who may call a route: staff of a rank or above, anyone with a merchant's or a member's token, or anybody."""

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["allowed"] = who
        return endpoint

    return mark


class OnRecord(NamedTuple):
    """What a route writes to the audit, and whose own things it need not."""

    actions: tuple[str, ...]
    own: Literal["member", "merchant"] | None = None

    def binds(self, who: Principal) -> bool:
        """Whether what this principal does by the route must be on record."""
        return who.is_staff or self.own is None or getattr(who, f"{self.own}_id") is None


def audited(
    *actions: str, own: Literal["member", "merchant"] | None = None, shows: tuple[str, ...] = (), reasoned: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Say what a route records (`line.set`): one of these actions, whenever it changes something.

    With `own`, a member or a merchant who acts on their own need not be on record. `shows` are the fields whose
    values the rows show; those of all others are masked. With `reasoned`, staff must say why.
    """
    if not actions:
        raise TypeError("say which action is on record, or @not_audited(…) why none is")
    audit.declare(actions, shows, reasoned=reasoned)

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["audited"] = OnRecord(actions, own)
        return endpoint

    return mark


def documents(dependency: Callable[..., Any]) -> None:
    """Say of a dependency that it declares a header for OpenAPI, and that somebody else reads it."""
    vars(dependency)["documents"] = True


def not_audited(reason: str) -> Callable[[Endpoint], Endpoint]:
    """Say why nothing of what a route does is on record: nobody acts by it but on what is their own."""
    if not reason.strip():
        raise TypeError("say why nothing is on record")

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["not_audited"] = reason
        return endpoint

    return mark


async def _principal(request: Request) -> Principal:
    who: Principal = request.state.principal
    return who


Who = Annotated[Principal, Depends(_principal)]
"""The caller, verified and allowed to call this route."""


class Authorizer:
    """Where every request passes before anything of it is read: who is it, how often, may they?"""

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
            raise Problem(403, "forbidden", f"this is for {' or '.join(roles)}, and your token says {who.role}")
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
            raise TypeError(f"{path}: say who may call {endpoint.__name__}: @allowed(…) below its route")
        writes = not set(kwargs.get("methods") or {"GET"}) <= SAFE_METHODS
        self.allowed = roles
        self.on_record = _on_record(path, endpoint) if writes else None
        shared = [Depends(_BEARER), *([Depends(_documented_reason)] if self.on_record else ())]
        kwargs["dependencies"] = [*(kwargs.get("dependencies") or ()), *shared]
        refusals = documented(400, 401, 403, 404, *((408, 409, 413, 415) if writes else ()), 422, 429, 503)
        kwargs["responses"] = refusals | (kwargs.get("responses") or {})
        extra = {"x-allowed": list(roles)} | ({"x-audited": list(self.on_record.actions)} if self.on_record else {})
        kwargs["openapi_extra"] = extra | (kwargs.get("openapi_extra") or {})
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Run:
        """FastAPI's hook: wrap the function that parses, validates, calls and serialises."""
        run = self._run()

        async def handle(request: Request) -> Response:
            with observe.HTTP_TIME.labels(request.method, self.path).time():
                who = request.state.principal = request.app.state.authorizer.admit(request, self.allowed, self.path)
                named = bound_contextvars(route=f"{request.method} {self.path}", subject=who.subject)
                with named, serving(self._requested(request, who)):
                    refuse_encoded(request)
                    if request.method not in SAFE_METHODS:
                        await self._body(request)
                    return await self.answer(request, run)

        return handle

    def _run(self) -> Run:
        """FastAPI's function, without what is declared for OpenAPI only: that would be solved at each request.

        The reason is validated by its declaration, so a request that has one goes the long way.
        """
        whole, documented = super().get_route_handler(), self.dependant
        needed = [each for each in documented.dependencies if not getattr(each.call, "documents", each.call is _BEARER)]
        self.dependant = replace(documented, dependencies=needed)
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
            reason=_stated_reason(request),
            actions=frozenset(self.on_record.actions),
            must_audit=self.on_record.binds(who),
            exports=request.app.state.service.exports,
        )

    async def _body(self, request: Request) -> None:
        """Read the body of an admitted request: here, because FastAPI takes one that is too large for a malformed one."""
        with request.app.state.authorizer.arrivals.one_of(request.state.principal.identity):
            await request.body()
        if self.body_field is not None:
            await read_json(request)

    async def answer(self, request: Request, run: Run) -> Response:
        """Answer an admitted request whose body has arrived."""
        return await run(request)


def _on_record(path: str, endpoint: Callable[..., Any]) -> OnRecord | None:
    """What a route that changes something records; None when it declares why it records nothing."""
    rule: OnRecord | None = getattr(endpoint, "audited", None)
    if (rule is None) is (getattr(endpoint, "not_audited", None) is None):
        raise TypeError(f"{path}: say what {endpoint.__name__} records: @audited(…), or @not_audited(…) why nothing")
    return rule


async def _documented_reason(
    lutong_reason: Annotated[  # read by GuardedRoute; declared here for OpenAPI
        str | None,
        Header(
            min_length=_REASON_MIN,
            max_length=9 * REASON_MAX,
            description="Why, for the audit; UTF-8, may be percent-encoded. A reason in the body wins.",
        ),
    ] = None,
) -> None:
    """Show the header in OpenAPI on every route that is on record."""


documents(_documented_reason)


def _stated_reason(request: Request) -> str | None:
    """The reason in the header, decoded. What a terminal would obey is left out."""
    given = request.headers.get("lutong-reason")
    if given is None:
        return None
    octets = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), given.encode("latin-1"))
    reason = "".join(character for character in octets.decode("utf-8", "replace") if character.isprintable())
    if len(reason) > REASON_MAX:
        raise Problem(
            422, "bad_reason", f"Lutong-Reason has {len(reason)} characters, at most {REASON_MAX} are allowed"
        )
    return reason or None
