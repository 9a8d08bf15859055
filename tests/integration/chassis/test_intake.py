"""Between the broker and the consumer: what is left of a poll that was handled."""

import gc

from aiokafka import ConsumerRecord

from lutong_chassis import topics
from lutong_chassis.broker import KafkaIntake
from lutong_chassis.consumer import Consumer
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.testing import settings_for
from lutong_local.processes import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis import toy
from tests.integration.chassis.harness import a_record, feed, until
from tests.integration.conftest import PoolOf


async def test_a_poll_that_was_handled_leaves_nothing_behind(infrastructure: Infrastructure, pool_of: PoolOf) -> None:
    """What refers to itself stays until garbage is collected: whole polls would, with all their headers."""
    kafka = KafkaAccess(infrastructure.kafka_bootstrap)
    await topics.apply(kafka, [toy.HEARD])
    pool = await pool_of(toy.service)
    consumer = Consumer(pool, toy.handlers, 1.0, after_commit=lambda: None)
    settings = settings_for("postgresql://unused", kafka_bootstrap=kafka.bootstrap)
    intake = KafkaIntake(f"lutong-toy-{free_port()}", [toy.HEARD], consumer, settings)

    async def counted() -> bool:
        return bool(await pool.fetchval("SELECT total = 20 FROM counter WHERE counter_id = 'a'"))

    async def nothing_left() -> bool:
        return not any(isinstance(each, ConsumerRecord) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        await intake.start()
        records = [a_record(toy.Counted(counter_id="a", place=place)) for place in range(20)]
        await feed(kafka.bootstrap, toy.HEARD.name, records)
        await until(counted, "the events were counted")
        await until(nothing_left, "the records of the poll are gone")
    finally:
        gc.enable()
        await intake.stop()
