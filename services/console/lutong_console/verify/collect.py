"""Looking: a snapshot of each database, and every topic to its end, batch by batch."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import asyncpg

from lutong_chassis import attributes
from lutong_chassis.kafka import KafkaAccess
from lutong_console.targets import Suite
from lutong_console.topic_consumer import reading
from lutong_console.verify.joining import Row
from lutong_console.verify.tables import SERVICES, TABLES
from lutong_console.verify.world import Record, World
from lutong_contracts import TOPICS
from lutong_contracts.moments import moment_of_ms

_BATCH_MAX: Final = 5_000


class Sink(Protocol):
    """Where what is read goes."""

    begins: dict[tuple[str, int], int]
    ends: dict[tuple[str, int], int]
    canaries: Sequence[str]

    def add(self, service: str, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take rows of a table of a service."""

    def add_records(self, records: Iterable[Record]) -> None:
        """Take records of topics."""


class Watcher:
    """Receives how far a look is; this one does nothing with it."""

    def expect(self, count: int) -> None:
        """So many rows or records are about to be read, by an estimate."""

    def advance(self, count: int) -> None:
        """So many were read."""

    def judge(self, identity: str) -> None:
        """What was read is judged by an identity."""


async def collect(
    target: Suite, reactions: Mapping[str, set[str]], canaries: Sequence[str] = (), watcher: Watcher | None = None
) -> World:
    """Look once. Nothing of the suite stays in memory; close the world when it is done with."""
    world = World(reactions, canaries)
    try:
        await read(target, world, watcher or Watcher())
    except BaseException:
        world.close()
        raise
    return world


async def read(target: Suite, sink: Sink, watcher: Watcher) -> None:
    """Read everything once."""
    await asyncio.gather(*(_read_tables(target.database_urls[name], name, sink, watcher) for name in SERVICES))
    await _read_topics(target.kafka, sink, watcher)


async def _read_tables(url: str, service: str, sink: Sink, watcher: Watcher) -> None:
    """All tables of a service in one repeatable-read, read-only snapshot."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            restores = await connection.fetchval("SELECT to_regclass('quiet') IS NOT NULL")  # not in the release before
            watcher.expect(await connection.fetchval(_ESTIMATE))
            for name, table in TABLES[service].items():
                if (name == "idempotency" and not sink.canaries) or (name == "quiet" and not restores):
                    continue  # answers are only searched
                async for rows in _batches(connection, table.sql):
                    sink.add(service, name, [dict(row) for row in rows])
                    watcher.advance(len(rows))
    finally:
        await connection.close()


_ESTIMATE: Final = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


async def _batches(connection: asyncpg.Connection, sql: str) -> AsyncIterator[list[asyncpg.Record]]:
    cursor = await connection.cursor(sql)
    while rows := await cursor.fetch(_BATCH_MAX):
        yield rows


async def _read_topics(kafka: KafkaAccess, sink: Sink, watcher: Watcher) -> None:
    """Every record of every topic, to the ends as they are now; and where each partition began when that was done.

    Asked afterwards: what was dropped while it was read may be missing.
    """
    async with reading(kafka, [topic.name for topic in TOPICS]) as consumer:
        ends = {p: end for p, end in (await consumer.end_offsets(list(consumer.assignment()))).items() if end}
        sink.ends = {(partition.topic, partition.partition): end for partition, end in ends.items()}
        watcher.expect(sum(ends.values()))
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await consumer.getmany(timeout_ms=200, max_records=_BATCH_MAX)).items():
                found = [_record(record) for record in records if record.offset < ends.get(partition, 0)]
                sink.add_records(found)
                watcher.advance(len(found))
        begins = await consumer.beginning_offsets(list(consumer.assignment()))
        sink.begins = {(partition.topic, partition.partition): begin for partition, begin in begins.items()}


def _record(record: Any) -> Record:  # noqa: ANN401  # an aiokafka ConsumerRecord
    """A record as services read it; never fails. Its value is kept as text, whatever it is."""
    found, _ = attributes.glance(record)
    sequence = found.get("sequence", "")
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode("utf-8", "replace"),
        event_id=found.get("id", ""),
        source=found.get("source", ""),
        type=found.get("type", ""),
        sequence=int(sequence) if re.fullmatch(r"[0-9]{1,18}", sequence) else 0,
        value=(record.value or b"").decode("utf-8", "replace"),
        headers=repr(sorted((name, (value or b"").decode("utf-8", "replace")) for name, value in record.headers)),
        occurred_at=_occurred_at(found.get("time", "")),
        at=moment_of_ms(record.timestamp),
    )


def _occurred_at(text: str) -> datetime | None:
    try:
        return attributes.moment(text)
    except attributes.MalformedError:
        return None


def moment(row: Row, name: str) -> datetime:
    """A timestamp of a row."""
    value: datetime = row[name]
    return value
