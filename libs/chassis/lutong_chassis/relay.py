"""Carrying outbox rows to Kafka: pending rows, by id, one batch per partition in flight.

Each shard of the queue is owned by one connection through a session advisory lock, so rows of a
key are never sent by two relays; relays of one database share the shards evenly. A batch is acknowledged as a whole before the next one of its
partition is sent: a failed send holds back all that comes after it, and order survives.
A crash between acknowledgement and mark sends a row twice, under the same id: inboxes know it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Final, NoReturn

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from lutong_chassis import failpoints, observe, outbox
from lutong_chassis.database import Connection, Pool, acquire, transaction
from lutong_chassis.envelope import Cause, Envelope, to_headers
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.pacing import rest_s
from lutong_chassis.settings import Settings
from lutong_contracts import event_types

log = structlog.get_logger(__name__)

LOCK_CLASS: Final = 0x6C74  # "lt": the namespace of the shard locks
_PRESENCE: Final = outbox.SHARDS  # a lock that every relay shares, to be counted by
_LOOK_INTERVAL_S: Final = 1.0
"""How often a relay looks how many share the outbox, and for what no commit of its own process announced, while it has all shards."""
_BATCH_BYTES_MAX: Final = 512_000
_partition_of_key = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class PartitionBatch:
    """Rows of one partition, in order of id."""

    topic: str
    partition: int
    rows: list[asyncpg.Record]


def producer(kafka: KafkaAccess, client_id: str) -> AIOKafkaProducer:
    """A producer that acknowledges only what all in-sync replicas have. Not started."""
    return AIOKafkaProducer(
        **kafka.client,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=_BATCH_BYTES_MAX,
        max_request_size=2_000_000,
        request_timeout_ms=30_000,
    )


@dataclass(slots=True)
class Relay:
    """The relay of one process. `run` and `release_deadlines`, supervised; `wake` it after a commit that wrote events.

    Its locks are those of a session, from `sessions` where `pool` is behind a pooler.
    """

    pool: Pool
    settings: Settings
    source: str
    shards: set[int] = field(default_factory=set)
    sessions: "Pool | None" = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _committed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """There is something new in the outbox, or a deadline: do not wait for the next poll."""
        self._woken.set()
        self._committed.set()

    async def run(self) -> None:
        """Carry rows until something fails. The next run starts over from what is still pending."""
        sender = producer(self.settings.kafka, f"{self.source}-relay")
        try:
            await sender.start()
            async with acquire(self.sessions or self.pool) as connection:
                await self._session(connection, sender)
        finally:
            self.shards = set()
            await sender.stop()

    async def _session(self, connection: Connection, sender: AIOKafkaProducer) -> NoReturn:
        """One connection with its locks and one producer: they live and die together."""
        try:
            await connection.execute("SELECT pg_advisory_lock_shared($1, $2)", LOCK_CLASS, _PRESENCE)
            looked_at, turn = -_LOOK_INTERVAL_S, 0
            while True:
                self._woken.clear()
                began_s = monotonic()
                if began_s - looked_at >= _LOOK_INTERVAL_S:
                    self.shards = await _fair_share(connection, self.shards)
                    looked_at = monotonic()
                rows = await pending(connection, _rotated(sorted(self.shards), turn), self.settings.relay_batch_max)
                turn += 1
                if rows:
                    failpoints.reach("relay_fetched")
                    await _carry(connection, sender, rows, self.source)
                await asyncio.sleep(rest_s(len(rows), self.settings.relay_batch_max, monotonic() - began_s))
                if len(rows) < self.settings.relay_batch_max:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), self._poll_after_s())
        finally:
            await _release(connection)

    def _poll_after_s(self) -> float:
        """Who has all shards is alone: its own commits are announced, and nobody else's are waited for."""
        interval_s = self.settings.relay_interval_ms / 1000
        return max(interval_s, _LOOK_INTERVAL_S) if len(self.shards) == outbox.SHARDS else interval_s

    async def release_deadlines(self) -> NoReturn:
        """Move deadlines to the outbox as they fall due: looked for when the next one is, and after commits."""
        known = {name: event.topic.name for name, event in event_types().items()}
        interval_s = self.settings.relay_interval_ms / 1000
        while True:
            self._committed.clear()
            async with acquire(self.pool) as connection:
                due_in_s = await outbox.next_due_in_s(connection, known)
            if due_in_s <= 0 and await self._release_due(known):
                self.wake()
                continue
            await asyncio.sleep(interval_s)  # however many commits there are, or while another process has what is due
            with suppress(TimeoutError):
                await asyncio.wait_for(self._committed.wait(), min(due_in_s, _LOOK_INTERVAL_S) - interval_s)

    async def _release_due(self, known: Mapping[str, str]) -> int:
        async with transaction(self.pool) as tx:
            return await outbox.release_due(tx, known)


async def _fair_share(connection: Connection, owned: set[int]) -> set[int]:
    """The shards to carry from now on: as many as the other relays of this database leave to each.

    Called while nothing of ours is in flight, so a shard that is given up has no send outstanding.
    A lock lives as long as its connection: what a dead relay owned is free at once.
    """
    relays = await connection.fetchval(
        """
        SELECT count(*)
          FROM pg_locks
         WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objid = $2::bigint::oid
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
        LOCK_CLASS,
        _PRESENCE,
    )
    fair = -(-outbox.SHARDS // max(1, relays))
    kept = set(sorted(owned)[:fair])
    if owned - kept:
        await connection.execute(
            "SELECT pg_advisory_unlock($2, shard) FROM unnest($1::integer[]) AS shard", sorted(owned - kept), LOCK_CLASS
        )
    if len(kept) == fair:
        return kept
    rows = await connection.fetch(
        "SELECT shard FROM unnest($1::integer[]) AS shard WHERE pg_try_advisory_lock($2, shard) LIMIT $3",
        sorted(set(range(outbox.SHARDS)) - owned),
        LOCK_CLASS,
        fair - len(kept),
    )
    return kept | {row["shard"] for row in rows}


def _rotated(shards: Sequence[int], turn: int) -> list[int]:
    """The same shards, beginning with another one each turn."""
    first = turn % len(shards) if shards else 0
    return [*shards[first:], *shards[:first]]


async def _release(connection: Connection) -> None:
    if connection.is_closed():
        return
    try:
        await connection.execute("SELECT pg_advisory_unlock_all()")
    except Exception:
        connection.terminate()  # its end releases them as well


async def pending(connection: Connection, shards: Sequence[int], rows_max: int) -> list[asyncpg.Record]:
    """What is not published yet, by id within each shard. Never `id > last`: ids do not commit in order.

    Shards are emptied in the order given until there are `rows_max` rows, so that a backlog of any length
    costs the same per row; each round turns the order, lest one shard starve another. OFFSET 0
    keeps PostgreSQL from reading the whole log instead of looking up each row.
    """
    if not shards:
        return []
    return await connection.fetch(
        """
        SELECT queue.shard, logged.*
          FROM (SELECT shard, waiting.id, waiting.written_at
                  FROM unnest($1::smallint[]) AS shard
                 CROSS JOIN LATERAL (SELECT id, written_at FROM pending WHERE pending.shard = shard.shard
                                      ORDER BY id LIMIT $2) AS waiting
                 LIMIT $2) AS queue
         CROSS JOIN LATERAL (SELECT id, written_at, event_id, topic, key, type, sequence, correlation_id, causation_id,
                                    traceparent, payload
                               FROM outbox
                              WHERE outbox.written_at = queue.written_at AND outbox.id = queue.id
                             OFFSET 0) AS logged
         ORDER BY logged.id
        """,
        shards,
        rows_max,
    )


async def _carry(connection: Connection, sender: AIOKafkaProducer, rows: Sequence[asyncpg.Record], source: str) -> None:
    """Send rows, one task per partition, and mark what was acknowledged even when some of it failed."""
    deliveries = [_send(sender, carried, source) for carried in await _by_partition(sender, rows)]
    outcomes = await asyncio.gather(*deliveries, return_exceptions=True)
    published = [row for outcome in outcomes if isinstance(outcome, list) for row in outcome]
    if published:
        failpoints.reach("acked_not_marked")
        await mark(connection, published)
        observe.relayed(published, time())
    failure = next((outcome for outcome in outcomes if isinstance(outcome, BaseException)), None)
    if failure is not None:
        raise failure
    if len(published) < len(rows):
        message = "some batches were not acknowledged"
        raise KafkaError(message)


async def _by_partition(sender: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> list[PartitionBatch]:
    """Sort rows into partitions the way every Kafka client does (murmur2 of the key)."""
    partitions = {topic: sorted(await sender.partitions_for(topic)) for topic in {row["topic"] for row in rows}}
    found: dict[tuple[str, int], list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        everywhere = partitions[row["topic"]]
        found[row["topic"], _partition_of_key(row["key"].encode(), everywhere, everywhere)].append(row)
    return [PartitionBatch(topic, partition, mine) for (topic, partition), mine in found.items()]


async def _send(sender: AIOKafkaProducer, carried: PartitionBatch, source: str) -> list[asyncpg.Record]:
    """Send one partition's rows batch by batch; gives those that were acknowledged."""
    acknowledged = 0
    position = 0
    while position < len(carried.rows):
        batch = sender.create_batch()
        while position < len(carried.rows) and _add(batch, carried.rows[position], source):
            position += 1
        batch.close()
        try:
            delivery = await sender.send_batch(batch, carried.topic, partition=carried.partition)
            failpoints.reach("sent_not_acked")
            await delivery
        except KafkaError as error:
            log.warning("batch_refused", topic=carried.topic, partition=carried.partition, error=repr(error))
            break
        acknowledged = position
    return carried.rows[:acknowledged]


def _add(batch: "object", row: asyncpg.Record, source: str) -> bool:
    """Append a row to a batch, unless the batch is full."""
    envelope = Envelope(
        id=str(row["event_id"]),
        source=source,
        type=row["type"],
        time=row["written_at"],
        key=row["key"],
        sequence=row["sequence"],
        cause=Cause(row["correlation_id"], row["causation_id"], row["traceparent"]),
    )
    metadata = batch.append(  # type: ignore[attr-defined]  # aiokafka ships no types
        timestamp=None, key=row["key"].encode(), value=row["payload"].encode(), headers=to_headers(envelope)
    )
    return metadata is not None


async def mark(connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
    """Mark rows as published: they leave the queue."""
    await connection.execute(
        """
        DELETE FROM pending
         USING unnest($1::smallint[], $2::bigint[]) AS sent(shard, id)
         WHERE pending.shard = sent.shard AND pending.id = sent.id
        """,
        [row["shard"] for row in rows],
        [row["id"] for row in rows],
    )
