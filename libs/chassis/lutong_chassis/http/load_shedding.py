"""Load shedding, before a request is authenticated: a limit on the size of its head, and on requests in progress.

A refusal must be cheap, or refused requests take capacity from admitted ones. So it is answered here, where
uvicorn would start a task: without waiting, with one write.
"""

from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from lutong_chassis import observe
from lutong_chassis.http.one_write import OneWrite
from lutong_chassis.http.problems import answer
from lutong_chassis.problem import Problem
from lutong_chassis.request import request_id_of

HEAD_BYTES_MAX: Final = 64 * 1024
WATCHED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""What is asked every few seconds, whether a service is well: always answered, and in no trace."""
_OPERATIONS: Final = "/operations/"
OPERATORS_MAX: Final = 8
"""Requests of operators above the limit: who looks for the cause gets in when everything is full."""
IDLE_S: Final = 150
"""An idle connection stays open longer than clients keep theirs (httpx 5 s, nginx 60 s, Caddy 120 s): who closes first is
the client, and no request meets a connection that is just being closed."""
_HEAD_TOO_LONG: Final = f"the head of a request may have {HEAD_BYTES_MAX} bytes at most"
_NOT_HTTP: Final = "this is not HTTP/1.1 as RFC 9112 has it: the connection is closed"


def _written(problem: Problem) -> tuple[bytes, bytes]:
    """A problem as bytes on the wire: its head and its body."""
    response = answer(problem)
    fields = (name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return b"".join((STATUS_LINE[problem.status], *fields)), bytes(response.body)


_REFUSAL_HEAD, _REFUSAL_BODY = _written(Problem(503, "overloaded", "too many requests at once: try again shortly"))


class _TooLongError(ValueError):
    """A head that is complete and too long."""


class LoadSheddingProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits: it refuses a head that does not end, and a request above `limit_concurrency`.

    Queued requests would be answered after their callers have given up. Health checks are always answered,
    and a few requests to `/operations/` have room of their own.
    `limit_concurrency` counts the requests in progress; uvicorn would count open connections too.
    """

    answer: OneWrite | None = None
    in_head = False
    head_bytes = 0
    silent_bytes = 0
    """Bytes since the last callback of the parser: of one header or trailer that does not end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # uvicorn's arguments for protocols
        super().__init__(*args, **kwargs)
        self.limit_concurrency = None  # the limit is applied in `_start_asgi_task`
        self.timeout_keep_alive = IDLE_S

    def on_message_begin(self) -> None:
        """The parser's hook: a head begins."""
        self.in_head, self.head_bytes, self.silent_bytes = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """The parser's hook: a piece of the target."""
        self.head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's hook: a header, or a trailer. Trailers are dropped (RFC 9110 6.5.1): they come after the decision."""
        self.silent_bytes = 0
        if self.in_head:
            self.head_bytes += len(name) + len(value) + 4
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The parser's hook: the head has ended. What is raised here stops the parser."""
        if self.head_bytes > HEAD_BYTES_MAX:
            raise _TooLongError
        self.in_head, self.silent_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The parser's hook: a piece of the body."""
        self.silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's hook: the request is here."""
        self.silent_bytes = 0
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse; close when it is not HTTP, or a head or a trailer that does not end."""
        self._unset_keepalive_if_required()
        self.silent_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # a server may ignore an upgrade: the connection stays HTTP/1.1
        except httptools.HttpParserError as error:
            self.send_400_response(_HEAD_TOO_LONG if isinstance(error.__context__, _TooLongError) else _NOT_HTTP)
        else:
            if max(self.silent_bytes, self.head_bytes) > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.send_400_response(_HEAD_TOO_LONG)

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem and close: where the next request would begin is unknown."""
        observe.HTTP_MALFORMED.inc()
        head, body = _written(Problem(400, "malformed", msg, {"connection": "close"}))
        self.transport.write(head + b"\r\n" + body)
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401  # uvicorn does not export the type
        """The hook of uvicorn: a request is next. Start it when fewer than the limit are in progress."""
        path, requests_max = cycle.scope["path"], self.config.limit_concurrency
        reserved = OPERATORS_MAX if path.startswith(_OPERATIONS) else 0
        full = requests_max is not None and len(self.tasks) >= requests_max + reserved
        if full and path not in WATCHED:
            self._refuse(cycle)
        else:
            self.answer = OneWrite(self.transport, self.loop)
            cycle.transport = self.answer  # type: ignore[assignment]  # has what a cycle uses of a transport
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """The hook of uvicorn: an answer is written. What of it is held goes before the answer to the next request."""
        if self.answer:
            self.answer.flush()
        super().on_response_complete()

    def _refuse(self, cycle: RequestResponseCycle) -> None:
        """Answer 503, and skip the rest of the request. A client that waits for `100 Continue` sends no body."""
        observe.HTTP_REFUSED.inc()
        observe.HTTP_FAILED.inc()
        head = _REFUSAL_HEAD + b"lutong-request-id: " + request_id_of(cycle.scope["headers"]).encode() + b"\r\n\r\n"
        self.transport.write(head + (b"" if cycle.scope["method"] == "HEAD" else _REFUSAL_BODY))
        self.loop.call_soon(self._refused, cycle)

    def _refused(self, cycle: RequestResponseCycle) -> None:
        """End the cycle outside of the parser's callback: pipelined requests are queued behind it, in order."""
        cycle.response_complete = True
        if cycle.waiting_for_100_continue or not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
