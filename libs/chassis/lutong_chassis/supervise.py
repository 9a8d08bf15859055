"""Loops that are to run as long as the process: one that ends or fails is logged, counted and started again.

A loop needs no error handling of its own. It raises, and it begins anew from what is in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, NoReturn

import structlog

from lutong_chassis import observe
from lutong_chassis.database import pause_before_retry
from lutong_chassis.errors import ErrorClass, StrayCancellationError, classify
from lutong_chassis.parking import summarise_error

log = structlog.get_logger(__name__)

_STEADY_S: Final = 5.0
"""A loop that ran for this long works: what ends it then is the first failure of a new row."""


class EndedError(Exception):
    """A loop that is to run for ever came to its end."""


@contextmanager
def cancelled_by_us() -> Iterator[None]:
    """Raise `StrayCancellationError` in place of a cancellation that nobody asked of this task.

    A library that cancels a task of its own and waits for it may let its end out, as aiokafka does at times when it closes. Taken
    for ours, that would end a loop for good, or the process, and no handler of errors would see it.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise StrayCancellationError("a task was cancelled that was not ours") from error


@dataclass(slots=True)
class _Fault:
    """Since when a loop has failed again and again by its own fault, how it failed last, and when it began after that."""

    since_s: float
    what: str
    began_s: float | None = None


@dataclass(slots=True)
class Loops:
    """The loops of one process, and which of them fail by a fault of ours. What passes by itself is no fault."""

    retry_delay_max_s: float
    stuck_after_s: float
    """How long a loop may fail by a fault of ours before a restart of the process is worth a try."""
    _faults: dict[str, _Fault] = field(default_factory=dict)

    async def supervised(self, name: str, run: Callable[[], Awaitable[object]]) -> NoReturn:
        """Run a loop for ever: after an end or an error, again with backoff. Only a cancellation ends it."""
        attempt = 0
        observe.LOOP_RESTARTS.labels(name)
        while True:
            began_s = monotonic()
            if fault := self._faults.get(name):
                fault.began_s = began_s
            try:
                await _without_end(run)
            except Exception as error:
                attempt = 0 if monotonic() - began_s > _STEADY_S else attempt
                self._note(name, error, attempt)
            observe.LOOP_RESTARTS.labels(name).inc()
            await pause_before_retry(attempt, self.retry_delay_max_s)
            attempt += 1

    def failing(self) -> dict[str, str]:
        """Loops that do not work by a fault of ours, with how each failed last."""
        return {name: fault.what for name, fault in self._faults.items() if not self._recovered(name)}

    @property
    def stuck(self) -> str | None:
        """Why the process should be restarted, if it should: a loop that fails for too long, try after try."""
        for name, what in self.failing().items():
            failed_s = monotonic() - self._faults[name].since_s
            if failed_s > self.stuck_after_s:
                return f"{name} fails again and again for {failed_s:.0f} s: {what}"
        return None

    def _note(self, name: str, error: Exception, attempt: int) -> None:
        error_class = classify(error)
        write = log.warning if error_class in {ErrorClass.WAITS, ErrorClass.RECONNECTS} else log.error
        write("loop_failed", loop=name, error=summarise_error(error), error_class=error_class, attempt=attempt)
        if error_class not in {ErrorClass.EVENT, ErrorClass.OURS}:
            self._faults.pop(name, None)
            return
        before = self._faults.get(name)
        since_s = before.since_s if before and not self._recovered(name) else monotonic()
        self._faults[name] = _Fault(since_s, summarise_error(error))

    def _recovered(self, name: str) -> bool:
        began_s = self._faults[name].began_s
        return began_s is not None and monotonic() - began_s > _STEADY_S


async def _without_end(run: Callable[[], Awaitable[object]]) -> NoReturn:
    with cancelled_by_us():
        await run()
    raise EndedError


async def stop(tasks: "list[asyncio.Task[NoReturn]]") -> None:
    """End loops, and wait for their ends."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
