"""Over HTTP: `POST /v1/events` at the service that owns an event's topic. Tried again while that can help."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import stamina

from lutong_client.message import Message, PublishError, Receipt

_BATCH_MAX: Final = 500
_BATCH_BYTES_MAX: Final = 200_000
_NDJSON: Final = "application/x-ndjson"

Call = tuple[str, list[int], bytes]
"""The service, the positions of its messages, and the body with their documents, one a line."""


def calls(messages: Sequence[Message]) -> list[Call]:
    """Which service gets which messages, in order, in portions that it takes."""
    open_calls: dict[str, tuple[list[int], list[bytes]]] = {}
    full: list[Call] = []
    for position, each in enumerate(messages):
        owner, document = each.event.topic.owner, each.document
        positions, lines = open_calls.setdefault(owner, ([], []))
        if lines and (len(lines) == _BATCH_MAX or sum(map(len, lines)) + len(document) > _BATCH_BYTES_MAX):
            full.append((owner, positions, b"\n".join(lines)))
            positions, lines = open_calls[owner] = [], []
        positions.append(position)
        lines.append(document)
    return full + [(owner, positions, b"\n".join(lines)) for owner, (positions, lines) in open_calls.items()]


def understood(answer: httpx.Response) -> list[Receipt]:
    """The receipts of an answer; `PublishError` when the service took none at all."""
    if answer.status_code == 200:
        return [Receipt.of(result) for result in answer.json()["results"]]
    problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    what = f"{answer.request.url.host} answers {answer.status_code}: {problem.get('detail', answer.reason_phrase)}"
    raise PublishError(what, transient=answer.status_code in {409, 429} or answer.status_code >= 500)


def _may_help(error: Exception) -> bool:
    return isinstance(error, httpx.TransportError) or (isinstance(error, PublishError) and error.transient)


def _in_order(count: int, found: Mapping[int, Receipt]) -> list[Receipt]:
    return [found[position] for position in range(count)]


@dataclass(frozen=True, slots=True)
class _Doors:
    """Where the services are, and who knocks."""

    urls: dict[str, str]
    token: str | Callable[[], str]

    def request(self, owner: str, body: bytes, *, dry_run: bool) -> dict[str, Any]:
        """What httpx is to build: events, one a line, for the service that owns them."""
        if owner not in self.urls:
            raise PublishError(
                f"events of {owner} are published at {owner}, and its URL is not known: add it to `urls`"
            )
        bearer = self.token if isinstance(self.token, str) else self.token()
        return {
            "method": "POST",
            "url": f"{self.urls[owner].rstrip('/')}/v1/events",
            "params": {"dry_run": "true"} if dry_run else None,
            "content": body,
            "headers": {"content-type": _NDJSON} | ({"authorization": f"Bearer {bearer}"} if bearer else {}),
        }


class HttpTransport:
    """Blocks. `urls` are the services by name; `token` is a bearer token, or gives one when it is called."""

    def __init__(
        self, urls: Mapping[str, str], token: str | Callable[[], str] = "", *, tries_max: int = 5, timeout_s: float = 10
    ) -> None:
        self.doors = _Doors(dict(urls), token)
        self.tries_max = tries_max
        self.client = httpx.Client(timeout=timeout_s)

    def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send each service its messages; a copy that arrives twice has no second effect."""
        found: dict[int, Receipt] = {}
        for owner, positions, body in calls(messages):
            for attempt in stamina.retry_context(on=_may_help, attempts=self.tries_max, timeout=None):
                with attempt:
                    request = self.client.build_request(**self.doors.request(owner, body, dry_run=dry_run))
                    found |= zip(positions, understood(self.client.send(request)), strict=True)
        return _in_order(len(messages), found)

    def close(self) -> None:
        """Let go of connections."""
        self.client.close()


class AsyncHttpTransport:
    """Awaits. `urls` are the services by name; `token` is a bearer token, or gives one when it is called."""

    def __init__(
        self, urls: Mapping[str, str], token: str | Callable[[], str] = "", *, tries_max: int = 5, timeout_s: float = 10
    ) -> None:
        self.doors = _Doors(dict(urls), token)
        self.tries_max = tries_max
        self.client = httpx.AsyncClient(timeout=timeout_s)

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send each service its messages; a copy that arrives twice has no second effect."""
        found: dict[int, Receipt] = {}
        for owner, positions, body in calls(messages):
            async for attempt in stamina.retry_context(on=_may_help, attempts=self.tries_max, timeout=None):
                with attempt:
                    request = self.client.build_request(**self.doors.request(owner, body, dry_run=dry_run))
                    found |= zip(positions, understood(await self.client.send(request)), strict=True)
        return _in_order(len(messages), found)

    async def close(self) -> None:
        """Let go of connections."""
        await self.client.aclose()
