"""A consumer of topics that no group has: it commits nothing, and is closed whatever happens to it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from lutong_chassis.kafka import KafkaAccess


@asynccontextmanager
async def reading(
    kafka: KafkaAccess, names: Iterable[str], isolation_level: str = "read_committed"
) -> AsyncIterator[AIOKafkaConsumer]:
    """Read these topics from their beginning, what is committed unless another level is given.

    Also one whose start failed or was cancelled is closed: it has connections, and a task that goes on asking.
    """
    consumer = AIOKafkaConsumer(
        *names,
        **kafka.client,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # also where retention passed a position
        isolation_level=isolation_level,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
