"""What goods can be promised where, asked of inventory: for cards, pages and carts of another system.

>>> asking = AvailabilityClient("https://inventory.example", token)
>>> (tea,) = asking.ask([Wanted("watsons", "mask", 31.23, 121.47)])
>>> tea.promise.text["zh"] if tea.promise else tea.why["zh"]
'约 35 分钟送达，1.2 公里'

Any number may be asked at once: requests go out with a hundred each. Nothing is reserved, so a promise is for now.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import httpx
import stamina

BATCH_MAX: Final = 100
"""So many goods a request may ask about."""


class AskError(Exception):
    """Inventory did not answer what was asked: what, where, and what to do. `transient`: the same again may help."""

    def __init__(self, what: str, *, transient: bool = False) -> None:
        super().__init__(what)
        self.transient = transient


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of a SKU that a person looks at, and where they want them (WGS-84 degrees). `mode` is delivery or pickup."""

    merchant_id: str
    sku: str
    latitude: float
    longitude: float
    mode: str = "delivery"
    units: int = 1


@dataclass(frozen=True, slots=True)
class Promise:
    """From where goods come and when: within so many seconds, or in the window of a slot. `text` has a sentence, `en` and `zh`."""

    kind: str
    location_id: str
    distance_m: int
    text: dict[str, str]
    within_s: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    order_by: datetime | None = None
    slot_id: str | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What was wanted, and what can be promised of it; without a promise, `reason` and `why` (`en`, `zh`) are why not."""

    wanted: Wanted
    promise: Promise | None
    reason: str | None
    why: dict[str, str]

    @property
    def available(self) -> bool:
        """Whether it can be ordered now."""
        return self.promise is not None


def _batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    for begin in range(0, len(wanted), BATCH_MAX):
        yield wanted[begin : begin + BATCH_MAX]


def _understood(batch: Sequence[Wanted], answer: httpx.Response) -> list[Availability]:
    """What an answer has of each, in order. Raises AskError."""
    try:
        document: Any = answer.json()
    except ValueError:
        document = None
    if answer.status_code != 200:
        detail = document.get("detail") if isinstance(document, dict) else None
        what = f"{answer.request.url.host} answers {answer.status_code}: {detail or answer.reason_phrase}"
        raise AskError(what, transient=answer.status_code == 429 or answer.status_code >= 500)
    if not isinstance(document, list) or len(document) != len(batch):
        raise AskError(f"{answer.request.url.host} answers, but is no inventory of Lutong: look at the URL")
    return [_availability(wanted, found) for wanted, found in zip(batch, document, strict=True)]


def _availability(wanted: Wanted, found: dict[str, Any]) -> Availability:
    promise = found["promise"]
    known = {name: promise[name] for name in Promise.__dataclass_fields__ if name in promise} if promise else None
    for moment in ("starts_at", "ends_at", "order_by"):
        if known and known.get(moment):
            known[moment] = datetime.fromisoformat(known[moment])
    return Availability(wanted, Promise(**known) if known else None, found["reason"], found["why"])


def _may_help(error: Exception) -> bool:
    return isinstance(error, AskError) and error.transient


def _unreachable(url: str, error: httpx.HTTPError | httpx.InvalidURL) -> AskError:
    reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    return AskError(f"inventory at {url} does not answer ({reason}): ask again, or look at the URL", transient=True)


class _Question:
    """Where inventory is, and the token that each request carries."""

    def __init__(self, url: str, token: str | Callable[[], str]) -> None:
        self.url = f"{url.rstrip('/')}/v1/availability"
        self.token = token

    def request(self, batch: Sequence[Wanted]) -> dict[str, Any]:
        """What httpx is to send."""
        token = (self.token if isinstance(self.token, str) else self.token()).strip()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return {"url": self.url, "json": {"wanted": [asdict(each) for each in batch]}, "headers": headers}


class AvailabilityClient:
    """Blocks. `token` is a bearer token, or gives one when it is called."""

    def __init__(
        self, url: str, token: str | Callable[[], str] = "", *, tries_max: int = 3, timeout_s: float = 5
    ) -> None:
        self.question = _Question(url, token)
        self.tries_max = tries_max
        self.client = httpx.Client(timeout=timeout_s)

    def ask(self, wanted: Sequence[Wanted]) -> list[Availability]:
        """What can be promised of goods, in the order in which they were asked about. Raises AskError."""
        found: list[Availability] = []
        for batch in _batches(wanted):
            for attempt in stamina.retry_context(on=_may_help, attempts=self.tries_max, timeout=None):
                with attempt:
                    try:
                        answer = self.client.post(**self.question.request(batch))
                    except (httpx.HTTPError, httpx.InvalidURL) as error:
                        raise _unreachable(self.question.url, error) from error
                    understood = _understood(batch, answer)
            found += understood
        return found

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


class AsyncAvailabilityClient:
    """`AvailabilityClient` for asyncio. `token` is a bearer token, or gives one when it is called."""

    def __init__(
        self, url: str, token: str | Callable[[], str] = "", *, tries_max: int = 3, timeout_s: float = 5
    ) -> None:
        self.question = _Question(url, token)
        self.tries_max = tries_max
        self.client = httpx.AsyncClient(timeout=timeout_s)

    async def ask(self, wanted: Sequence[Wanted]) -> list[Availability]:
        """What can be promised of goods, in the order in which they were asked about. Raises AskError."""
        found: list[Availability] = []
        for batch in _batches(wanted):
            async for attempt in stamina.retry_context(on=_may_help, attempts=self.tries_max, timeout=None):
                with attempt:
                    try:
                        answer = await self.client.post(**self.question.request(batch))
                    except (httpx.HTTPError, httpx.InvalidURL) as error:
                        raise _unreachable(self.question.url, error) from error
                    understood = _understood(batch, answer)
            found += understood
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
