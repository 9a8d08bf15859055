"""Topics on the broker, made to be what the contracts declare. Brokers never create them by themselves."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from lutong_chassis.errors import NotThereYetError
from lutong_chassis.kafka import KafkaAccess
from lutong_contracts import Topic

_REQUEST_TIMEOUT_MS: Final = 20_000
_MEMBERS_TIMEOUT_S: Final = 20
_MEMBERS_PAUSE_S: Final = 0.1


class TopicError(NotThereYetError):
    """A topic is missing, or the broker would not create it."""


@asynccontextmanager
async def admin(kafka: KafkaAccess) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client. A cluster that has just started is waited for, for 20 s, until it names a broker."""
    client = await _connected(kafka)
    try:
        yield client
    finally:
        await client.close()


async def _connected(kafka: KafkaAccess) -> AIOKafkaAdminClient:
    """A client that knows where to send requests.

    A broker takes connections before its cluster counts it as a member: it answers that there are no brokers. The client
    keeps that answer for minutes and refuses every request, so each try is a client of its own.
    """
    async with asyncio.timeout(_MEMBERS_TIMEOUT_S):
        while True:
            client = AIOKafkaAdminClient(**kafka.client, request_timeout_ms=_REQUEST_TIMEOUT_MS)
            try:
                await client.start()
                await client.describe_cluster()
            except NodeNotReadyError:
                await client.close()
                await asyncio.sleep(_MEMBERS_PAUSE_S)
            except BaseException:
                await client.close()
                raise
            else:
                return client


async def committed(client: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
    """How far a group has read, by partition: `reached[partition].offset`.

    A new cluster makes its coordinators when the first group is asked about: it is asked again, for 20 s.
    """
    deadline = time.monotonic() + _MEMBERS_TIMEOUT_S
    while True:
        try:
            found: Mapping[TopicPartition, OffsetAndMetadata] = await client.list_consumer_group_offsets(group)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            if time.monotonic() > deadline:
                raise
        else:
            return found
        await asyncio.sleep(_MEMBERS_PAUSE_S)


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
                    **topic.settings,
                    "min.insync.replicas": str(min(topic.min_insync_replicas, replication_factor)),
                    "max.message.bytes": str(topic.max_message_bytes),
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


async def kept_shorter(kafka: KafkaAccess, topics: Sequence[Topic]) -> dict[str, int]:
    """How long topics are kept, in milliseconds, that exist and are kept for less than the contracts declare.

    A setting that is already there is not changed: it may have been chosen, and Kafka sets all of a topic's at once.
    """
    wanted = {topic.name: topic.retention.total_seconds() * 1000 for topic in topics if not topic.compacted}
    settings = await _settings(kafka, wanted)
    kept = {name: int(found["retention.ms"]) for name, found in sorted(settings.items())}
    return {name: kept_ms for name, kept_ms in kept.items() if 0 <= kept_ms < wanted[name]}


async def not_compacted(kafka: KafkaAccess, topics: Sequence[Topic]) -> list[str]:
    """Names of topics that exist and lose what they should keep: a consumer that is new would not know all entities."""
    wanted = [topic.name for topic in topics if topic.compacted]
    settings = await _settings(kafka, wanted)
    return [name for name, found in sorted(settings.items()) if found["cleanup.policy"] != "compact"]


async def _settings(kafka: KafkaAccess, names: Collection[str]) -> dict[str, dict[str, str]]:
    """Settings of those topics that exist, by name."""
    async with admin(kafka) as client:
        existing = set(await client.list_topics())
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names if name in existing]
        answers = await client.describe_configs(asked) if asked else []
    found: dict[str, dict[str, str]] = {}
    for code, _, _, name, entries in (resource for answer in answers for resource in answer.resources):
        if code:
            raise for_code(code)
        found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def missing(kafka: KafkaAccess, topics: Sequence[Topic]) -> list[str]:
    """Names of topics that the broker does not have."""
    async with admin(kafka) as client:
        return [topic.name for topic in await _missing(client, topics)]


async def _missing(client: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[Topic]:
    existing = set(await client.list_topics())
    return [topic for topic in topics if topic.name not in existing]
