"""Talking to a suite on behalf of a replay: many requests at once, in batches, with progress for people."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lutong_console.cli.errors import ConsoleError
from lutong_console.cli.screen import err
from lutong_console.targets import Suite, call

_AT_ONCE: Final = 24
_QUIET_DEADLINE_S: Final = 180.0


@dataclass(frozen=True, slots=True)
class Session:
    """One replay: the suite it talks to, and a progress display for people."""

    client: httpx.AsyncClient
    target: Suite
    progress: Progress

    async def ask(self, service: str, method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON
        """Call a service."""
        return await call(self.client, method, f"{self.target.urls[service]}{path}", **arguments)

    async def each(
        self, what: str, items: Sequence[Any], act: Callable[[Any], Awaitable[Any]], at_once: int = _AT_ONCE
    ) -> list[Any]:
        """Act on every item, a bounded number at a time, in any order; gives the answers in order."""
        task = self.progress.add_task(what, total=len(items))
        authorizer = asyncio.Semaphore(at_once)

        async def one(item: Any) -> Any:  # noqa: ANN401  # whatever the caller has
            async with authorizer:
                answer = await act(item)
            self.progress.advance(task)
            return answer

        return await asyncio.gather(*(one(item) for item in items))

    async def until_quiet(self, what: str, remaining: Callable[[], Awaitable[int]]) -> None:
        """Wait until nothing remains; an error when nothing moves any more."""
        left = await remaining()
        task = self.progress.add_task(what, total=left)
        moved_at = time.monotonic()
        while left:
            await asyncio.sleep(0.1)  # a poll of the condition above
            now = await remaining()
            if now != left:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > _QUIET_DEADLINE_S:
                raise ConsoleError(f"{what}: {left} do not move any more", then="lutong parked list")
            left = now
            self.progress.update(task, completed=(self.progress.tasks[task].total or 0) - left)


@asynccontextmanager
async def session_with(target: Suite) -> AsyncIterator[Session]:
    """A session for as long as the block lasts."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        async with target.client(60, _AT_ONCE) as client:
            yield Session(client, target, progress)
