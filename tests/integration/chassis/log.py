"""What a Kafka log can hold besides records: transactions and their markers, gaps, and a beginning that is not 0."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from uuid_utils.compat import uuid7

from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.topics import admin
from lutong_contracts import Event
from tests.support.harness import Toy, a_record


@asynccontextmanager
async def a_transaction(toy: Toy) -> AsyncIterator[AIOKafkaProducer]:
    """A producer in an open transaction, which the caller commits or aborts."""
    producer = AIOKafkaProducer(bootstrap_servers=toy.bootstrap, transactional_id=f"publisher-{uuid7()}")
    await producer.start()
    try:
        await producer.begin_transaction()
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, toy: Toy, *events: Event) -> None:
    """Send events, and have them on the broker."""
    for event in events:
        key, value, headers = a_record(event)
        await producer.send_and_wait(toy.consumed, key=key.encode(), value=value, headers=headers)


async def delete_all(toy: Toy) -> None:
    """As retention does in the end: every record that is there now is deleted."""
    partitions = [TopicPartition(toy.consumed, number) for number in range(4)]
    async with admin(KafkaAccess(toy.bootstrap)) as client:
        await client.delete_records({partition: RecordsToDelete(before_offset=-1) for partition in partitions})


async def lag(toy: Toy) -> int:
    """Offsets that the toy's group has not committed, as anybody sees it."""
    looking = AIOKafkaConsumer(
        bootstrap_servers=toy.bootstrap, group_id=f"lutong-toy-{toy.suffix}", isolation_level="read_committed"
    )
    await looking.start()
    try:
        ends = await looking.end_offsets([TopicPartition(toy.consumed, number) for number in range(4)])
        return sum([end - (await looking.committed(partition) or 0) for partition, end in ends.items()])
    finally:
        await looking.stop()
