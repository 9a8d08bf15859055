"""A bound on the head of a request. uvicorn's fast parser has none, and a head is read before anybody is asked who they are."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 64 * 1024


class BoundedHead(HttpToolsProtocol):
    """uvicorn's protocol, but a head that does not end is refused and its connection closed."""

    in_head = False
    head_bytes = 0

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
