"""Straight to Kafka, for those who may write a topic. Needs the extra: `pip install lutong-client[kafka]`."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from lutong_client.message import Message, PublishError, Receipt


class AsyncKafkaTransport:
    """Awaits Kafka's acknowledgement. `options` are those of an AIOKafkaProducer, security among them.

    Nobody looks at an event before it is on the topic: a consumer that cannot handle it sets it aside.
    """

    def __init__(self, bootstrap_servers: str, **options: Any) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap_servers, "acks": "all", "enable_idempotence": True, "compression_type": "lz4",
        } | options  # fmt: skip
        self._producer: AIOKafkaProducer | None = None

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send in order and wait for all; what failed may have arrived, so publish it again under the same id."""
        if dry_run:
            raise PublishError("Kafka cannot be asked whether it would take an event: use the HTTP transport")
        if self._producer is None:
            self._producer = AIOKafkaProducer(**self._options)
            await self._producer.start()
        sent = [
            await self._producer.send(m.event.topic.name, m.value, key=m.event.key.encode(), headers=m.headers)
            for m in messages
        ]
        for outcome in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise PublishError(f"Kafka did not acknowledge: {type(outcome).__name__}", transient=True) from outcome
        return [Receipt(m.id, "accepted", m.envelope.cause.correlation_id) for m in messages]

    async def close(self) -> None:
        """Send what is left, let go of connections."""
        if self._producer is not None:
            await self._producer.stop()
