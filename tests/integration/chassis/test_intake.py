"""Between the broker and the consumer: what is left of a poll that was handled, and which offsets are committed when."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Final

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from uuid_utils.compat import uuid7

from lutong_chassis import topics
from lutong_chassis.consumer import Consumer
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.processing import Processor
from lutong_chassis.subscriber import KafkaSubscriber
from lutong_chassis.testing import settings_for
from lutong_local.ports import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis import toy
from tests.integration.conftest import PoolOf
from tests.support.harness import DEADLINE_S, a_record, feed, until

BATCH: Final = 5


@pytest.fixture
async def subscriber(infrastructure: Infrastructure, pool_of: PoolOf) -> AsyncIterator[KafkaSubscriber]:
    """The toy's intake with a group of its own, five events per batch; not started."""
    kafka = KafkaAccess(infrastructure.kafka_bootstrap)
    await topics.apply(kafka, [toy.CONSUMED])
    consumer = Consumer(Processor(await pool_of(toy.service), toy.handlers, after_commit=lambda: None), 1.0)
    settings = settings_for("postgresql://unused", kafka_bootstrap=kafka.bootstrap, batch_records_max=BATCH)
    taken = KafkaSubscriber(f"lutong-toy-{free_port()}", [toy.CONSUMED], consumer, settings)
    yield taken
    await taken.stop()


async def counted(subscriber: KafkaSubscriber, events: int) -> None:
    """Have the toy count so many events of one key, and wait until it has."""
    counter_id = f"c-{uuid7().hex[-12:]}"
    records = [a_record(toy.Counted(counter_id=counter_id, place=place)) for place in range(events)]
    await feed(subscriber.settings.kafka.bootstrap, toy.CONSUMED.name, records)

    async def all_of_them() -> bool:
        sql = "SELECT total = $2 FROM counter WHERE counter_id = $1"
        return bool(await subscriber.consumer.processor.pool.fetchval(sql, counter_id, events))

    await until(all_of_them, "the events were counted")


async def lag(subscriber: KafkaSubscriber) -> int:
    """Events that the group has not committed, as anybody sees it."""
    looking = AIOKafkaConsumer(bootstrap_servers=subscriber.settings.kafka.bootstrap, group_id=subscriber.group_id)
    await looking.start()
    try:
        ends = await looking.end_offsets([TopicPartition(toy.CONSUMED.name, n) for n in range(toy.CONSUMED.partitions)])
        return sum([end - (await looking.committed(partition) or 0) for partition, end in ends.items()])
    finally:
        await looking.stop()


async def test_a_poll_that_was_handled_leaves_nothing_behind(subscriber: KafkaSubscriber) -> None:
    """What refers to itself stays until garbage is collected: whole polls would, with all their headers."""

    async def nothing_left() -> bool:
        return not any(isinstance(each, ConsumerRecord) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        await subscriber.start()
        await counted(subscriber, 4 * BATCH)
        await until(nothing_left, "the records of the poll are gone")
    finally:
        gc.enable()


async def test_a_backlog_of_full_batches_is_committed_to_its_end(subscriber: KafkaSubscriber) -> None:
    """Between full batches offsets may wait for those of the next: after the last there is no next."""
    await subscriber.start()
    await counted(subscriber, 4 * BATCH)

    async def none_open() -> bool:
        return await lag(subscriber) == 0

    await until(none_open, "the last offsets are committed")


async def test_a_consumer_that_stops_in_order_reads_nothing_again(subscriber: KafkaSubscriber) -> None:
    await subscriber.start()
    await counted(subscriber, 4 * BATCH)
    await counted(subscriber, 4 * BATCH)
    await subscriber.stop()

    assert await lag(subscriber) == 0


async def test_what_a_failed_read_has_passed_is_read_again(
    subscriber: KafkaSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka drops the records of one partition when those of another cannot be read, and goes on behind them."""
    await subscriber.start()
    await counted(subscriber, 1)
    kafka, begun = subscriber.kafka, asyncio.Event()
    failures: list[object] = []
    assert kafka is not None
    read = kafka.getmany

    async def fails_once(*partitions: TopicPartition, **options: int) -> object:
        begun.set()
        polled = await read(*partitions, **options)
        if polled and not failures:
            failures.append(polled)
            raise CorruptRecordException("a batch of another partition")
        return polled

    monkeypatch.setattr(kafka, "getmany", fails_once)
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    await counted(subscriber, 3)
    assert len(failures) == 1


async def test_a_read_that_always_fails_is_seen(subscriber: KafkaSubscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    await subscriber.start()
    await counted(subscriber, 1)
    kafka = subscriber.kafka
    assert kafka is not None

    async def fails(*_partitions: TopicPartition, **_options: int) -> object:
        raise UnsupportedCodecError("a codec of tomorrow")

    async def seen() -> str | None:
        return subscriber.retrying.sentence(80) if subscriber.retrying else None

    monkeypatch.setattr(kafka, "getmany", fails)
    assert "cannot read from Kafka for 80 s (1 times): UnsupportedCodecError" in await until(seen, "it is seen")
    assert subscriber.silent_s < 60
