"""Runs: many parked records redriven or discarded one after the other, beside the pages that show how far they are.

They live in the memory of one process, as sessions do. What was done is in the audit of the service.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lutong_console.cli.errors import ConsoleError
from lutong_console.parked_records import Order, Result, carry_out
from lutong_console.targets import Suite
from lutong_console.web.live import frame

State = Literal["running", "through", "halted", "stopped", "silent"]
"""`halted`: at an error. `stopped`: by a person. `silent`: the service does not answer."""

_RUNS_MAX: Final = 100
_TIMEOUT_S: Final = 60.0
_FRAMES_EVERY_S: Final = 0.25


@dataclass(slots=True)
class Run:
    """What was asked for, and what became of each record so far."""

    id: str
    service: str
    order: Order
    ids: Sequence[int]
    target: Suite
    results: list[Result] = field(default_factory=list)
    state: State = "running"
    why: str = ""

    @property
    def settled(self) -> int:
        """Records that were settled, with those that waited behind them."""
        return sum(result.settled for result in self.results)

    @property
    def failed(self) -> list[Result]:
        """What failed."""
        return [result for result in self.results if result.error]


@dataclass(slots=True)
class Runs:
    """All runs of this console, the latest last."""

    _runs: dict[str, Run] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self, target: Suite, service: str, ids: Sequence[int], order: Order) -> Run:
        """Begin a run, as the person of `target`; of those that ended, the oldest are forgotten."""
        run = Run(secrets.token_urlsafe(8), service, order, ids, target)
        ended = [each for each, known in self._runs.items() if known.state != "running"]
        for each in ended[: max(0, len(self._runs) + 1 - _RUNS_MAX)]:
            del self._runs[each], self._tasks[each]
        self._runs[run.id] = run
        self._tasks[run.id] = asyncio.create_task(self._carry_out(run))
        return run

    def find(self, run_id: str) -> Run | None:
        """The run of this id, while it is remembered."""
        return self._runs.get(run_id)

    def stop(self, run: Run) -> None:
        """End a run behind the record that it is at."""
        if run.state == "running":
            run.state = "stopped"

    async def close(self) -> None:
        """End all runs; each finishes the record that it is at."""
        for run in self._runs.values():
            self.stop(run)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _carry_out(self, run: Run) -> None:
        try:
            async with run.target.client(_TIMEOUT_S) as client:
                url, is_wanted = run.target.urls[run.service], lambda: run.state == "running"
                async for result in carry_out(client, url, run.ids, run.order, is_wanted):
                    run.results.append(result)
        except ConsoleError as error:
            run.state, run.why = "silent", str(error)
            return
        if run.state == "running":
            run.state = "through" if len(run.results) == len(run.ids) else "halted"

    async def follow(self, run: Run) -> AsyncGenerator[bytes, None]:
        """Frames that show how far a run is, four a second at most, until it has ended."""
        while True:
            done = {"done": len(run.results), "settled": run.settled, "failed": len(run.failed), "state": run.state}
            yield frame("progress", done)
            if run.state != "running":
                return
            await asyncio.sleep(_FRAMES_EVERY_S)  # the pace of frames
