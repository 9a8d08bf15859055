"""Topics on the broker, made to be what the contracts say. Brokers never create them by themselves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from lutong_chassis.errors import NotThereYetError
from lutong_chassis.kafka import KafkaAccess
from lutong_contracts import Topic


class TopicError(NotThereYetError):
    """A topic is missing, or the broker would not create it."""


@asynccontextmanager
async def admin(kafka: KafkaAccess) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client."""
    client = AIOKafkaAdminClient(**kafka.client, request_timeout_ms=20_000)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def apply(kafka: KafkaAccess, topics: Sequence[Topic], *, replication_factor: int = 1) -> list[str]:
    """Create the topics that are missing; gives their names. Never changes one that exists."""
    async with admin(kafka) as client:
        absent = await _missing(client, topics)
        wanted = [
            NewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=replication_factor,
                topic_configs={
                    "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
                    "min.insync.replicas": str(min(topic.min_insync_replicas, replication_factor)),
                    "max.message.bytes": str(topic.max_message_bytes),
                    "cleanup.policy": "delete",
                },
            )
            for topic in absent
        ]
        if wanted:
            response = await client.create_topics(wanted)
            for name, code, *rest in response.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    message = f"topic {name} was not created: {error.__name__} {rest[0] if rest else ''}"
                    raise TopicError(message)
        return [topic.name for topic in absent]


async def missing(kafka: KafkaAccess, topics: Sequence[Topic]) -> list[str]:
    """Names of topics that the broker does not have."""
    async with admin(kafka) as client:
        return [topic.name for topic in await _missing(client, topics)]


async def _missing(client: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[Topic]:
    existing = set(await client.list_topics())
    return [topic for topic in topics if topic.name not in existing]
