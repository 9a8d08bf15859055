"""One stream of server-sent events for each open page: what changed, a few times a second at most, never a backlog."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

import orjson

from lutong_console import pipeline
from lutong_console.pipeline import Sampler, Window
from lutong_console.targets import Suite

SAMPLE_EVERY_S: Final = 2.0
_HEARTBEAT_S: Final = 15.0


@dataclass(slots=True)
class Live:
    """The window of the suite, sampled for all pages together; a page that is slow gets the newest state only."""

    target: Suite
    window: Window = field(default_factory=Window)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)
    _count: int = 0
    _closed: bool = False

    async def run(self) -> None:
        """Sample until cancelled."""
        sampler = Sampler(self.target)
        while True:
            self.window.add(await sampler.sample())
            async with self._changed:
                self._count += 1
                self._changed.notify_all()
            await asyncio.sleep(SAMPLE_EVERY_S)

    async def first(self) -> Window:
        """The window, once it has a sample."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._count > 0)
        return self.window

    async def close(self) -> None:
        """End all streams."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def strips(self) -> AsyncGenerator[bytes, None]:
        """Frames with all strips, one for each sample; a comment while nothing changes keeps the connection open."""
        seen = 0
        while not self._closed:
            try:
                async with asyncio.timeout(_HEARTBEAT_S), self._changed:
                    await self._changed.wait_for(lambda: self._closed or self._count != seen)  # noqa: B023  # read at once
            except TimeoutError:
                yield b": still here\n\n"
                continue
            seen = self._count
            yield frame("strips", [pipeline.as_json(strip) for strip in self.window.strips])


def frame(event: str, data: object) -> bytes:
    r"""One server-sent event.

    >>> frame("strips", [1])
    b'event: strips\ndata: [1]\n\n'
    """
    return b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(data, default=str))
