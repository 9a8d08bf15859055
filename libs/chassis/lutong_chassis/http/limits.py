"""Limits on requests (rate per principal, size and duration of bodies), and headers on every answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_network
from types import TracebackType
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, unbind_contextvars

from lutong_chassis import observe
from lutong_chassis.http.problems import SAFE_HEADERS, names_of
from lutong_chassis.problem import Problem
from lutong_chassis.request import Requested, request_id_of, serving

_PRINCIPALS_MAX: Final = 10_000
_MINUTE_S: Final = 60.0


_SAFE: Final = [(name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()]


class RequestIds:
    """Gives every request an id: that of the caller's `Lutong-Request-Id` when it is well formed, otherwise a new one.

    The answer has it, with the journey of a command and the security headers, and so has every log line of the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the id of the request, and add to the answer the headers that it does not have yet."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = request_id_of(scope["headers"])

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                names = [(name.encode(), value.encode()) for name, value in names_of(state).items()]
                message["headers"] = [
                    *message["headers"], *(pair for pair in (*_SAFE, *names) if pair[0] not in given)
                ]  # fmt: skip
            await send(message)

        bind_contextvars(request_id=request_id)
        try:
            with serving(Requested(request_id)):
                await self.app(scope, receive, named)
        finally:
            unbind_contextvars("request_id", "route", "subject", "journey")


class HeadAsGet:
    """Answers HEAD like GET, without the body (RFC 9110 9.3.2), on every route that has GET."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the GET, and send the head of its answer only."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app(dict(scope) | {"method": "GET"}, receive, without_body)


class BodyLimit:
    """Refuses bodies over a limit, also in chunks without a length, and bodies that take too long."""

    def __init__(self, app: ASGIApp, bytes_max: int, timeout_s: float) -> None:
        self.app = app
        self.bytes_max = bytes_max
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes received: more than the limit is a 413 problem, later than the deadline a 408 problem.

        The deadline is for the whole body, from when it is first read. The rest is not waited for.
        """
        received, deadline, complete = 0, 0.0, False

        async def counted() -> Message:
            nonlocal received, deadline, complete
            if complete:
                return await receive()
            deadline = deadline or asyncio.get_running_loop().time() + self.timeout_s
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                detail = f"a request body has {self.timeout_s:g} s to arrive, and {received} bytes of it did"
                raise Problem(408, "slow_body", detail, {"connection": "close"}) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self.bytes_max:
                raise Problem(413, "too_large", f"a request body may have {self.bytes_max} bytes at most")
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)


_PROMPT_S: Final = 0.25
"""Most bodies are here by then: a client that writes a head and its body apart is no slow sender."""

_PROMPT_FACTOR: Final = 3


class Arrivals:
    """Bounds the request bodies that are still arriving, by principal: a slow sender of many is refused the next.

    A body that is not whole after `_PROMPT_S` needs one of `bodies_max` places; three times as many may arrive at once.
    One that has arrived is not counted: the duration of its request is the service's, not the sender's.
    """

    def __init__(self, bodies_max: int) -> None:
        self.bodies_max = bodies_max
        self.arriving: Counter[str] = Counter()
        self.late: Counter[str] = Counter()

    def one_of(self, identity: str) -> "_Arrival":
        """Let a body of a principal arrive, in an `async with`: a 429 problem when no place is left for it, or when it is late."""
        return _Arrival(self, identity)

    def refusal(self) -> Problem:
        """The problem of a body without a place."""
        observe.HTTP_DENIED.labels("too_many_bodies").inc()
        detail = f"{self.bodies_max} request bodies of yours are still arriving: finish one before the next"
        return Problem(429, "too_many_bodies", detail, {"retry-after": "1"})


class _Arrival:
    """One body on its way. Once it is late it holds a place, or its patience ends."""

    __slots__ = ("_among", "_due", "_holds", "_identity", "_patience")

    def __init__(self, among: Arrivals, identity: str) -> None:
        self._among, self._identity, self._holds = among, identity, False

    async def __aenter__(self) -> None:
        if self._among.arriving[self._identity] >= _PROMPT_FACTOR * self._among.bodies_max:
            raise self._among.refusal()
        self._among.arriving[self._identity] += 1
        self._patience = asyncio.timeout(None)
        await self._patience.__aenter__()
        self._due: asyncio.Handle = asyncio.get_running_loop().call_later(_PROMPT_S, self._look_once_more)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._due.cancel()
        _less(self._among.arriving, self._identity)
        if self._holds:
            _less(self._among.late, self._identity)
        try:
            await self._patience.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._among.refusal() from None

    def _look_once_more(self) -> None:
        """What has arrived while this process was busy is read first."""
        self._due = asyncio.get_running_loop().call_soon(self._take_place)

    def _take_place(self) -> None:
        if self._among.late[self._identity] >= self._among.bodies_max:
            self._patience.reschedule(asyncio.get_running_loop().time())
        else:
            self._among.late[self._identity] += 1
            self._holds = True


def _less(counts: Counter[str], identity: str) -> None:
    """One less; a principal with none is forgotten."""
    counts[identity] -= 1
    if not counts[identity]:
        del counts[identity]


class Lines:
    """A rate limit for log lines that unauthenticated requests cause: per minute, network and reason; the rest are counted.

    A network is an IPv4 address, or the first 64 bits of an IPv6 address: its holder chooses the rest.
    """

    def __init__(self, lines_max: int = 5, clock: Callable[[], float] = time.monotonic) -> None:
        self.lines_max = lines_max
        self.clock = clock
        self.minutes: dict[tuple[str, str], tuple[float, int]] = {}

    def suppressed(self, address: str, kind: str) -> int | None:
        """How many lines were suppressed before this one; None when this one must be suppressed, too."""
        now, key = self.clock(), (_network(address), kind)
        began, count = self.minutes.pop(key, (now, 0))
        left_out = max(0, count - self.lines_max)
        if now - began >= _MINUTE_S:
            began, count = now, 0
        while len(self.minutes) >= _PRINCIPALS_MAX:
            del self.minutes[next(iter(self.minutes))]
        self.minutes[key] = began, count + 1
        if count >= self.lines_max:
            return None
        return left_out if count == 0 else 0


def _network(address: str) -> str:
    """The part of an address that its holder cannot choose."""
    if ":" not in address:
        return address
    try:
        return str(ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address


class RateLimit:
    """A bucket of requests per principal: it holds a burst and refills at a steady rate.

    The principals that were idle longest are evicted first; after that they have a full bucket again.
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
