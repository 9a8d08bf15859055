"""The lanes of a service: one for each kind of command that it has a handler for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from lutong_chassis.commands.asked import Asked, Given, Outcome
from lutong_chassis.commands.batch import Batch, Committed, answer
from lutong_chassis.commands.lane import Lane
from lutong_chassis.database import Pool
from lutong_chassis.handlers import CommandHandler
from lutong_chassis.settings import Settings

_STOP_TIMEOUT_S: Final = 5.0


@dataclass(slots=True)
class Lanes:
    """Where the commands of a service go. `pool` raises a 503 problem while there is no database."""

    handlers: Mapping[type, CommandHandler[Any]]
    pool: Callable[[], Pool]
    after_commit: Callable[[], None]
    wake_job_queues: Callable[[set[str]], None]
    by_kind: dict[type, Lane] = field(default_factory=dict)

    async def ask(self, asked: Asked[object], settings: Settings) -> Given:
        """Have a command done together with others of its kind. Raises its refusal, or what went wrong."""
        self.pool()  # a command that comes before the database is ready is refused at once
        kind = type(asked.command)
        lane = self.by_kind.get(kind)
        if lane is None:
            lane = self.by_kind[kind] = self._lane(kind, settings)
        return await lane.ask(asked)

    async def stop(self) -> None:
        """Let batches in hand end, and refuse what waits."""
        await asyncio.gather(*(lane.stop(_STOP_TIMEOUT_S) for lane in self.by_kind.values()))
        self.by_kind.clear()

    def _lane(self, kind: type, settings: Settings) -> Lane:
        if kind not in self.handlers:
            raise TypeError(f"nothing handles {kind.__name__}: register a function with @handlers.on({kind.__name__})")
        run = partial(self._run, kind.__name__, self.handlers[kind])
        return Lane(kind.__name__, run, settings.command_batch_max, settings.command_wait_max_s)

    async def _run(
        self, kind: str, handler: CommandHandler[Any], commands: Sequence[Asked[object]]
    ) -> Sequence[Outcome]:
        committed = Committed()
        outcomes = await answer(self.pool(), Batch(kind, handler, commands), committed)
        if committed.published:
            self.after_commit()
        if committed.job_queues:
            self.wake_job_queues(set(committed.job_queues))
        return outcomes
