"""A service that is quiet: it answers, and publishes and consumes nothing, until an operator resumes it.

After a restore the databases are of an hour that is past, and Kafka is new. What the outbox has is queued again before the service
starts; a deadline that fell due first would come before it. So nothing is published while the table `quiet` has an open row.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn, TypeVar

import structlog

from lutong_chassis.database import Pool, Tx, transaction

log = structlog.get_logger(__name__)

_LOOK_INTERVAL_S: Final = 0.5

R = TypeVar("R")


@dataclass(slots=True)
class Quiet:
    """Whether this process is quiet. `watch`, supervised, looks; everything that publishes or consumes waits for `over`."""

    pool: Pool
    since: datetime | None = None
    """Since when, or None: it is not, or that is not known yet."""
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> NoReturn:
        """Look until it is over. It does not begin while a process runs: who makes it begin stops the services first."""
        while not self._over.is_set():
            async with transaction(self.pool, readonly=True) as tx:
                found = await since(tx)
            if found and not self.since:
                log.warning("quiet", since=found.isoformat(), then="lutong resume")
            if not found:
                if self.since:
                    log.info("resumed")
                self._over.set()
            self.since = found
            await asyncio.sleep(_LOOK_INTERVAL_S)
        await asyncio.Event().wait()
        raise AssertionError  # nobody sets that event

    async def over(self) -> None:
        """Wait until nothing has to be quiet."""
        await self._over.wait()

    def after(self, run: Callable[[], Awaitable[R]]) -> Callable[[], Awaitable[R]]:
        """The same, once it is over."""

        async def held() -> R:
            await self.over()
            return await run()

        return held


async def since(tx: Tx) -> datetime | None:
    """Since when a service is to be quiet; None when it is not."""
    found: datetime | None = await tx.fetchval("SELECT max(since) FROM quiet WHERE ended_at IS NULL")
    return found


async def end(tx: Tx) -> datetime | None:
    """Be quiet no more; gives since when it was, or None when it was not."""
    found: datetime | None = await tx.fetchval(
        """
        WITH ended AS (UPDATE quiet SET ended_at = clock_timestamp() WHERE ended_at IS NULL RETURNING since)
        SELECT max(since) FROM ended
        """
    )
    return found
