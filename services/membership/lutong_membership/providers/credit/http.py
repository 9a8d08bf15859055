"""A credit provider outside, asked over HTTP in the manner of Zhima: consult by an order number of ours.

    POST {url}/orders                  {"out_order_no": …, "member_id": …}
    GET  {url}/orders/{out_order_no}   404 when the provider does not know it

Both answer with the order as it stands:

    {"out_order_no": …, "state": "pending"}
    {"out_order_no": …, "state": "decided", "decision": "admitted" | "declined", "points": 350 to 950,
     "limit_minor": …, "valid_days": …}

It learns an opaque member id and nothing else: no fact of the application leaves this service.

A request whose answer did not come may have been taken. It is never sent again on a guess: its
order number is queried, and only a 404 lets a later assessment send it once more.
Whatever goes wrong on the way is `Unavailable`. Nothing but a well-formed answer admits.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Annotated, Final, Literal, Self, TypeAlias
from urllib.parse import quote

import orjson
import structlog
from prometheus_client import Counter, Gauge
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from lutong_membership.providers.breaker import Breaker
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.credit.values import Application, Assessment, Unavailable, UnavailableReason
from lutong_membership.providers.exchange import Answer, NotAnswered, client_for, exchange

log = structlog.get_logger(__name__)

ASSESSMENTS: Final = Counter(
    "lutong_credit_assessments_total", "Applications put to a provider", ["provider", "outcome"]
)
BREAKER_OPEN: Final = Gauge(
    "lutong_credit_breaker_open", "1 while a provider is not asked because it failed", ["provider"]
)

_HARMLESS: Final = frozenset({"still_deciding", "rejected"})
"""Outcomes of a provider that works: they do not open the breaker."""


class _Order(BaseModel):
    """What both answers have. Types are taken as they are; what is not known is ignored, as in our own contracts."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    out_order_no: str


class Pending(_Order):
    """Taken, not decided."""

    state: Literal["pending"]


class Decided(_Order):
    """A decision. One that contradicts itself is none."""

    state: Literal["decided"]
    decision: Literal["admitted", "declined"]
    points: int = Field(ge=350, le=950)
    limit_minor: int = Field(ge=0, le=10**12)
    valid_days: int = Field(ge=1, le=366)

    @model_validator(mode="after")
    def _only_who_is_admitted_has_a_limit(self) -> Self:
        if (self.decision == "admitted") is not (self.limit_minor > 0):
            raise ValueError("a decision and its limit must agree")
        return self


_ORDER: Final[TypeAdapter[Pending | Decided]] = TypeAdapter(Annotated[Pending | Decided, Field(discriminator="state")])

Doubt = Literal["unknown", "bad"]
"""No answer, or one that cannot be trusted: the order may have been taken."""
Reply: TypeAlias = Pending | Decided | Unavailable | Doubt | Literal["unknown_order"]


class HttpCreditProvider:
    """Asks the provider that the settings name. One per process: it holds connections and the breaker."""

    def __init__(self, settings: CreditSettings, clock: Callable[[], float] = monotonic) -> None:
        if settings.url is None or settings.token is None:
            raise ValueError("a provider outside needs a URL and a token")
        self.name = settings.name
        self.breaker = Breaker(settings.failures_max, settings.pause_s)
        self._settings = settings
        self._clock = clock
        # Half the time for one request: when no answer comes, there is time left to query.
        self._client = client_for(str(settings.url), settings.token.get_secret_value(), settings.timeout_s / 2)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def assess(self, application: Application, *, asked_before: bool = False) -> Assessment | Unavailable:
        """Ask, within the timeout; see `CreditProvider`."""
        permit = self._admit()
        if permit is None:
            return self._counted(application, Unavailable("breaker_open"))
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                outcome = await self._ask(application, asked_before=asked_before)
        except TimeoutError:
            outcome = Unavailable("unknown_outcome")
        except Exception as error:  # whatever it is: it must not become an admission, nor end the job
            log.error("credit_provider_bug", provider=self.name, error=type(error).__name__)  # noqa: TRY400  # a message may quote the token
            outcome = Unavailable("unknown_outcome")
        self._settle(permit, outcome)
        return self._counted(application, outcome)

    async def _ask(self, application: Application, *, asked_before: bool) -> Assessment | Unavailable:
        reply = await self._query(application) if asked_before else "unknown_order"
        if reply == "unknown_order":
            reply = await self._consult(application)
        pause_s = self._settings.query_interval_s
        for _ in range(self._settings.queries_max):
            if reply not in {"unknown", "bad"} and not isinstance(reply, Pending):
                break
            await asyncio.sleep(pause_s)
            pause_s *= 2
            reply = await self._query(application)
        return self._verdict(reply)

    async def _consult(self, application: Application) -> Reply:
        body = orjson.dumps({"out_order_no": application.application_id, "member_id": application.member_id})
        return _understand(application, await exchange(self._client, "POST", "orders", body))

    async def _query(self, application: Application) -> Reply:
        path = f"orders/{quote(application.application_id, safe='')}"
        answer = await exchange(self._client, "GET", path)
        if isinstance(answer, Answer) and answer.status == 404:
            return "unknown_order"
        return _understand(application, answer)

    def _verdict(self, reply: Reply) -> Assessment | Unavailable:
        match reply:
            case Decided():
                reasons = () if reply.limit_minor else ("declined_by_provider",)
                return Assessment(reply.points, reply.limit_minor, reasons, self.name, timedelta(days=reply.valid_days))
            case Unavailable():
                return reply
            case Pending():
                return Unavailable("still_deciding")
            case "bad":
                return Unavailable("bad_answer")
            case "unknown" | "unknown_order":
                return Unavailable("unknown_outcome")

    def _admit(self) -> int | None:
        self.breaker, permit = self.breaker.admit(self._clock())
        return permit

    def _settle(self, permit: int, outcome: Assessment | Unavailable) -> None:
        before = self.breaker.state
        ok = isinstance(outcome, Assessment) or outcome.reason in _HARMLESS
        self.breaker = self.breaker.settle(permit, ok=ok, now_s=self._clock())
        if self.breaker.state != before:
            log.warning("credit_breaker", provider=self.name, state=self.breaker.state)
        BREAKER_OPEN.labels(self.name).set(self.breaker.state != "closed")

    def _counted(self, application: Application, outcome: Assessment | Unavailable) -> Assessment | Unavailable:
        """Count and log what became of an application, without anything that only the database may know."""
        if isinstance(outcome, Assessment):
            ASSESSMENTS.labels(self.name, "assessed").inc()
        else:
            ASSESSMENTS.labels(self.name, outcome.reason).inc()
            log.warning(
                "credit_unavailable",
                provider=self.name,
                application_id=application.application_id,
                reason=outcome.reason,
            )
        return outcome


def _understand(application: Application, answer: Answer | NotAnswered) -> Reply:
    """What an answer means for the order. What is not plainly one of the known answers leaves the outcome open."""
    if answer == "not_sent":
        return Unavailable("unreachable")
    if answer == "unknown":
        return "unknown"
    if not 200 <= answer.status < 300:
        return _REFUSALS.get(answer.status, "unknown")
    try:
        order = _ORDER.validate_json(answer.body or b"")
    except ValidationError:
        return "bad"
    return order if order.out_order_no == application.application_id else "bad"


def _unavailable(reason: UnavailableReason) -> Unavailable:
    return Unavailable(reason)


_REFUSALS: Final = {
    **dict.fromkeys((400, 404, 405, 413, 414, 415, 422), _unavailable("rejected")),
    **dict.fromkeys((401, 403, 429), _unavailable("refused")),
}
"""Answers that refuse the request itself, so that there is no outcome to look for. 409 is not one: taken already."""
