"""Forgetting what is past its time, and having a place for what is to come."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from lutong_chassis import facts, inbox, outbox
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.settings import Settings

_INTERVAL_S: Final = 3600

Housekeeping = Callable[[Tx], Awaitable[None]]
"""What a service does each hour in its own tables."""


async def run_maintenance(pool: Pool, settings: Settings, own: Housekeeping | None = None) -> NoReturn:
    """Every hour: outbox partitions for the days to come, and nothing kept that nobody needs any more; then a service's `own`."""
    while True:
        async with transaction(pool) as tx:
            await outbox.keep_partitions(tx, settings.outbox_retention)
            await facts.keep_partitions(tx, settings.facts_retention)
            await tx.execute("DELETE FROM idempotency WHERE answered_at < now() - interval '7 days'")
            await tx.execute("DELETE FROM rejected WHERE rejected_at < now() - interval '7 days'")
            await tx.execute("DELETE FROM parked WHERE resolved_at < now() - $1::interval", settings.parked_retention)
            if own:
                await own(tx)
        while await _forget(pool, settings):
            pass
        await asyncio.sleep(_INTERVAL_S)


async def _forget(pool: Pool, settings: Settings) -> int:
    async with transaction(pool) as tx:
        return await inbox.forget(tx, settings.inbox_retention)
