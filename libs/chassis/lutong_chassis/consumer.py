"""From a poll of Kafka to effects in PostgreSQL: one transaction per poll (`processing.py`), each event once.

What is handled, what is parked and what waits behind a parked record are decided and committed
together; only then the offsets. Transient trouble is waited out in place. Anything else is
narrowed down to the guilty event, which is parked; all others go on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from lutong_chassis import failpoints, noticing, observe, skipping
from lutong_chassis.database import pause_before_retry, transaction
from lutong_chassis.envelope import Incoming, Place, place
from lutong_chassis.errors import classify
from lutong_chassis.narrowing import Narrowed, narrow
from lutong_chassis.parking import summarise_error
from lutong_chassis.passed_over import REMEMBERED
from lutong_chassis.processing import Processor
from lutong_chassis.progress import Retry, came_at_s, places_of, ranges, show
from lutong_chassis.skipping import RecordId, SkipRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import AIOKafkaConsumer

NARROWED_AFTER_TRIES: Final = 5
"""How often a batch is tried as a whole before its records are tried in halves, to find the one that fails alone."""

_COMMIT_TIMEOUT_S: Final = 5.0

log = structlog.get_logger(__name__)

Records = Sequence["ConsumerRecord[Any, Any]"]


@dataclass(slots=True)
class Consumer:
    """The consuming side of one process: what FastStream hands every poll to."""

    processor: Processor
    retry_delay_max_s: float
    retrying: Retry | None = None
    """What is tried again now, if anything is."""
    in_hand: dict[TopicPartition, int] = field(default_factory=dict)
    """The first offset of each partition that is being handled now."""
    goes_on_at: dict[TopicPartition, int] = field(default_factory=dict)
    """Where each partition goes on after what is in hand."""
    handled: dict[TopicPartition, int] = field(default_factory=dict)
    """The position of each partition up to which everything was handled, where it is not committed yet."""
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    """The position of each partition, as far as it is committed; unknown ones are asked for when they are needed."""
    reached_s: float = 0.0
    """When the oldest record in hand came to its topic, or else the last one handled; in seconds since 1970."""
    _skips: dict[RecordId, SkipRequest] | None = None
    _written: bool = False

    async def on_poll(
        self, records: Records, consumer: "AIOKafkaConsumer", positions: "Mapping[TopicPartition, int] | None" = None
    ) -> None:
        """Handle one poll to the end, however long it takes. Its offsets are to be settled, now or later.

        `positions` is where Kafka goes on after these records; left out, it is behind the last of each partition.
        Never raises: FastStream would go on to the next poll and the records would be lost.
        """
        attempt, left = 0, [Incoming(record) for record in records]
        self.reached_s = came_at_s(records, time())
        self.in_hand = {_partition(record): record.offset for record in reversed(records)}
        self.goes_on_at = {_partition(record): record.offset + 1 for record in records} | dict(positions or {})
        failpoints.reach("consumer_fetched")
        while left:
            try:
                left = await self._without_skipped(left)
                left, guilty, error = await self._try(left, attempt) if left else (left, None, None)
            except Exception as failure:
                guilty, error = None, failure
            if error is not None and left:
                await self._note_retry([item.record for item in left], guilty, error)
                await self._wait(attempt, {_partition(item.record) for item in left}, consumer)
                attempt += 1
        await self._note_end()
        self.reached_s = came_at_s(records[-1:], time())
        self.in_hand = {}
        failpoints.reach("committed_not_offsets")
        self.handled |= self.goes_on_at

    def reassigned(self) -> None:
        """Other partitions come: Kafka knows how far they are, and there may be new requests to skip records."""
        self.handled.clear()
        self.committed.clear()
        self.processor.memory.forget()
        self._skips = None

    async def look_back(self, consumer: "AIOKafkaConsumer") -> None:
        """After other partitions came: go back to what earlier versions of this service passed over there."""
        while self.processor.memory.reassigned:
            await self.processor.memory.look_back(self.processor.pool, consumer, self.handled)

    async def commit_offsets(self, consumer: "AIOKafkaConsumer") -> None:
        """Commit exactly what was handled. A failure is harmless: the inbox knows what comes again, and we try again."""
        offsets, self.handled = self.handled, {}
        mine = {partition: offset for partition, offset in offsets.items() if partition in consumer.assignment()}
        try:
            await asyncio.wait_for(self._commit(consumer, mine), _COMMIT_TIMEOUT_S)
        except Exception as error:
            log.warning("offsets_not_committed", error=summarise_error(error))
            self.handled = mine | self.handled

    async def _commit(self, consumer: "AIOKafkaConsumer", mine: dict[TopicPartition, int]) -> None:
        unknown = [partition for partition in mine if partition not in self.committed]
        if unknown:
            known, missed = await noticing.read_committed_offsets(consumer, unknown)
            await noticing.write_missed(self.processor.pool, missed)
            self.committed |= known
        memory = self.processor.memory
        settled = await memory.settle(self.processor.pool, mine)
        ahead = {
            partition: offset
            for partition, offset in settled.items()
            if offset != self.committed.get(partition) or partition in memory.unmarked
        }
        if memory.reassigned:  # an offset with the word would hide what was passed over before it
            self.handled = mine | self.handled
        elif ahead:
            await consumer.commit({partition: (offset, REMEMBERED) for partition, offset in ahead.items()})
            self.committed |= ahead
            memory.unmarked -= ahead.keys()

    async def _try(self, batch: list[Incoming], attempt: int) -> Narrowed:
        """One try; gives what is left of a batch. Later tries look for the record that fails alone."""
        if attempt >= NARROWED_AFTER_TRIES and len(batch) > 1:
            async with transaction(
                self.processor.pool, readonly=True
            ):  # while the database is away, no record is guilty
                pass
            return await narrow(batch, lambda part: self.processor.process(part, attempt))
        try:
            await self.processor.process(batch, attempt)
        except Exception as error:
            return Narrowed(batch, place(batch[0].record) if len(batch) == 1 else None, error)
        return Narrowed([])

    async def _without_skipped(self, batch: list[Incoming]) -> list[Incoming]:
        """Set aside what an operator wants skipped, and give the rest. Requests are looked for before each further try.

        Before anything is decoded: reading a record may be what fails.
        """
        if self._skips is None or self.retrying:
            self._skips = await skipping.requests(self.processor.pool)
        requested = [item.record for item in batch if skipping.record_id(item.record) in self._skips]
        if not requested:
            return batch
        error = self.retrying.error if self.retrying else "it was skipped before"
        await skipping.set_aside(self.processor.pool, requested, error)
        log.error("records_skipped", places=[show(where) for where in places_of(requested)])
        return [item for item in batch if skipping.record_id(item.record) not in self._skips]

    async def _note_retry(self, records: Records, guilty: "Place | None", error: Exception) -> None:
        """Note what is tried again: in this process at once, and in the database when it lasts."""
        before = self.retrying or Retry(monotonic(), 0, "")
        self.retrying = retry = before.again(summarise_error(error), places_of(records), guilty)
        observe.RETRIES.inc()
        log.warning(
            "batch_delayed",
            error=retry.error,
            error_class=classify(error),
            attempt=retry.attempts,
            where=ranges(retry.places),
            guilty=retry.guilty and show(retry.guilty),
        )
        if retry.attempts > NARROWED_AFTER_TRIES:
            self._written = True
            await noticing.quietly(
                skipping.write_down(self.processor.pool, retry, records, monotonic() - retry.since_s)
            )
            done = self.in_hand.keys() - {_partition(record) for record in records}
            await noticing.quietly(skipping.forget(self.processor.pool, done))

    async def _note_end(self) -> None:
        if self._written:
            self._written = False
            await noticing.quietly(skipping.forget(self.processor.pool, self.in_hand))
        self.retrying = None

    async def _wait(self, attempt: int, held: set[TopicPartition], consumer: "AIOKafkaConsumer") -> None:
        """Pause before the next try, and keep polling meanwhile so that the group does not give us up."""
        mine = held & consumer.assignment()
        consumer.pause(*mine)
        try:
            await pause_before_retry(attempt, self.retry_delay_max_s)
            if mine & consumer.assignment():
                polled = await consumer.getmany(*(mine & consumer.assignment()), timeout_ms=0)
                for partition, early in polled.items():  # it came back to us meanwhile, and is not paused any more
                    consumer.seek(partition, early[0].offset)
        except Exception as error:  # whatever Kafka's client raises, what is in hand is not given up for it
            log.debug("poll_while_paused_failed", error=type(error).__name__)
            for partition in mine & consumer.assignment() & self.goes_on_at.keys():  # it may have passed records
                consumer.seek(partition, self.goes_on_at[partition])
        finally:
            consumer.resume(*(mine & consumer.assignment()))


def _partition(record: "ConsumerRecord[Any, Any]") -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
