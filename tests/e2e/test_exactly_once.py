"""Whatever is delivered again has no second effect: not one event, not all of them, not three times over."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.topics import admin
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_contracts import TOPICS
from tests.support.harness import until
from tests.support.looks import Look, collect, still

WIRE = {"inbox", "parked", "idempotency"}
"""Tables that may change when copies arrive: none of them is an effect."""


def effects(world: Look) -> dict[str, Any]:
    """Everything that a copy must not change: what services know, and what they said."""
    return {
        f"{service}.{table}": sorted(str(still(row)) for row in rows)
        for service, tables in world.tables.items()
        for table, rows in tables.items()
        if table not in WIRE and table != "deadline"
    }


async def deliver_everything_again(bootstrap: str) -> int:
    """Append every record of every topic to its partition once more, byte for byte; gives how many."""
    consumer = AIOKafkaConsumer(
        *[topic.name for topic in TOPICS], bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await consumer.start()
    await producer.start()
    try:
        ends = {
            partition: end
            for partition, end in (await consumer.end_offsets(list(consumer.assignment()))).items()
            if end
        }
        found = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found += [record for record in records if record.offset < ends.get(partition, 0)]
        for record in found:
            await producer.send(
                record.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers)
            )
        await producer.flush()
        return len(found)
    finally:
        await consumer.stop()
        await producer.stop()


async def lag(bootstrap: str) -> int:
    """How far the four consumer groups are behind, in records."""
    consumer = AIOKafkaConsumer(*[topic.name for topic in TOPICS], bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        async with admin(KafkaAccess(bootstrap)) as client:
            committed: dict[str, dict[TopicPartition, Any]] = {
                service: await client.list_consumer_group_offsets(f"lutong-{service}")
                for service in ("feed", "registry", "membership", "inventory")
            }
        ends = await consumer.end_offsets(list(consumer.assignment()))
        return sum(
            max(0, ends[partition] - at.offset)
            for offsets in committed.values()
            for partition, at in offsets.items()
            if partition in ends
        )
    finally:
        await consumer.stop()


@pytest.mark.timeout(180)
async def test_every_topic_delivered_again_three_times_changes_nothing(
    target: Suite, scenarios: dict[str, Scenario]
) -> None:
    for road in ROADS:
        await road.walk(scenarios[road.letter])

    async def caught_up() -> bool:
        return await lag(target.kafka.bootstrap) == 0

    await until(caught_up, "the consumers have caught up")
    before = effects(await collect(target, {}))
    for _ in range(3):
        assert await deliver_everything_again(target.kafka.bootstrap) > 40
        await until(caught_up, "the consumers have caught up with the copies", deadline_s=60)
    after = effects(await collect(target, {}))
    assert {name for name in before if before[name] != after[name]} == set()
