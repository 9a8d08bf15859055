"""Going on behind a record that cannot even be set aside: an operator names it, the consumer keeps its bytes and goes on.

A consumer that tries a batch again writes down which records are left of it (`retrying`), so that any replica knows.
An operator's request (`skip`) is taken only for such a record. Before each next try the consumer looks for requests, and
keeps the record's bytes as a discarded parked row. The request is audited where it is made, and stays: a process that
dies before it commits its offsets meets the record again, and passes it over.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import asyncpg
from aiokafka import TopicPartition

from lutong_chassis import envelope, failpoints, inbox, parking
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.envelope import Place, Record, place
from lutong_chassis.parking import ParkCandidate
from lutong_chassis.progress import Retry, ranges, show
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts import Topic

SEEN_MAX_S: Final = 120
"""How long what a consumer wrote down counts: one that lives writes again after each try."""
REASON: Final = "skipped"


class RecordId(NamedTuple):
    """What a record is known by: a topic that was made anew has other records at the same offsets."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: Annotated[int, Sql("integer")]


_PARTITION: Final = columns_of(Partition)


class SkipRequest(NamedTuple):
    """That a record be skipped, by whom and why."""

    actor: str
    reason: str


class Requested(NamedTuple):
    """When a skip was requested; `is_new` is whether it was not requested before."""

    at: datetime
    is_new: bool


class StuckRow(NamedTuple):
    """What is left of a batch in one partition, as a consumer wrote it down."""

    topic: str
    partition: int
    since: datetime
    attempts: int
    error: str
    guilty: int | None
    offsets: Sequence[int]

    @property
    def places(self) -> list[Place]:
        """Where its records are."""
        return [Place(self.topic, self.partition, offset) for offset in self.offsets]

    @property
    def where(self) -> str:
        """The record that fails alone, or all that are left."""
        return ranges(self.places if self.guilty is None else [Place(self.topic, self.partition, self.guilty)])


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is not skipped: a stable word and a sentence."""

    code: str
    detail: str


class ParkedAs(NamedTuple):
    """The parked record that keeps a record, and its state."""

    id: int
    state: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a service knows of one place: is its topic consumed, is a skip requested, was it handled or parked."""

    topics: Sequence[str]
    stuck: Sequence[StuckRow] = ()
    requested: bool = False
    handled_at: datetime | None = None
    parked: ParkedAs | None = None


def judge(service: str, where: Place, known: Known) -> Refusal | None:
    """Whether a record may be skipped: only one that this service tries again now. Asking twice is asking once."""
    if known.requested:
        return None
    if where.topic not in known.topics:
        return Refusal(
            "unknown_topic", f"{service} does not consume {where.topic}: it consumes {', '.join(known.topics)}"
        )
    if known.parked:
        number, state = known.parked
        what = f"{show(where)} is set aside already, as parked record {number} ({state})"
        return Refusal("already_parked", f"{what}: lutong parked show {service} {number}")
    if known.handled_at:
        return Refusal(
            "already_handled", f"{service} handled {show(where)} at {known.handled_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    tried = [tried_at for row in known.stuck for tried_at in row.places]
    if where not in tried:
        instead = f"it tries {ranges(tried)} again" if tried else "it tries no batch again now"
        return Refusal("not_retried", f"{service} does not try {show(where)} again: {instead}")
    return None


async def request(
    tx: Tx, service: str, where: Place, topics: Sequence[Topic], decision: SkipRequest
) -> Refusal | Requested:
    """Have a record skipped before the next try; gives when that was requested, or why it is refused."""
    refusal = judge(service, where, await _known(tx, where, topics))
    if refusal:
        return refusal
    added = await tx.fetchval(
        """
        INSERT INTO skip (topic, partition, "offset", timestamp, actor, reason)
        SELECT topic, partition, $3, timestamps[array_position(offsets, $3)], $4, $5
          FROM retrying
         WHERE topic = $1 AND partition = $2 AND $3 = ANY (offsets)
            ON CONFLICT (topic, partition, "offset", timestamp) DO NOTHING
        RETURNING requested_at
        """,
        *where,
        *decision,
    )
    if added:
        return Requested(added, is_new=True)
    since: datetime | None = await tx.fetchval(
        'SELECT max(requested_at) FROM skip WHERE topic = $1 AND partition = $2 AND "offset" = $3', *where
    )
    gone = Refusal("not_retried", f"{service} does not try {show(where)} again any more")
    return Requested(since, is_new=False) if since else gone  # it went on between the look and the request


async def _known(tx: Tx, where: Place, topics: Sequence[Topic]) -> Known:
    row = await tx.fetchrow(
        """
        SELECT EXISTS (SELECT FROM skip WHERE topic = $1 AND partition = $2 AND "offset" = $3) AS requested,
               (SELECT max(received_at) FROM inbox WHERE topic = $1 AND partition = $2 AND "offset" = $3
                   AND received_at > now() - interval '1 day') AS handled_at,
               (SELECT max(id) FROM parked WHERE topic = $1 AND partition = $2 AND "offset" = $3) AS parked_id,
               (SELECT state FROM parked WHERE topic = $1 AND partition = $2 AND "offset" = $3
                 ORDER BY id DESC LIMIT 1) AS state
        """,
        *where,
    )
    assert row is not None  # noqa: S101  # a SELECT without FROM has one row
    parked = ParkedAs(row["parked_id"], row["state"]) if row["parked_id"] else None
    names = [topic.name for topic in topics]
    return Known(names, await stuck(tx), row["requested"], row["handled_at"], parked)


async def stuck(tx: Tx) -> list[StuckRow]:
    """What consumers of this service try again, as they wrote it down lately."""
    rows = await tx.fetch(
        """
        SELECT topic, partition, since, attempts, error, guilty, offsets
          FROM retrying
         WHERE seen_at > now() - $1 * interval '1 second'
         ORDER BY topic, partition
        """,
        SEEN_MAX_S,
    )
    return [StuckRow(*row) for row in rows]


async def write_down(pool: Pool, retry: Retry, records: Sequence[Record], lasts_s: float) -> None:
    """Record which records are left of a batch that is tried again, in place of what was recorded of their partitions before."""
    by_partition: dict[Partition, list[Record]] = defaultdict(list)
    for record in records:
        by_partition[Partition(record.topic, record.partition)].append(record)
    async with transaction(pool) as tx:  # a row each: PostgreSQL unnests no arrays of arrays, and partitions are few
        for (topic, partition), mine in sorted(by_partition.items(), key=lambda item: item[0]):
            guilty = retry.guilty.offset if retry.guilty and retry.guilty[:2] == (topic, partition) else None
            await tx.execute(
                """
                INSERT INTO retrying (topic, partition, since, attempts, error, guilty, offsets, timestamps)
                VALUES ($1, $2, now() - $3 * interval '1 second', $4, $5, $6, $7, $8)
                    ON CONFLICT (topic, partition) DO UPDATE
                       SET since = excluded.since, attempts = excluded.attempts, error = excluded.error,
                           guilty = excluded.guilty, offsets = excluded.offsets, timestamps = excluded.timestamps,
                           seen_at = now()
                """,
                topic,
                partition,
                lasts_s,
                retry.attempts,
                retry.error,
                guilty,
                [record.offset for record in mine],
                [record.timestamp for record in mine],
            )


async def forget(pool: Pool, partitions: Iterable[TopicPartition]) -> None:
    """Nothing of these partitions is tried again any more."""
    async with transaction(pool) as tx:
        await tx.execute(
            f"DELETE FROM retrying WHERE ({_PARTITION.names}) IN (SELECT {_PARTITION.names} FROM {_PARTITION.unnest()})",
            *_PARTITION.arrays(Partition(*partition) for partition in sorted(set(partitions))),
        )


async def requests(pool: Pool) -> dict[RecordId, SkipRequest]:
    """All records that are to be skipped, or were: operators name them one by one, so they are few."""
    async with transaction(pool, readonly=True) as tx:
        rows = await tx.fetch('SELECT topic, partition, "offset", timestamp, actor, reason FROM skip')
    return {RecordId(*row[:4]): SkipRequest(*row[4:]) for row in rows}


def record_id(record: Record) -> RecordId:
    """What a record is known by."""
    return RecordId(*place(record), record.timestamp)


async def set_aside(pool: Pool, records: Sequence[Record], error: str) -> None:
    """Keep the bytes of skipped records as discarded ones. A record that was kept before is left as it is."""
    async with transaction(pool) as tx:
        await parking.park(tx, [ParkCandidate(record, "discarded", REASON, error) for record in records])
        await tx.execute("UPDATE parked SET resolved_at = now() WHERE reason = $1 AND resolved_at IS NULL", REASON)
        for record in records:
            await _remember(tx, record)
        failpoints.reach("parked_not_committed")
    failpoints.reach("parked_not_offsets")


async def _remember(tx: Tx, record: Record) -> None:
    """A copy that comes later counts as seen, where the record can be read at all."""
    try:
        received = envelope.read(record)
    except Exception:  # it may be skipped because reading it fails in ways that nobody knows
        return
    with suppress(asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
        async with tx.savepoint():
            await inbox.receive(tx, [received])
