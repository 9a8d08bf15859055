"""One write per answer: the head of an answer waits for its body, as long as the loop does not turn."""

import asyncio
from typing import Any


class OneWrite:
    """A connection as uvicorn's cycle of one request sees it: what is written first waits for what is written next.

    uvicorn writes the head and the body of an answer apart. On loopback each write is a tenth of what a small request costs.
    An answer that has no body, or that is written piece by piece, does not wait: its head goes when the loop turns.

        cycle.transport = OneWrite(self.transport, self.loop)
    """

    __slots__ = ("held", "loop", "transport", "used")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.loop = loop
        self.held = b""
        self.used = False

    def write(self, data: bytes) -> None:
        """Write, after what is held; hold the first."""
        if self.used:
            held, self.held = self.held, b""
            self.transport.write(held + data if held else data)
        else:
            self.used, self.held = True, data
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is held."""
        if self.held:
            held, self.held = self.held, b""
            self.transport.write(held)

    def close(self) -> None:
        """Close, after what is held is written."""
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever else a transport has
        return getattr(self.transport, name)
