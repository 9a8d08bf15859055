"""One consistent look at everything: a snapshot of each database, and every topic to its end."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer

from lutong_chassis import attributes
from lutong_chassis.kafka import KafkaAccess
from lutong_console.targets import Suite
from lutong_contracts import TOPICS
from lutong_contracts.moments import moment_of_ms

Row = Mapping[str, Any]

_COMMON: Final = {
    "outbox": "SELECT id, event_id::text AS event_id, topic, key, type, sequence, payload, written_at FROM outbox ORDER BY id",
    "pending": "SELECT shard, id FROM pending",
    "inbox": 'SELECT source, id, type, topic, partition, "offset", key FROM inbox',
    "parked": 'SELECT id, state, topic, partition, "offset", key, event_id, reason, error, value FROM parked ORDER BY id',
    "deadline": "SELECT event_id::text AS event_id, type, key, due_at, now() AS read_at FROM deadline",
    "passed_over": "SELECT topic, partition, type, first FROM passed_over",
    "idempotency": "SELECT key, body FROM idempotency",
    "audit": "SELECT id, at, actor, role, action, subject, before, after, reason, request_id FROM audit ORDER BY id",
}
_OWN: Final = {
    "feed": {
        "card": "SELECT post_id, state, program_id, reason FROM card",
        "counter": "SELECT * FROM counter",
        "program": "SELECT program_id, version, suspended_for FROM program",
        "request": "SELECT order_id, viewer_id, post_id, program_id, total_minor, currency, status FROM service_request",
    },
    "registry": {
        "program": "SELECT program_id, suspended_for, (SELECT number FROM version WHERE version.program_id = program.program_id AND state = 'released') AS version FROM program",
        "discovery": "SELECT post_id, program_id, reason FROM discovery",
        "usage": "SELECT * FROM usage",
    },
    "membership": {
        "line": "SELECT * FROM credit_line",
        "hold": "SELECT *, now() AS read_at FROM hold",
        "entry": "SELECT * FROM entry ORDER BY entry_id",
        "posting": "SELECT entry_id, account, amount_minor FROM posting ORDER BY entry_id, account",
        "agreement": "SELECT agreement.*, currency, now() AS read_at FROM agreement JOIN plan USING (plan_id)",
        "plan": "SELECT plan_id, version, terms FROM plan_version",
        "accrual": "SELECT * FROM accrual ORDER BY recorded_at, accrual_id",
        "debt": "SELECT * FROM debt",
        "deduction": "SELECT * FROM deduction",
        "repayment": "SELECT * FROM repayment",
        "decision": "SELECT * FROM decision",
        "proposal": "SELECT * FROM proposal",
        "coupon": "SELECT * FROM coupon",
        "stock": "SELECT * FROM coupon_stock",
        "job": "SELECT agreement_id, give_up_at, now() AS read_at FROM assessment_job",
        "waiting": "SELECT order_id, agreement_id FROM waiting_request",
    },
    "inventory": {
        "shelf": "SELECT location_id, sku, on_hand, reserved, unavailable FROM shelf",
        "movement": "SELECT movement_id, location_id, sku, kind, on_hand_delta, reserved_delta, unavailable_delta, order_id FROM movement ORDER BY movement_id",
        "order": "SELECT order_id, member_id, merchant_id, amount_minor, refunded_minor, currency, state, location_id FROM customer_order",
        "refund": "SELECT refund_id, order_id, amount_minor FROM refund",
        "sourcing_decision": "SELECT order_id, hop, location_id FROM sourcing_decision ORDER BY order_id, hop",
        "pickup_code": "SELECT order_id, used_at IS NOT NULL AS used FROM pickup_code",
        "reservation": "SELECT order_id, sku, location_id, units, state FROM reservation",
        "transfer": "SELECT transfer_id, from_location, to_location, state, sku, units, received, lost, coalesce((SELECT -sum(on_hand_delta) FROM movement WHERE kind = 'sent' AND reference = transfer_id AND movement.sku = transfer_line.sku AND location_id = from_location), 0)::integer AS left_shelf, coalesce((SELECT sum(on_hand_delta) FROM movement WHERE kind = 'arrived' AND reference = transfer_id AND movement.sku = transfer_line.sku AND location_id = to_location), 0)::integer AS came_to_shelf FROM transfer JOIN transfer_line USING (transfer_id)",
        "slot": "SELECT slot_id, location_id, capacity, held, booked FROM slot",
        "slot_hold": "SELECT hold_id, slot_id, member_id, state, expires_at, order_id, now() AS read_at FROM slot_hold",
    },
}


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record, as far as identities look at it."""

    topic: str
    partition: int
    offset: int
    key: str
    event_id: str
    source: str
    type: str
    sequence: int
    value: str
    headers: str
    occurred_at: datetime | None = None
    """When it happened, by its source."""
    at: datetime | None = None
    """When it came to its topic."""

    @property
    def place(self) -> str:
        """Where it is, for a witness."""
        return f"{self.topic}/{self.partition}@{self.offset}"


@dataclass(slots=True)
class World:
    """What was found: rows by service and table, and records of all topics in order of partition and offset."""

    tables: dict[str, dict[str, list[Row]]]
    records: list[Record]
    reactions: dict[str, set[str]]
    """Event types that each service handles."""
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    """Where each partition begins; 0 where nothing was dropped yet."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it was looked."""

    def rows(self, service: str, table: str) -> list[Row]:
        """Rows of a table."""
        return self.tables[service][table]

    @property
    def digest(self) -> str:
        """Equal for equal worlds: two looks that differ mean that something still moves."""
        found = hashlib.sha256()
        for service, tables in sorted(self.tables.items()):
            for table, rows in sorted(tables.items()):
                found.update(f"{service}.{table}".encode())
                for row in rows:
                    found.update(repr(still(row)).encode())
        for record in self.records:
            found.update(repr(record).encode())
        return found.hexdigest()


def still(row: Row) -> list[Any]:
    """A row without the moment at which it was read."""
    return [value for name, value in row.items() if name != "read_at"]


async def collect(target: Suite, reactions: dict[str, set[str]]) -> World:
    """Look once."""
    services = list(_OWN)
    found = await asyncio.gather(*(read_tables(target.database_urls[service], service) for service in services))
    records, begins = await read_topics(target.kafka)
    return World(dict(zip(services, found, strict=True)), records, reactions, begins)


async def read_tables(url: str, service: str) -> dict[str, list[Row]]:
    """All tables of a service in one repeatable-read, read-only snapshot."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {
                table: [dict(row) for row in await connection.fetch(sql)]
                for table, sql in {**_COMMON, **_OWN[service]}.items()
            }
    finally:
        await connection.close()


async def read_topics(kafka: KafkaAccess) -> tuple[list[Record], dict[tuple[str, int], int]]:
    """Every record of every topic, to the ends as they are now; and where each partition began when that was done.

    Asked afterwards: what was dropped while it was read may be missing.
    """
    consumer = AIOKafkaConsumer(
        *[topic.name for topic in TOPICS],
        **kafka.client,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        ends = {p: end for p, end in (await consumer.end_offsets(list(consumer.assignment()))).items() if end}
        found: list[Record] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found += [_record(record) for record in records if record.offset < ends.get(partition, 0)]
        begins = await consumer.beginning_offsets(list(consumer.assignment()))
        found.sort(key=lambda record: (record.topic, record.partition, record.offset))
        return found, {(partition.topic, partition.partition): begin for partition, begin in begins.items()}
    finally:
        await consumer.stop()


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
