"""(d) faststream-outbox as its documentation shows: one message, one transaction with an outbox row, relay decorators.

Loses nothing that was committed; doubles effects when killed before the offset (it has no inbox); the
order of a key is best effort, and rows are deleted once they were relayed.
"""

import os
import sys
from typing import Any

from faststream import FastStream
from faststream.kafka import KafkaBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from tests.bench import chain
from tests.bench.chain import Order, Step

SUFFIX = os.environ["BENCH"]
metadata = MetaData()
outbox_table = make_outbox_table(metadata, table_name="outbox")
engine = create_async_engine(
    os.environ["LUTONG_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=10
)
session_factory = async_sessionmaker(engine, expire_on_commit=False)
broker = KafkaBroker(os.environ["LUTONG_KAFKA_BOOTSTRAP"], logger=None)
outbox = OutboxBroker(engine, outbox_table=outbox_table, logger=None)
app = FastStream(outbox, logger=None)


@app.on_startup
async def prepare() -> None:
    """Create the outbox and start what consumes from Kafka."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await broker.start()


def topic(name: str) -> str:
    """A topic of this run."""
    return f"lutong.bench.{name}-{SUFFIX}"


async def handle(step: Step, order: Order, out: str) -> None:
    """One order and its outbox row, one transaction."""
    async with session_factory() as session, session.begin():
        connection = await session.connection()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await step(driver, [order])
        await outbox.publish(order.model_dump(), queue=out, session=session)


def relay_to(name: str) -> None:
    """Relay a queue of the outbox to a topic of Kafka."""

    @broker.publisher(topic(name))
    @outbox.subscriber(name, max_workers=4, fetch_batch_size=100, min_fetch_interval=0.1)
    async def relay(body: dict[str, Any]) -> dict[str, Any]:
        """Pass it on."""
        return body


if sys.argv[1] == "credit":
    relay_to("held")
    relay_to("captured")

    @broker.subscriber(topic("placed"), group_id=f"credit-{SUFFIX}", auto_offset_reset="earliest")
    async def hold(order: Order) -> None:
        """Hold credit."""
        await handle(chain.hold, order, "held")

    @broker.subscriber(topic("reserved"), group_id=f"credit-{SUFFIX}-2", auto_offset_reset="earliest")
    async def capture(order: Order) -> None:
        """Capture the hold."""
        await handle(chain.capture, order, "captured")

else:
    relay_to("reserved")

    @broker.subscriber(topic("held"), group_id=f"stock-{SUFFIX}", auto_offset_reset="earliest")
    async def reserve(order: Order) -> None:
        """Reserve stock."""
        await handle(chain.reserve, order, "reserved")


if __name__ == "__main__":
    import uvloop

    uvloop.run(app.run())
