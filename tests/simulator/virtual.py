"""Virtual time: an event loop in which nothing waits, and processes that may be paused or die between two steps.

What is ready runs in the order in which it became so, and timers move the clock. Nothing here is random and nothing asks the
machine for the time, so the same schedule runs in the same way each time.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final, NoReturn, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

EPOCH_S: Final = 1_800_000_000.0
"""What a wall clock shows when a schedule begins."""
_RESOLUTION_S: Final = 1e-9
_TURNS_MAX: Final = 50_000
"""Turns of the loop at one moment: a schedule takes some dozens."""


class StandstillError(RuntimeError):
    """Time cannot go on: what is waited for never comes, or something is ready again and again."""


class CrashedError(asyncio.CancelledError):
    """The process of this task is dead: whatever it would do now does not happen."""


class _Timer(asyncio.TimerHandle):
    """A timer whose place among the others is a tuple: comparing handles was the largest part of a schedule's own work."""

    __slots__ = ()

    def cancel(self) -> None:
        """As of any handle; the loop passes over it when its time comes."""
        asyncio.Handle.cancel(self)


_Entry: TypeAlias = "tuple[float, int, _Timer | asyncio.Future[None], Callable[[Any], None]]"
"""When, which of that moment, what, and what becomes of it then."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop, with a number for a clock. It knows to which process each task belongs."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.owners: WeakKeyDictionary[asyncio.Task[Any], Process] = WeakKeyDictionary()
        self._timers: list[_Entry] = []
        self._made = 0
        self._turns = 0
        self.set_task_factory(self._make)

    def time(self) -> float:
        return self.now_s

    def call_at(  # type: ignore[override]  # asyncio's types say what each argument is
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Timer:
        """Set a timer. Those of one moment come in the order in which they were set."""
        timer = _Timer(when, callback, args, self, context)
        self._set(when, timer, self._ready.append)  # type: ignore[attr-defined]  # of asyncio's loop
        return timer

    def call_later(  # type: ignore[override]  # the same
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Timer:
        """The same, after a time."""
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def call_soon(  # type: ignore[override]  # the same
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's own, without what it looks for in its debug mode."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # of asyncio's loop
        return handle

    def sleep(self, delay_s: float) -> "asyncio.Future[None]":
        """As `asyncio.sleep`, for what a schedule does most: nothing but a future and its place among the timers."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self._set(self.now_s + delay_s, future, wake)
        return future

    def _set(self, when_s: float, what: "_Timer | asyncio.Future[None]", then: Callable[[Any], None]) -> None:
        self._made += 1
        heappush(self._timers, (when_s, self._made, what, then))

    def _run_once(self) -> None:
        """One turn, as asyncio's own: what is ready runs; when nothing is, the clock goes to the next timer."""
        ready, timers = self._ready, self._timers  # type: ignore[attr-defined]  # of asyncio's loop
        self._turns += 1
        if self._turns > _TURNS_MAX:
            self._turns = 0  # the end of the schedule has turns of its own
            raise StandstillError(f"something is ready again and again at {self.now_s:.3f}, and no time passes")
        if not ready and not self._stopping:  # type: ignore[attr-defined]  # the same
            self._pass_time()
        while timers and timers[0][0] < self.now_s + _RESOLUTION_S:
            _when, _number, timer, then = heappop(timers)
            if not timer.cancelled():
                then(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _pass_time(self) -> None:
        """Go to the moment of the next timer that was not cancelled."""
        while self._timers and self._timers[0][2].cancelled():
            heappop(self._timers)
        if not self._timers:
            raise StandstillError("nothing is ready and no timer is set")
        if self._timers[0][0] > self.now_s:
            self.now_s, self._turns = self._timers[0][0], 0

    def process(self) -> "Process | None":
        """The process whose code runs now. Tasks belong to that of the task, or of the context, that makes them."""
        task = asyncio.current_task(self)
        return (self.owners.get(task) if task else None) or _current.get()

    def _make(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T] | Generator[Any, None, T], **given: Any
    ) -> "asyncio.Task[T]":
        context: Context | None = given.get("context")
        owner = (context.get(_current) if context else None) or self.process()
        task: asyncio.Task[T] = asyncio.Task(coro, loop=loop, **given)
        if owner:
            self.owners[task] = owner
            owner.tasks[task] = None
            task.add_done_callback(owner.ended)
        return task

    def _write_to_self(self) -> None:
        """Nobody waits to be woken."""


def wake(sleeper: "asyncio.Future[None]") -> None:
    """End a sleep, if nothing else has."""
    if not sleeper.done():
        sleeper.set_result(None)


_current: ContextVar["Process | None"] = ContextVar("process", default=None)


@dataclass(slots=True, eq=False)
class Process:
    """One process of a service: it may be paused and it may die. `steps` counts what it asked of the world."""

    name: str
    loop: VirtualLoop
    rng: random.Random
    alive: bool = True
    dies_at_step: int | None = None
    steps: int = 0
    slow_until_s: float = 0.0
    resumes_at_s: float = 0.0
    tasks: "dict[asyncio.Task[Any], None]" = field(default_factory=dict)
    kit: Any = None
    """What its clients of Kafka are made of: a broker, and faults."""
    ends: list[Any] = field(default_factory=list)
    """What the world does when it dies: its connections are closed, for example."""

    def spawn(self, coro: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run something in this process."""
        context = Context()
        context.run(_current.set, self)
        return self.loop.create_task(coro, context=context)

    def ended(self, task: "asyncio.Task[Any]") -> None:
        """A task of it came to its end."""
        self.tasks.pop(task, None)

    async def step(self, longest_s: float) -> None:
        """Before each thing that it asks of the world: time passes. It may be paused here, and it may die here."""
        self.check()
        self.steps += 1
        if self.steps == self.dies_at_step:
            self.die()
        if self.loop.now_s < self.slow_until_s:
            longest_s *= 100
        await self.loop.sleep(longest_s * self.rng.random() ** 2)
        while self.alive and self.loop.now_s < self.resumes_at_s:  # noqa: ASYNC110  # it may be paused again meanwhile
            await asyncio.sleep(self.resumes_at_s - self.loop.now_s)
        self.check()

    def check(self) -> None:
        """Raise in the tasks of a dead process: they clean up, and nothing of it happens."""
        if not self.alive:
            raise CrashedError

    def die(self) -> NoReturn:
        """Die in the middle of its own code."""
        self.kill()
        raise CrashedError

    def kill(self) -> None:
        """Die now, as by SIGKILL."""
        self.alive = False
        for end in self.ends:
            end()
        for task in list(self.tasks):
            task.cancel()
