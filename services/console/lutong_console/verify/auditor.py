"""The verifier as a continuous auditor: it looks again and again, and shows what stayed broken between two looks."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_console.verify.collect import Watcher, collect
from lutong_console.verify.identities import Earlier, Findings, violations
from lutong_console.verify.violation import Violation

FIRST_AFTER_S: Final = 30.0
EVERY_S: Final = 300.0
_PAUSE_TIMES: Final = 10
"""A pause is so many times as long as the look before it took: a large suite is looked at less often."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Checked:
    """One look: when, how long it took, what it read, and what was broken then and at the look before."""

    at: datetime
    took_s: float
    records: int
    rows: int
    counts: Mapping[str, int]
    """By identity; one that is not here holds."""
    witnesses: tuple[Violation, ...]
    """The first of each identity."""
    is_first: bool
    """Nothing was looked at before: what holds across services is judged at the next look."""


class _StoppedError(Exception):
    """The auditor was closed while it looked."""


@dataclass
class _Stoppable(Watcher):
    """Ends a look between two batches or two identities."""

    stopping: threading.Event

    def advance(self, count: int) -> None:  # noqa: ARG002  # whatever it is
        """Read on, unless it is to stop."""
        if self.stopping.is_set():
            raise _StoppedError

    def judge(self, identity: str) -> None:  # noqa: ARG002  # whichever it is
        """Judge on, unless it is to stop."""
        self.advance(0)


@dataclass(slots=True)
class Auditor:
    """Looks at a suite until it is closed, in a thread of its own: judging takes a processor, and pages must not wait."""

    target: Suite
    first_after_s: float = FIRST_AFTER_S
    every_s: float = EVERY_S
    last: Checked | None = None
    failed: str | None = None
    """Why the last try to look gave nothing, if it did."""
    is_looking: bool = False
    _wanted: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)
    _earlier: Earlier | None = field(default=None, repr=False)

    async def run(self) -> None:
        """Look, pause, look again, until cancelled."""
        pause_s = self.first_after_s
        try:
            while True:
                await self._pause(pause_s)
                await self._try()
                pause_s = max(self.every_s, _PAUSE_TIMES * (self.last.took_s if self.last else 0))
        finally:
            self._stopping.set()

    def look_now(self) -> None:
        """Do not wait for the end of the pause."""
        self._wanted.set()

    async def _pause(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), pause_s)
        self._wanted.clear()

    async def _try(self) -> None:
        self.is_looking = True
        try:
            self.last = await asyncio.to_thread(lambda: asyncio.run(self._look()))
            self.failed = None
        except (OSError, KafkaError, asyncpg.PostgresError, sqlite3.Error) as error:
            self.failed = type(error).__name__
            log.warning("audit_failed", error=self.failed)
        except _StoppedError:
            pass
        finally:
            self.is_looking = False

    async def _look(self) -> Checked:
        """One look, compared with the one before; runs on a loop of its own."""
        began, at, watcher = time.monotonic(), datetime.now(UTC), _Stoppable(self._stopping)
        world = await collect(self.target, handled_types(), watcher=watcher)
        before, now = self._earlier, Earlier()
        try:
            found = now.noting(violations(world, watcher=watcher))
            findings = Findings.of((before or Earlier()).confirmed(found))
            self._earlier = now
            if before:
                before.close()
            return Checked(
                at,
                time.monotonic() - began,
                world.records,
                world.rows,
                dict(findings.counts),
                tuple(findings.witnesses),
                is_first=before is None,
            )
        finally:
            world.close()
