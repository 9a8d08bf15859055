"""Lanes: one per kind of command. Whatever waits while a batch runs is the next batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

from lutong_chassis import observe
from lutong_chassis.commands.asked import Asked, Claim, Given, Outcome
from lutong_chassis.commands.waiting import Waiter, Waiting
from lutong_chassis.problem import Problem

BATCH_BYTES_MAX: Final = 1_000_000
"""Bodies of one batch together, in bytes."""

Run = Callable[[Sequence[Asked[object]]], Awaitable[Sequence[Outcome]]]
"""Answers a batch: one outcome per command, in order."""


@dataclass(slots=True)
class Lane:
    """The commands of one kind, on their way through one transaction after the other.

    A command whose asker goes away (whose task is cancelled) while it waits is dropped; one whose batch has begun is
    done, and its answer is kept under its key.
    """

    kind: str
    run: Run
    commands_max: int
    wait_max_s: float
    waiting: Waiting = field(default_factory=Waiting)
    claimed: set[tuple[str, str]] = field(default_factory=set)
    """Scopes and keys of what waits or runs: the same once more is refused until there is an answer to repeat."""
    task: "asyncio.Task[None] | None" = None

    async def ask(self, asked: Asked[object]) -> Given:
        """Have a command done; gives its answer. Raises its refusal (`Problem`), or what went wrong."""
        claim = _claim(asked.claim)
        if claim in self.claimed:
            raise Problem(409, "in_progress", "a request with this Idempotency-Key is in progress: try again shortly")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Given] = loop.create_future()
        self.waiting.add(Waiter(asked, future, loop.time() + self.wait_max_s))
        if claim:
            self.claimed.add(claim)
            future.add_done_callback(lambda _: self.claimed.discard(claim))
        if self.task is None or self.task.done() or self.task.get_loop() is not loop:
            # A context of its own: a batch belongs to no single request.
            self.task = loop.create_task(self._work(), context=Context())
        return await future

    async def stop(self, timeout_s: float) -> None:
        """Let the batch in hand end, and refuse what waits."""
        for waiter in self.waiting.take(len(self.waiting), BATCH_BYTES_MAX * len(self.waiting)):
            _settle(waiter, Problem(503, "not_ready", "the service is stopping: ask another replica, or try again"))
        if self.task and not self.task.done():
            await asyncio.wait([self.task], timeout=timeout_s)
            self.task.cancel()

    async def _work(self) -> None:
        """Run batches until nothing waits."""
        await asyncio.sleep(0)  # what arrives in the same turn of the loop goes together
        while batch := self._next():
            observe.COMMAND_BATCH_SIZE.labels(self.kind).observe(len(batch))
            try:
                outcomes = await self.run([waiter.asked for waiter in batch])
            except BaseException:
                stopped = Problem(503, "unavailable", "the service stopped while it worked on this: try again shortly")
                outcomes = [stopped] * len(batch)
                raise
            finally:
                for waiter, outcome in zip(batch, outcomes, strict=True):
                    _settle(waiter, outcome)

    def _next(self) -> list[Waiter]:
        """The next batch, without what waited longer than anybody still waits for it."""
        now_s = asyncio.get_running_loop().time()
        while batch := self.waiting.take(self.commands_max, BATCH_BYTES_MAX):
            late = [waiter for waiter in batch if waiter.until_s < now_s]
            for waiter in late:
                _settle(waiter, Problem(503, "overloaded", f"this waited longer than {self.wait_max_s:g} s: try again"))
            if in_time := [waiter for waiter in batch if waiter.until_s >= now_s]:
                return in_time
        return []


def _claim(claim: Claim) -> tuple[str, str] | None:
    return (claim.scope, claim.key) if claim.key else None


def _settle(waiter: Waiter, outcome: Outcome) -> None:
    """Answer the caller, unless it is gone."""
    if waiter.future.done():
        return
    if isinstance(outcome, Given):
        waiter.future.set_result(outcome)
    else:
        waiter.future.set_exception(outcome)
