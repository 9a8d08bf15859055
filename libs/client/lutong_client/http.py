"""Over HTTP: `POST /v1/events` at the service that owns an event's topic. Tried again while that can help."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import stamina

from lutong_client.message import Message, PublishError, Receipt

_BATCH_MAX: Final = 500
_BATCH_BYTES_MAX: Final = 200_000
_NDJSON: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the service `owner`: the positions of its messages, and their documents."""

    owner: str
    positions: list[int] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """The documents, one a line."""
        return b"\n".join(self.documents)

    def has_room_for(self, document: bytes) -> bool:
        """Whether a service accepts the request with one more document."""
        size = sum(map(len, self.documents)) + len(document)
        return not self.documents or (len(self.documents) < _BATCH_MAX and size <= _BATCH_BYTES_MAX)


def calls(messages: Sequence[Message]) -> list[Call]:
    """Which service gets which messages, in order, in requests of a size that services accept."""
    open_calls: dict[str, Call] = {}
    full: list[Call] = []
    for position, each in enumerate(messages):
        owner, document = each.event.topic.owner, each.document
        call = open_calls.setdefault(owner, Call(owner))
        if not call.has_room_for(document):
            full.append(call)
            call = open_calls[owner] = Call(owner)
        call.positions.append(position)
        call.documents.append(document)
    return [*full, *open_calls.values()]


def understood(answer: httpx.Response) -> list[Receipt]:
    """The receipts of an answer; `PublishError` when the service took none at all."""
    document = _document(answer)
    if answer.status_code != 200:
        what = f"{answer.request.url.host} answers {answer.status_code}: {document.get('detail', answer.reason_phrase)}"
        raise PublishError(what, transient=answer.status_code in {408, 409, 429} or answer.status_code >= 500)
    results = document.get("results")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise PublishError(f"{answer.request.url.host} answers, but is no service of Lutong: look at `urls`")
    return [Receipt.of(result) for result in results]


def _document(answer: httpx.Response) -> dict[str, Any]:
    """An answer's JSON object; an empty one when it has none: proxies answer, too."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


@contextmanager
def _as_publish_error(owner: str, url: str) -> Iterator[None]:
    """A connection that fails is a `PublishError` that states what, where, and whether another try may help."""
    try:
        yield
    except (
        httpx.UnsupportedProtocol,
        httpx.LocalProtocolError,
        httpx.InvalidURL,
        OverflowError,
    ) as error:  # such as a port that is too large
        raise PublishError(f"{owner} at {url} cannot be asked ({error}): look at `urls` and `token`") from error
    except httpx.TooManyRedirects as error:
        raise PublishError(f"{owner} at {url} redirects for ever: look at `urls`") from error
    except httpx.RequestError as error:
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        what = f"{owner} at {url} does not answer ({reason}): publish again under the same id once it does"
        raise PublishError(what, transient=True) from error


def _paired(call: Call, receipts: Sequence[Receipt]) -> dict[int, Receipt]:
    asked, answered = len(call.positions), len(receipts)
    if asked != answered:
        what = f"{call.owner} answers {answered} results for {asked} events: publish again under the same ids"
        raise PublishError(what, transient=True)
    return dict(zip(call.positions, receipts, strict=True))


def _may_help(error: Exception) -> bool:
    return isinstance(error, PublishError) and error.transient


def _in_order(count: int, found: Mapping[int, Receipt]) -> list[Receipt]:
    return [found[position] for position in range(count)]


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """Where the services are, and the token that each request carries."""

    urls: dict[str, str]
    token: str | Callable[[], str]

    def url(self, owner: str) -> str:
        """Where events of a service are published."""
        if owner not in self.urls:
            raise PublishError(
                f"events of {owner} are published at {owner}, and its URL is not known: add it to `urls`"
            )
        return f"{self.urls[owner].rstrip('/')}/v1/events"

    def _bearer(self) -> dict[str, str]:
        token = (self.token if isinstance(self.token, str) else self.token()).strip()  # files end with a line end
        if not (token.isascii() and token.isprintable()):
            raise PublishError("the token has characters that no header may have: give it as it was issued")
        return {"authorization": f"Bearer {token}"} if token else {}

    def request(self, owner: str, body: bytes, *, dry_run: bool) -> dict[str, Any]:
        """What httpx is to build: events, one a line, for the service that owns them."""
        url = httpx.URL(self.url(owner))
        if (url.port or 0) > 65_535:
            raise httpx.InvalidURL(f"there is no port {url.port}")
        return {
            "method": "POST",
            "url": url,
            "params": {"dry_run": "true"} if dry_run else None,
            "content": body,
            "headers": {"content-type": _NDJSON} | self._bearer(),
        }


def _are_far(urls: Mapping[str, str]) -> bool:
    """Whether a proxy of the environment may lead to them: to services on this machine none does."""
    return not all(_host(url) in {"127.0.0.1", "::1", "localhost"} for url in urls.values())


def _host(url: str) -> str:
    """The host of a URL; empty when it is none, which the first request reports."""
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return ""


class HttpTransport:
    """Blocks. `urls` are the services by name; `token` is a bearer token, or gives one when it is called."""

    def __init__(
        self, urls: Mapping[str, str], token: str | Callable[[], str] = "", *, tries_max: int = 5, timeout_s: float = 10
    ) -> None:
        self.endpoints = _Endpoints(dict(urls), token)
        self.tries_max = tries_max
        self.client = httpx.Client(timeout=timeout_s, trust_env=_are_far(urls))

    def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send each service its messages; a copy that arrives twice has no second effect."""
        found: dict[int, Receipt] = {}
        for call in calls(messages):
            for attempt in stamina.retry_context(on=_may_help, attempts=self.tries_max, timeout=None):
                with attempt, _as_publish_error(call.owner, self.endpoints.url(call.owner)):
                    request = self.client.build_request(
                        **self.endpoints.request(call.owner, call.body, dry_run=dry_run)
                    )
                    found |= _paired(call, understood(self.client.send(request)))
        return _in_order(len(messages), found)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


class AsyncHttpTransport:
    """`HttpTransport` for asyncio. `urls` are the services by name; `token` is a bearer token, or gives one when it is called."""

    def __init__(
        self, urls: Mapping[str, str], token: str | Callable[[], str] = "", *, tries_max: int = 5, timeout_s: float = 10
    ) -> None:
        self.endpoints = _Endpoints(dict(urls), token)
        self.tries_max = tries_max
        self.client = httpx.AsyncClient(timeout=timeout_s, trust_env=_are_far(urls))

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send each service its messages; a copy that arrives twice has no second effect."""
        found: dict[int, Receipt] = {}
        for call in calls(messages):
            async for attempt in stamina.retry_context(on=_may_help, attempts=self.tries_max, timeout=None):
                with attempt, _as_publish_error(call.owner, self.endpoints.url(call.owner)):
                    request = self.client.build_request(
                        **self.endpoints.request(call.owner, call.body, dry_run=dry_run)
                    )
                    found |= _paired(call, understood(await self.client.send(request)))
        return _in_order(len(messages), found)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
