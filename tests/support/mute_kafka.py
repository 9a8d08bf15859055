"""A server that takes connections and never answers, in place of a Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lutong_chassis.kafka import KafkaAccess


@asynccontextmanager
async def a_kafka_that_never_answers() -> AsyncIterator[KafkaAccess]:
    """Have one, as long as the block lasts; gives how to reach it."""
    connected: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: connected.append(writer), "127.0.0.1", 0)
    try:
        yield KafkaAccess(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        for writer in connected:
            writer.close()
        server.close()
        await server.wait_closed()
