"""What is decided before a request is anybody's: how long its head may be, and whether there is room for it.

A refusal must cost next to nothing, or those who are refused take from those who are served. So it is
given here, where uvicorn would start a task: nothing waits, and one write says it.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from lutong_chassis import observe
from lutong_chassis.http.problems import Problem, answer
from lutong_chassis.request import request_id_of

HEAD_BYTES_MAX: Final = 64 * 1024
_ALWAYS_ANSWERED: Final = frozenset({"/livez", "/readyz", "/metrics"})
_REFUSAL: Final = answer(Problem(503, "overloaded", "too many requests at once: try again shortly"))
_REFUSAL_HEAD: Final = b"".join(
    (
        STATUS_LINE[503],
        *(name + b": " + value + b"\r\n" for name, value in _REFUSAL.raw_headers),
        b"lutong-request-id: ",
    )
)


class Front(HttpToolsProtocol):
    """uvicorn's protocol, but a head that does not end is refused, and so is a request that finds no room.

    Whoever waits in a queue that only grows is served too late to be glad of it. Health is always answered.
    `limit_concurrency` counts the requests in progress; uvicorn would count open connections too.
    """

    in_head = False
    head_bytes = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # whatever uvicorn gives its protocols
        super().__init__(*args, **kwargs)
        self.limit_concurrency = None  # what is configured is for us to look at

    def on_message_begin(self) -> None:
        """The parser's hook: a head begins."""
        self.in_head, self.head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser's hook: it has ended."""
        self.in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse; then count what came if it all belonged to a head that goes on."""
        super().data_received(data)
        if self.in_head and not self.transport.is_closing():
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_BYTES_MAX:
                self.send_400_response(f"The head of a request may have {HEAD_BYTES_MAX} bytes at most.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401  # uvicorn keeps its type of an application to itself
        """It is a request's turn: begin it if there is room."""
        requests_max = self.config.limit_concurrency
        full = requests_max is not None and len(self.tasks) >= requests_max
        if full and cycle.scope["path"] not in _ALWAYS_ANSWERED:
            self._refuse(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _refuse(self, cycle: RequestResponseCycle) -> None:
        """Answer, and let the rest of the request go by unread. A body that still waits for a word never comes."""
        observe.HTTP_REFUSED.inc()
        head = _REFUSAL_HEAD + request_id_of(cycle.scope["headers"]).encode() + b"\r\n\r\n"
        self.transport.write(head + (b"" if cycle.scope["method"] == "HEAD" else _REFUSAL.body))
        self.loop.call_soon(self._refused, cycle)

    def _refused(self, cycle: RequestResponseCycle) -> None:
        """Only now, out of the parser's hands, is it over: what came with it has queued up behind it, in order."""
        cycle.response_complete = True
        if cycle.waiting_for_100_continue or not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
