"""(c) Plain FastStream, as its tutorial shows: one typed message, one transaction, publish what is returned.

Killed between commit and publish it loses the event; killed before the offset it doubles the effect.
"""

import os
import sys
from typing import Any

import asyncpg
from faststream import ContextRepo, FastStream
from faststream.kafka import KafkaBroker

from tests.bench import chain
from tests.bench.chain import Order, Step

SUFFIX = os.environ["BENCH"]
broker = KafkaBroker(os.environ["LUTONG_KAFKA_BOOTSTRAP"], logger=None)
app = FastStream(broker, logger=None)
pools: list[Any] = []


@app.on_startup
async def connect(context: ContextRepo) -> None:
    """Open the pool."""
    pools.append(await asyncpg.create_pool(os.environ["LUTONG_DATABASE_URL"], min_size=2, max_size=4))


def topic(name: str) -> str:
    """A topic of this run."""
    return f"lutong.bench.{name}-{SUFFIX}"


async def handle(step: Step, order: Order) -> Order:
    """One order, one transaction."""
    async with pools[0].acquire() as connection, connection.transaction():
        await step(connection, [order])
    return order


if sys.argv[1] == "credit":

    @broker.subscriber(topic("placed"), group_id=f"credit-{SUFFIX}", auto_offset_reset="earliest")
    @broker.publisher(topic("held"))
    async def hold(order: Order) -> Order:
        """Hold credit."""
        return await handle(chain.hold, order)

    @broker.subscriber(topic("reserved"), group_id=f"credit-{SUFFIX}-2", auto_offset_reset="earliest")
    @broker.publisher(topic("captured"))
    async def capture(order: Order) -> Order:
        """Capture the hold."""
        return await handle(chain.capture, order)

else:

    @broker.subscriber(topic("held"), group_id=f"stock-{SUFFIX}", auto_offset_reset="earliest")
    @broker.publisher(topic("reserved"))
    async def reserve(order: Order) -> Order:
        """Reserve stock."""
        return await handle(chain.reserve, order)


if __name__ == "__main__":
    import uvloop

    uvloop.run(app.run())
