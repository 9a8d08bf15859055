"""When orders arrive: at a steady rate, and on a machine that cannot serve that rate, as fast as it serves them.

A machine at half the speed would else serve each order a minute and a half late: behind the end of every term, so that
nothing that ends with a term is ever reached, and the run is invalid. How many were placed is in a file, so that faults
come as late as orders do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.chaos_world import Client

PLACED: Final = "placed"
"""The file in the stack's directory."""

_OPEN_S: Final = 20.0
"""So many seconds of arrivals are open at most."""
_LOOK_S: Final = 0.25


@dataclass(slots=True)
class Arrivals:
    """Orders that viewers place at `rate` a second."""

    client: Client
    rate: float
    placed: Path
    unanswered: int = 0
    unserved: int = 0
    room: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, orders: int, place: Callable[[int], Awaitable[None]]) -> None:
        """Place them all, and wait until each has its answer. One does not wait for the answer of another."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        async with asyncio.TaskGroup() as placing:
            for number in range(orders):
                await asyncio.sleep(at - loop.time())
                await self.room.wait()
                at = max(at + 1 / self.rate, loop.time())
                self._count(self.unanswered + 1, self.unserved)
                placing.create_task(self._answered(place(number)))
                self.placed.write_text(str(number + 1))

    async def _answered(self, order: Awaitable[None]) -> None:
        try:
            await order
        finally:
            self._count(self.unanswered - 1, self.unserved)

    async def watch(self, done: asyncio.Event) -> None:
        """Look how many of them are not served yet; when nobody answers, they are as many as before."""
        while not done.is_set():
            summary = await self.client.ask("feed", "/v1/summary")
            if summary:
                requests = summary["requests"]
                self._count(self.unanswered, requests.get("requested", 0) + requests.get("sourced", 0))
            await asyncio.sleep(_LOOK_S)  # the rhythm of the looks

    def _count(self, unanswered: int, unserved: int) -> None:
        self.unanswered, self.unserved = unanswered, unserved
        if self.unanswered + self.unserved < self.rate * _OPEN_S:
            self.room.set()
        else:
            self.room.clear()


def share_placed(placed: Path, orders: int) -> float:
    """How much of the orders was placed, of 1."""
    try:
        return int(placed.read_text()) / orders
    except (FileNotFoundError, ValueError):  # none yet; or it is being written
        return 0.0
