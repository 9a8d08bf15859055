"""A deduction provider outside, over HTTP, in the manner of withholding: an attempt has an id of ours.

    POST {url}/deductions                  {"deduction_id": …, "member_id": …, "amount_minor": …, "currency": …}
    GET  {url}/deductions/{deduction_id}   404 when the provider does not know it

Both answer with the attempt as it stands:

    {"deduction_id": …, "state": "pending" | "succeeded" | "failed", "amount_minor": …, "currency": …, "reason": …}

An attempt whose answer did not come may have been made. It is never sent again on a guess: it is
queried, and only a 404 lets it be sent once more, under the same id, in its window.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, Literal
from urllib.parse import quote

import orjson
import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, ValidationError

from lutong_contracts.values import Reason
from lutong_membership.providers.breaker import Breaker
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.deduction.values import Order, Outcome
from lutong_membership.providers.exchange import Answer, NotAnswered, client_for, exchange

log = structlog.get_logger(__name__)

DEDUCTIONS: Final = Counter("lutong_deductions_total", "Attempts put to a provider", ["method", "answer"])

_UNKNOWN: Final = Outcome("unknown")
_NOT_ASKED: Final = Outcome("unknown", "not_asked")
_NOT_THERE: Final = Outcome("not_there")
Method = Literal["GET", "POST"]


class Stands(BaseModel):
    """An attempt as the provider sees it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    deduction_id: str
    state: Literal["pending", "succeeded", "failed"]
    amount_minor: int
    currency: str
    reason: Reason = "declined_by_provider"


class HttpDeductionProvider:
    """Asks the provider that the settings name. One per process: it holds connections and the breaker."""

    def __init__(self, settings: DeductionSettings, clock: Callable[[], float] = monotonic) -> None:
        if settings.url is None or settings.token is None:
            raise ValueError("a provider outside needs a URL and a token")
        self.breaker = Breaker(settings.failures_max, settings.pause_s)
        self._settings = settings
        self._clock = clock
        self._client = client_for(str(settings.url), settings.token.get_secret_value(), settings.timeout_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def deduct(self, order: Order) -> Outcome:
        """Take the amount; see `DeductionProvider`."""
        body = {
            "deduction_id": order.deduction_id,
            "member_id": order.member_id,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
        }
        return await self._ask(order, "POST", "deductions", orjson.dumps(body))

    async def query(self, order: Order) -> Outcome:
        """Ask what became of it; see `DeductionProvider`."""
        return await self._ask(order, "GET", f"deductions/{quote(order.deduction_id, safe='')}")

    async def _ask(self, order: Order, method: Method, path: str, body: bytes | None = None) -> Outcome:
        self.breaker, permit = self.breaker.admit(self._clock())
        if permit is None:
            return _NOT_THERE if method == "POST" else _NOT_ASKED
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                outcome = _understand(order, method, await exchange(self._client, method, path, body))
        except TimeoutError:
            outcome = _UNKNOWN
        except Exception as error:  # whatever it is: it must not count as an outcome, nor end the job
            log.error("deduction_provider_bug", error=type(error).__name__)  # noqa: TRY400  # a message may quote the token
            outcome = _UNKNOWN
        answered = outcome not in {_UNKNOWN, _NOT_THERE} or (method, outcome) == ("GET", _NOT_THERE)
        self.breaker = self.breaker.settle(permit, ok=answered, now_s=self._clock())
        DEDUCTIONS.labels(method, outcome.answer).inc()
        if outcome.answer not in {"succeeded", "failed"}:
            log.warning("deduction_open", deduction_id=order.deduction_id, answer=outcome.answer, reason=outcome.reason)
        return outcome


def _understand(order: Order, method: Method, answer: Answer | NotAnswered) -> Outcome:
    """What an answer means for the attempt. Whatever is not plainly a known answer leaves the outcome open."""
    if answer == "not_sent":
        return _NOT_THERE if method == "POST" else _UNKNOWN
    if answer == "unknown":
        return _UNKNOWN
    if not 200 <= answer.status < 300:
        return _REFUSALS.get((method, answer.status), _UNKNOWN)
    try:
        stands = Stands.model_validate_json(answer.body or b"")
    except ValidationError:
        return _UNKNOWN
    same = (stands.deduction_id, stands.amount_minor, stands.currency)
    if same != (order.deduction_id, order.amount_minor, order.currency):
        return _UNKNOWN
    if stands.state == "pending":
        return Outcome("unknown", "pending")
    return Outcome("succeeded") if stands.state == "succeeded" else Outcome("failed", stands.reason)


_REFUSALS: Final = {
    ("GET", 404): _NOT_THERE,
    **{("POST", status): Outcome("failed", "rejected_by_provider") for status in (400, 404, 405, 413, 415, 422)},
    **{("POST", status): _NOT_THERE for status in (401, 403, 429)},
}
"""Answers that refuse the request itself. 409 is not one: the attempt is there already, and is asked for."""
