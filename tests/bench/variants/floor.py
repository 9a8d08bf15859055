"""(b) The floor: asyncpg and aiokafka by hand, in batches, with inbox, kept outbox rows and the same headers.

Killed anywhere, it loses and doubles nothing. A bad record stops it for ever, two replicas would
break the order of keys, and nobody sees how it is: that is what the chassis adds.
"""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from typing import Any

import asyncpg
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from uuid_utils.compat import uuid7

from lutong_chassis.database import Connection, Pool
from tests.bench import chain
from tests.bench.chain import Order, Step

TABLES = """
CREATE TABLE inbox (source text, id text, received_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (source, id));
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id text NOT NULL, topic text NOT NULL, key text NOT NULL,
    type text NOT NULL, correlation_id text NOT NULL, causation_id text NOT NULL, payload text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(), published_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX outbox_pending ON outbox (id) WHERE published_at IS NULL;
"""


async def consume(
    pool: Pool,
    consumer: AIOKafkaConsumer,
    steps: dict[str, tuple[Step, str]],
    wake: asyncio.Event,
) -> None:
    """Poll, one transaction per poll, commit offsets."""
    while True:
        polled = await consumer.getmany(timeout_ms=20, max_records=500)
        if not polled:
            continue
        async with pool.acquire() as connection, connection.transaction():
            records = [record for found in polled.values() for record in found]
            headers = [dict(record.headers) for record in records]
            fresh = await connection.fetch(
                "INSERT INTO inbox (source, id) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING "
                "RETURNING id",
                [header["ce_source"].decode() for header in headers],
                [header["ce_id"].decode() for header in headers],
            )
            new = {row["id"] for row in fresh}
            for topic in {record.topic for record in records}:
                step, out = steps[topic]
                mine = [
                    (header, Order.model_construct(**orjson.loads(record.value)))
                    for record, header in zip(records, headers, strict=True)
                    if record.topic == topic and header["ce_id"].decode() in new
                ]
                if mine:
                    await publish(connection, out, mine, await step(connection, [order for _, order in mine]))
        wake.set()
        await consumer.commit({tp: found[-1].offset + 1 for tp, found in polled.items()})


async def publish(
    connection: Connection, topic: str, consumed: Sequence[tuple[dict[str, bytes], Order]], orders: Sequence[Order]
) -> None:
    """Write outbox rows."""
    causes = {order.order_id: header for header, order in consumed}
    await connection.execute(
        """
        INSERT INTO outbox (event_id, topic, key, type, correlation_id, causation_id, payload)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        """,
        [str(uuid7()) for _ in orders],
        [topic] * len(orders),
        [order.order_id for order in orders],
        [f"{topic}.v1"] * len(orders),
        [causes[order.order_id]["ce_correlationid"].decode() for order in orders],
        [causes[order.order_id]["ce_id"].decode() for order in orders],
        [order.model_dump_json() for order in orders],
    )


async def relay(pool: Pool, producer: AIOKafkaProducer, source: str, wake: asyncio.Event) -> None:
    """Carry pending rows by id, a batch per partition, and mark them."""
    partition_of = DefaultPartitioner()
    while True:
        wake.clear()
        rows = await pool.fetch("SELECT * FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 1000")
        batches: dict[TopicPartition, list[Any]] = defaultdict(list)
        for row in rows:
            everywhere = sorted(await producer.partitions_for(row["topic"]))
            batches[TopicPartition(row["topic"], partition_of(row["key"].encode(), everywhere, everywhere))].append(row)
        await asyncio.gather(*(send(producer, place, mine, source) for place, mine in batches.items()))
        if rows:
            ids = [row["id"] for row in rows]
            await pool.execute("UPDATE outbox SET published_at = now() WHERE id = ANY ($1)", ids)
        if len(rows) < 1000:
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), 0.1)


async def send(producer: AIOKafkaProducer, place: TopicPartition, rows: Sequence[Any], source: str) -> None:
    """One batch after the other until all rows of a partition are acknowledged."""
    waiting = list(rows)
    while waiting:
        batch = producer.create_batch()
        while waiting and batch.append(
            timestamp=None,
            key=waiting[0]["key"].encode(),
            value=waiting[0]["payload"].encode(),
            headers=cloud_event(waiting[0], source),
        ):
            waiting.pop(0)
        batch.close()
        await (await producer.send_batch(batch, place.topic, partition=place.partition))


def cloud_event(row: asyncpg.Record, source: str) -> list[tuple[str, bytes]]:
    """The headers that Lutong sends."""
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", row["event_id"].encode()),
        ("ce_source", source.encode()),
        ("ce_type", row["type"].encode()),
        ("ce_time", row["written_at"].astimezone(UTC).isoformat().encode()),
        ("ce_partitionkey", row["key"].encode()),
        ("ce_correlationid", row["correlation_id"].encode()),
        ("ce_causationid", row["causation_id"].encode()),
    ]


async def main(name: str, bootstrap: str, url: str, suffix: str) -> None:
    """Run one of the two services until killed."""
    placed, held, reserved, captured = (
        f"lutong.bench.{t}-{suffix}" for t in ("placed", "held", "reserved", "captured")
    )
    steps_of: dict[str, dict[str, tuple[Step, str]]] = {
        "credit": {placed: (chain.hold, held), reserved: (chain.capture, captured)},
        "stock": {held: (chain.reserve, reserved)},
    }
    steps = steps_of[name]
    pool = await asyncpg.create_pool(url, min_size=2, max_size=4)
    consumer = AIOKafkaConsumer(
        *steps, bootstrap_servers=bootstrap, group_id=f"{name}-{suffix}", auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="lz4", max_batch_size=512_000
    )
    await consumer.start()
    await producer.start()
    wake = asyncio.Event()
    await asyncio.gather(consume(pool, consumer, steps, wake), relay(pool, producer, f"/floor/{name}", wake))


if __name__ == "__main__":
    uvloop.run(
        main(sys.argv[1], os.environ["LUTONG_KAFKA_BOOTSTRAP"], os.environ["LUTONG_DATABASE_URL"], os.environ["BENCH"])
    )
