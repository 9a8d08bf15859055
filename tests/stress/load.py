"""A crowd that wants the same things at once: events in random order and batches, many transactions at a time."""

import asyncio
import random
from collections.abc import Sequence

from lutong_chassis import Handlers
from lutong_chassis.database import Pool
from lutong_chassis.envelope import Received
from lutong_chassis.testing import deliver
from lutong_contracts import Event

CONSUMERS = 8


async def rush(
    pool: Pool, handlers: Handlers, events: Sequence[Event | Received[Event]], rng: random.Random, *, batch_max: int
) -> list[Event]:
    """Deliver events through eight consumers at once; gives what was said."""
    shuffled = rng.sample(list(events), len(events))
    published: list[Event] = []

    async def consumer() -> None:
        while shuffled:
            size = rng.randint(1, batch_max)
            batch, shuffled[:size] = shuffled[:size], []
            published.extend(await deliver(pool, handlers, *batch))

    await asyncio.gather(*(consumer() for _ in range(CONSUMERS)))
    return published
