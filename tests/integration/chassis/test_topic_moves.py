"""A keyed topic gets more partitions: it moves to a new one, once the old one is drained; docs/operations.md tells how."""

from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_console.offsets import unread
from lutong_contracts import Topic
from tests.conftest import Infrastructure
from tests.integration.chassis.toy import Counted
from tests.integration.chassis.toy_next import Lapsed
from tests.support.harness import Toy, a_record, a_toy, feed, read_topic, until

KEYS = [f"k-{number}" for number in range(12)]
NEXT = "tests.integration.chassis.toy_next"


async def ends(toy: Toy) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(toy.consumed, bootstrap_servers=toy.bootstrap)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        return found
    finally:
        await consumer.stop()


async def is_drained(toy: Toy) -> bool:
    """What `lutong topics drained` asks: nothing to publish, and the group has passed the end."""
    async with topics.admin(KafkaAccess(toy.bootstrap)) as client:
        committed = await client.list_consumer_group_offsets(f"lutong-toy-{toy.suffix}")
    return not await toy.rows("SELECT FROM pending") and unread(await ends(toy), committed) == 0


async def test_a_topic_moves_to_more_partitions_in_order(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(NEXT)
        await toy.ready()
        await feed(
            toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=k, place=n)) for n in range(20) for k in KEYS]
        )
        await toy.post("/v1/lapses/gone?after_ms=3600000")
        await until(lambda: is_drained(toy), "the old topic is drained")
        toy.stop()

        wide = Topic(f"{toy.consumed}-wide", key="counter", partitions=16, moved_from=toy.consumed)
        await topics.apply(KafkaAccess(toy.bootstrap), [wide])
        toy.start(NEXT, TOY_MOVED="1")
        await toy.ready()
        await feed(
            toy.bootstrap, wide.name, [a_record(Counted(counter_id=k, place=n)) for n in range(20, 40) for k in KEYS]
        )

        async def counted() -> bool:
            rows = await toy.rows("SELECT places FROM counter WHERE counter_id <> 'gone'")
            return len(rows) == len(KEYS) and all(row["places"] == list(range(40)) for row in rows)

        await until(counted, "every key went on in order")
        await toy.rows("UPDATE deadline SET due_at = now()")
        await until(lambda: moved(toy, wide), "a deadline from before comes on the new topic")
        assert len({record.partition for record in await read_topic(toy.bootstrap, wide.name)}) > 4


async def moved(toy: Toy, wide: Topic) -> bool:
    return bool(await toy.rows("SELECT FROM outbox WHERE type = $1 AND topic = $2", Lapsed.type, wide.name))


async def test_a_topic_is_not_drained_while_anything_is_to_be_read(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    """The negative control: a move now would lose these."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=0))])
        await until(lambda: is_drained(toy), "the topic is drained")
        toy.stop()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=1))])
        assert not await is_drained(toy)
