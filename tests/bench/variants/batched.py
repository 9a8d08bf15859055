"""(e) FastStream in batches: a list of typed messages, one transaction, publish the list.

Loses what it had committed but not published when it is killed; doubles effects; and a batch that is
published goes to one partition whatever its keys, so the order of keys is lost too.
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
broker = KafkaBroker(
    os.environ["LUTONG_KAFKA_BOOTSTRAP"], max_batch_size=1_000_000, logger=None
)  # what does not fit into one batch is an error, and lost
app = FastStream(broker, logger=None)
pools: list[Any] = []


@app.on_startup
async def connect(context: ContextRepo) -> None:
    """Open the pool."""
    pools.append(await asyncpg.create_pool(os.environ["LUTONG_DATABASE_URL"], min_size=2, max_size=4))


def topic(name: str) -> str:
    """A topic of this run."""
    return f"lutong.bench.{name}-{SUFFIX}"


async def handle(step: Step, orders: list[Order], out: str) -> None:
    """Many orders, one transaction."""
    async with pools[0].acquire() as connection, connection.transaction():
        done = await step(connection, orders)
    await broker.publish_batch(*done, topic=topic(out))


if sys.argv[1] == "credit":

    @broker.subscriber(
        topic("placed"), group_id=f"credit-{SUFFIX}", auto_offset_reset="earliest", batch=True, max_records=500
    )
    async def hold(orders: list[Order]) -> None:
        """Hold credit."""
        await handle(chain.hold, orders, "held")

    @broker.subscriber(
        topic("reserved"), group_id=f"credit-{SUFFIX}-2", auto_offset_reset="earliest", batch=True, max_records=500
    )
    async def capture(orders: list[Order]) -> None:
        """Capture the hold."""
        await handle(chain.capture, orders, "captured")

else:

    @broker.subscriber(
        topic("held"), group_id=f"stock-{SUFFIX}", auto_offset_reset="earliest", batch=True, max_records=500
    )
    async def reserve(orders: list[Order]) -> None:
        """Reserve stock."""
        await handle(chain.reserve, orders, "reserved")


if __name__ == "__main__":
    import uvloop

    uvloop.run(app.run())
