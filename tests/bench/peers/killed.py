"""Killing both services of a peer in the middle of a backlog, starting them again, and counting what came out."""

import asyncio
import signal
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from lutong_local.processes import stop
from tests.bench.peers.tally import Tally, read_into, reading
from tests.bench.runs import Run, databases, place

_QUIET_S: Final = 4.0
"""How long nothing more may come after the last order, to see what comes twice."""
_STUCK_S: Final = 40.0
"""When nothing came for so long, nothing will: four times what Kafka waits for a consumer that is gone."""


def killed(run: Run, orders: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Orders that never came out, and records that came once too often, after one `kill -9` of both services under way."""
    with databases(run):
        asyncio.run(place(run, orders))
        run.start(**environment)
        return asyncio.run(_through_a_kill(run, orders, environment))


async def _through_a_kill(run: Run, orders: int, environment: Mapping[str, str]) -> dict[str, Any]:
    tally, moved_at = Tally(), monotonic()
    async with reading(run) as consumer:
        while len(tally.by_order) < orders / 10:
            if await read_into(tally, consumer):
                moved_at = monotonic()
            run.must_move(moved_at, f"{len(tally.by_order)} of {orders} before it is killed")
        for child in run.children.values():
            stop(child, signal.SIGKILL)
        while await read_into(tally, consumer):
            pass  # what it had published until then
        seen = len(tally.by_order)
        run.start(**environment)
        moved_at, went_on_at, died_at = monotonic(), 0.0, monotonic()
        while monotonic() - moved_at < (_QUIET_S if len(tally.by_order) >= orders else _STUCK_S):
            if await read_into(tally, consumer):
                moved_at = monotonic()
                went_on_at = went_on_at or moved_at
    again_s = {"again_after_s": round(went_on_at - died_at, 1)} if went_on_at else {}
    return {"orders": orders, "killed_after": seen} | tally.against(orders) | again_s
