"""The FastStream subscriber of a service: one consumer group, whole polls, acknowledged by hand."""

import asyncio
from contextlib import suppress
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.security import BaseSecurity, SASLScram512

from lutong_chassis import _patches, observe
from lutong_chassis.consumer import Consumer, Records
from lutong_chassis.errors import StrayCancellationError
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.pacing import rest_s
from lutong_chassis.progress import Retry
from lutong_chassis.settings import Settings
from lutong_chassis.supervise import cancelled_by_us
from lutong_contracts import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiokafka import AIOKafkaConsumer, ConsumerRecord

_patches.install("aiokafka", _patches.of_aiokafka)
log = structlog.get_logger(__name__)

_POLL_TIMEOUT_MS = 1_000
_COMMIT_INTERVAL_S = 1.0
"""How long offsets may wait for those of the next poll: a commit each time costs a busy consumer a twentieth, and a single event
as much as its handling. A replica that takes over meanwhile finds in its inbox what was handled."""
_AHEAD_BYTES = 262_144
"""What is fetched ahead of a partition: some batches. A long backlog would fill the memory with a megabyte of each."""


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Counts them, and forgets how far this process was in partitions that others may have gone on with."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer

    def on_partitions_revoked(self, revoked: "set[TopicPartition]") -> None:
        """Partitions go."""

    def on_partitions_assigned(self, assigned: "set[TopicPartition]") -> None:
        """Partitions come."""
        observe.REBALANCES.inc()
        self.consumer.reassigned()
        log.info("partitions_assigned", count=len(assigned))


class KafkaSubscriber:
    """What is between the broker and the consumer: assignment, positions, start and stop."""

    def __init__(self, group_id: str, topics: "Sequence[Topic]", consumer: Consumer, settings: Settings) -> None:
        self.settings = settings
        self.group_id = group_id
        self.topics = topics
        self.consumer = consumer
        self.beat_s = monotonic()
        """When the loop that consumes last came round."""
        self.unreadable: Retry | None = None
        """Since when Kafka gives errors instead of records, if it does."""
        self._read_to: dict[TopicPartition, int] = {}
        self._astray: set[TopicPartition] = set()
        """Partitions that a read which failed may have passed records of, from a position that was not known."""
        self._handling = False
        self._rest_s = 0.0
        self._stopping = False
        self._committed_at_s = 0.0
        self._broker = KafkaBroker(
            settings.kafka.brokers,
            security=security(settings.kafka),
            client_id=group_id,
            apply_types=False,
            serializer=None,  # batches are decoded by `_parse`: no model of its arguments is needed
            allow_auto_create_topics=False,
            graceful_timeout=settings.shutdown_timeout_s,
            logger=None,
        )
        self._subscriber = None
        if topics:
            self._subscriber = self._broker.subscriber(
                *[topic.name for topic in topics],
                group_id=group_id,
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=settings.session_timeout_ms // 4,
                max_partition_fetch_bytes=_AHEAD_BYTES,
                batch=True,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                ack_policy=AckPolicy.MANUAL,
                listener=_Rebalances(consumer),
                parser=self._parse,
                decoder=_identity,
            )
            self._subscriber(self._on_poll)
            self.consumer.processor.partitions_of = self._partitions_of
            _patches.install("faststream", lambda: _patches.poll_by(self._subscriber, self._poll))

    @property
    def kafka(self) -> "AIOKafkaConsumer | None":
        """The client that is consuming now, if any."""
        return self._subscriber.consumer if self._subscriber else None

    @property
    def has_assignment(self) -> bool:
        """Whether the group gave us partitions. With more replicas than partitions it may not."""
        return bool(self.kafka and self.kafka.assignment())

    @property
    def silent_s(self) -> float:
        """How long the loop that consumes has neither asked for records nor had any in hand."""
        return 0.0 if self._handling else monotonic() - self.beat_s

    @property
    def rebalances(self) -> bool:
        """Whether the group is still sharing its partitions: then nobody is given records, however long that takes."""
        return bool(self.kafka and self.kafka._subscription.reassignment_in_progress)  # noqa: SLF001  # aiokafka has no public way

    @property
    def retrying(self) -> Retry | None:
        """What is tried again and again now, a batch or a read."""
        return self.consumer.retrying or self.unreadable

    async def start(self) -> None:
        """Join the group. After a failure it may be called again."""
        self.beat_s = monotonic()
        try:
            await self._broker.start()
        except BaseException:
            await self._disconnect()
            raise

    async def stop(self) -> None:
        """Finish the poll in hand, commit what was handled, leave the group."""
        self._stopping = True
        await self.commit_offsets()
        await self._disconnect()

    async def _disconnect(self) -> None:
        """Close what is open. What aiokafka cancels in itself meanwhile hides no error of a start, and ends no stop."""
        with suppress(StrayCancellationError), cancelled_by_us():
            await self._broker.stop()

    async def commit_offsets(self) -> None:
        """Commit the offsets of what was handled."""
        if self.kafka and self.consumer.handled:
            await self.consumer.commit_offsets(self.kafka)
        self._committed_at_s = monotonic()

    def positions(self) -> dict[TopicPartition, int | None]:
        """The next offset of each assigned partition, as far as it is known."""
        kafka = self.kafka
        if kafka is None:
            return {}
        states = kafka._subscription.subscription  # noqa: SLF001  # `position()` would wait for an answer
        if states is None or states.assignment is None:
            return {}
        found: dict[TopicPartition, int | None] = {}
        for partition in kafka.assignment():
            state = states.assignment.state_value(partition)
            found[partition] = state.position if state and state.has_valid_position else None
        return found

    def done(self) -> dict[TopicPartition, int]:
        """The position of each assigned partition up to which everything was handled, as far as it is known."""
        return {
            partition: min(position, self.consumer.in_hand.get(partition, position))
            for partition, position in self.positions().items()
            if position is not None
        }

    def _partitions_of(self, topic: str) -> int:
        """How many partitions a topic has; 0 while that is not known."""
        return len((self.kafka and self.kafka.partitions_for_topic(topic)) or ())

    async def _poll(self, consumer: "AIOKafkaConsumer") -> "tuple[ConsumerRecord[Any, Any], ...]":
        """Wait until there are records, and take as many as one transaction may handle."""
        await asyncio.sleep(self._rest_s)
        try:
            await self._go_back_to_committed(consumer)
            polled = await self._look_back_and_fetch(consumer)
        except Exception as error:
            await self._note_unreadable(error)
            raise
        self.beat_s = monotonic()
        self.unreadable = None
        self._read_to = {partition: to for partition, to in self.positions().items() if to is not None}
        if not polled:
            self._note_handled()
            await self.commit_offsets()
        return tuple(chain.from_iterable(polled.values()))

    async def _look_back_and_fetch(self, consumer: "AIOKafkaConsumer") -> "Mapping[TopicPartition, Records]":
        """The next records. Those of partitions that came while it waited are fetched again after looking back there."""
        while True:
            await self.consumer.look_back(consumer)
            self.beat_s = monotonic()  # that may have taken a while
            polled = await self._fetch(consumer)
            if not (polled and self.consumer.processor.memory.reassigned):
                return polled
            for partition in polled.keys() & consumer.assignment():
                consumer.seek(partition, polled[partition][0].offset)

    async def _fetch(self, consumer: "AIOKafkaConsumer") -> "Mapping[TopicPartition, Records]":
        """The next records. Goes back when that fails: aiokafka has passed records of one partition when another one's cannot be read.

        A partition that came while it waited goes back to what is committed, before anything else is read. Nothing else
        that fails moves a partition: others have gone back on purpose.
        """
        asked_from = self.positions()
        try:
            polled: Mapping[TopicPartition, Records] = await consumer.getmany(
                timeout_ms=_POLL_TIMEOUT_MS, max_records=self.settings.batch_records_max
            )
        except Exception:
            for partition, now in self.positions().items():
                before = asked_from.get(partition)
                if before is None:
                    self._astray.add(partition)
                elif now != before:
                    consumer.seek(partition, before)
            raise
        return polled

    def _note_handled(self) -> None:
        """Everything before the positions was handled, also what is no record: transaction markers, gaps."""
        committed = self.consumer.committed
        self.consumer.handled |= {
            partition: to for partition, to in self._read_to.items() if committed.get(partition) != to
        }

    async def _note_unreadable(self, error: Exception) -> None:
        self.beat_s = monotonic()
        self.unreadable = (self.unreadable or Retry(self.beat_s, 0, "")).again(type(error).__name__, (), None)
        if not isinstance(error, KafkaError):  # FastStream waits after those itself
            log.error("records_not_readable", error=type(error).__name__, attempt=self.unreadable.attempts)
            await asyncio.sleep(min(self.settings.retry_delay_max_s, float(self.unreadable.attempts)))

    async def _go_back_to_committed(self, consumer: "AIOKafkaConsumer") -> None:
        """Have partitions read from what is committed, of which nobody knows where a read that failed began."""
        for partition in sorted(self._astray & consumer.assignment()):
            committed = await consumer.committed(partition)
            if committed is None:
                committed = (await consumer.beginning_offsets([partition]))[partition]
            if partition in consumer.assignment():
                consumer.seek(partition, committed)
                self.consumer.processor.memory.assignments += 1  # a look back begins anew, too
        self._astray.clear()

    async def _parse(self, records: "tuple[ConsumerRecord[Any, Any], ...]") -> KafkaAckableMessage:
        """Pass records on untouched: FastStream's own parser would fail a whole poll on one bad header."""
        return KafkaAckableMessage(
            raw_message=records, body=b"", headers={}, batch_headers=[], correlation_id="", consumer=self.kafka
        )

    async def _on_poll(self, message: KafkaAckableMessage) -> None:
        kafka = self.kafka
        if kafka is None:
            return
        self._handling, began_s = True, monotonic()
        # FastStream's message refers to itself: with the records in it, they would stay until garbage is collected.
        records, message.raw_message = message.raw_message, ()
        try:
            await self.consumer.on_poll(records, kafka, self._read_to)
            if self._stopping or monotonic() - self._committed_at_s > _COMMIT_INTERVAL_S:
                await self.commit_offsets()
        finally:
            self._handling = False
            self.beat_s = monotonic()
            self._rest_s = rest_s(len(records), self.settings.batch_records_max, self.beat_s - began_s)


async def _identity(message: KafkaAckableMessage) -> KafkaAckableMessage:
    return message


def security(kafka: KafkaAccess) -> BaseSecurity | None:
    """How to come to Kafka, as FastStream's broker wants it."""
    if kafka.protocol.startswith("SASL"):
        return SASLScram512(*kafka.credentials, kafka.tls)
    return BaseSecurity(tls) if (tls := kafka.tls) else None
