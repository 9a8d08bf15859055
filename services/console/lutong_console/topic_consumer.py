"""A consumer of topics that no group has: it commits nothing, and is closed whatever happens to it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from lutong_chassis.kafka import KafkaAccess


@asynccontextmanager
async def reading(kafka: KafkaAccess, names: Iterable[str]) -> AsyncIterator[AIOKafkaConsumer]:
    """Read what is committed in these topics, from their beginning.

    Also one whose start failed or was cancelled is closed: it has connections, and a task that goes on asking.
    """
    consumer = AIOKafkaConsumer(
        *names,
        **kafka.client,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # also where retention passed a position
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
