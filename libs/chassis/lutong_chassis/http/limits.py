"""Bounds on what comes in: requests of one principal, bytes of a body; and what goes out."""

import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from lutong_chassis.http.problems import SAFE_HEADERS, Problem, names_of
from lutong_chassis.request import Requested, request_id_of, serving

_PRINCIPALS_MAX: Final = 10_000


class SafeHeaders:
    """Put the safe headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add to the head of the answer what is not there yet."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _SAFE if pair[0] not in given)]
            await send(message)

        await self.app(scope, receive, with_headers)


class RequestIds:
    """Give every request an id: what its caller calls it, when that is well formed, or a new one.

    It is on the answer, as is the journey of a command, and in every log line that the request writes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request, and put its names on the head of the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = request_id_of(scope["headers"])

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                names = [(name.encode(), value.encode()) for name, value in names_of(state).items()]
                message["headers"] = [*message["headers"], *(pair for pair in names if pair[0] not in given)]
            await send(message)

        with bound_contextvars(request_id=request_id), serving(Requested(request_id)):
            await self.app(scope, receive, named)


_SAFE: Final = [(name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()]


class BodyLimit:
    """Refuse bodies over a limit, also when they come in chunks and say no length."""

    def __init__(self, app: ASGIApp, bytes_max: int) -> None:
        self.app = app
        self.bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received; more than the limit is a 413 problem."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.bytes_max:
                raise Problem(413, "too_large", f"a request body may have {self.bytes_max} bytes at most")
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)


class RateLimit:
    """A bucket of requests per principal: it holds a burst and refills at a steady rate.

    Those who were silent longest are forgotten first; to be forgotten is to have a full bucket again.
    """

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self.clock = clock
        self.buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, subject: str) -> float:
        """Take one request from a bucket: 0 when there was one, otherwise the seconds until there is."""
        now = self.clock()
        left, at = self.buckets.pop(subject, (float(self.burst), now))
        left = min(float(self.burst), left + (now - at) * self.rate_per_s)
        while len(self.buckets) >= _PRINCIPALS_MAX:
            del self.buckets[next(iter(self.buckets))]
        self.buckets[subject] = (left - 1 if left >= 1 else left), now
        return 0.0 if left >= 1 else (1 - left) / self.rate_per_s
