"""A payment provider outside, over HTTP: an order has an id of ours, and every outcome is signed.

    POST {url}/payments                  {"repayment_id": …, "member_id": …, "amount_minor": …, "currency": …}
    GET  {url}/payments/{repayment_id}   404 when the provider never had it

Both answer with the payment as it stands:

    {"repayment_id": …, "state": "pending" | "succeeded" | "failed", "amount_minor": …, "currency": …,
     "receipt": …, "reason": …, "signature": …}

`signature` is the HMAC-SHA256, in hexadecimal digits, of `repayment_id|state|amount_minor|currency|receipt|reason` (what
is absent is empty). What is not signed decides nothing: a proxy between us must not make a payment. An order whose
answer did not come is queried, and sent again, under the same id, only when the provider never had it.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from time import monotonic
from typing import Annotated, Final, Literal
from urllib.parse import quote

import orjson
import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from lutong_contracts.values import Identifier, Reason
from lutong_membership.providers.breaker import Breaker
from lutong_membership.providers.exchange import Answer, NotAnswered, client_for, exchange
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.providers.payment.values import PaymentOrder, PaymentOutcome

log = structlog.get_logger(__name__)

PAYMENTS: Final = Counter("lutong_payments_total", "Repayments put to a provider", ["method", "answer"])

_UNKNOWN: Final = PaymentOutcome("unknown")
_NOT_ASKED: Final = PaymentOutcome("unknown", reason="not_asked")
_NOT_THERE: Final = PaymentOutcome("not_there")
Method = Literal["GET", "POST"]


class Stands(BaseModel):
    """A payment as the provider sees it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    repayment_id: str
    state: Literal["pending", "succeeded", "failed"]
    amount_minor: int
    currency: str
    receipt: Identifier | None = None
    reason: Reason | None = None
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def signature(key: str, stands: Stands) -> str:
    """What a provider with this key signs a payment with."""
    facts = (stands.repayment_id, stands.state, str(stands.amount_minor), stands.currency)
    text = "|".join((*facts, stands.receipt or "", stands.reason or ""))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


class HttpPaymentProvider:
    """Asks the provider that the settings name. One per process: it holds connections and the breaker."""

    def __init__(self, settings: PaymentSettings, clock: Callable[[], float] = monotonic) -> None:
        if settings.url is None or settings.token is None or settings.signing_key is None:
            raise ValueError("a provider outside needs a URL, a token and a signing key")
        self.breaker = Breaker(settings.failures_max, settings.pause_s)
        self._settings = settings
        self._key = settings.signing_key
        self._clock = clock
        self._client = client_for(str(settings.url), settings.token.get_secret_value(), settings.timeout_s)

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def charge(self, order: PaymentOrder) -> PaymentOutcome:
        """Take the amount; see `PaymentProvider`."""
        body = {
            "repayment_id": order.repayment_id,
            "member_id": order.member_id,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
        }
        return await self._ask(order, "POST", "payments", orjson.dumps(body))

    async def query(self, order: PaymentOrder) -> PaymentOutcome:
        """Ask what became of it; see `PaymentProvider`."""
        return await self._ask(order, "GET", f"payments/{quote(order.repayment_id, safe='')}")

    async def _ask(self, order: PaymentOrder, method: Method, path: str, body: bytes | None = None) -> PaymentOutcome:
        self.breaker, permit = self.breaker.admit(self._clock())
        if permit is None:
            return _NOT_THERE if method == "POST" else _NOT_ASKED
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                outcome = self._understand(order, method, await exchange(self._client, method, path, body))
        except TimeoutError:
            outcome = _UNKNOWN
        except Exception as error:  # whatever it is: it must not count as an outcome, nor end the job
            log.error("payment_provider_bug", error=type(error).__name__)  # noqa: TRY400  # a message may quote the token
            outcome = _UNKNOWN
        answered = outcome not in {_UNKNOWN, _NOT_THERE} or (method, outcome) == ("GET", _NOT_THERE)
        self.breaker = self.breaker.settle(permit, ok=answered, now_s=self._clock())
        PAYMENTS.labels(method, outcome.answer).inc()
        if outcome.answer not in {"succeeded", "failed"}:
            log.warning("payment_open", repayment_id=order.repayment_id, answer=outcome.answer, reason=outcome.reason)
        return outcome

    def _understand(self, order: PaymentOrder, method: Method, answer: Answer | NotAnswered) -> PaymentOutcome:
        """What an answer means for the order. Only a signed one about this very order is an outcome."""
        if answer == "not_sent":
            return _NOT_THERE if method == "POST" else _UNKNOWN
        if answer == "unknown":
            return _UNKNOWN
        if not 200 <= answer.status < 300:
            return _NOT_THERE if (method, answer.status) in _NOT_TAKEN else _UNKNOWN
        return self._signed(order, answer.body or b"")

    def _signed(self, order: PaymentOrder, body: bytes) -> PaymentOutcome:
        try:
            stands = Stands.model_validate_json(body)
        except ValidationError:
            return _UNKNOWN
        if not hmac.compare_digest(stands.signature, signature(self._key.get_secret_value(), stands)):
            return PaymentOutcome("unknown", reason="bad_signature")
        same = (stands.repayment_id, stands.amount_minor, stands.currency)
        if same != (order.repayment_id, order.amount_minor, order.currency):
            return _UNKNOWN
        if stands.state == "failed":
            return PaymentOutcome("failed", reason=stands.reason or "declined_by_provider")
        if stands.state == "pending" or stands.receipt is None:
            return PaymentOutcome("unknown", reason="pending")
        return PaymentOutcome("succeeded", receipt=stands.receipt)


_NOT_TAKEN: Final = frozenset({("GET", 404), ("POST", 401), ("POST", 403), ("POST", 429)})
"""Answers after which nothing was taken, for certain. Any other one that is not signed leaves the outcome open."""
