"""Reading topics without a consumer group, so that nothing is committed: what is there in order of time, then live."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lutong_chassis.kafka import KafkaAccess
from lutong_console.cli.errors import UNREACHABLE, ConsoleError
from lutong_console.cli.streams import end_when_nobody_reads
from lutong_console.merge import Merge
from lutong_console.topic_consumer import reading

START: Final = datetime.fromtimestamp(0, UTC)
"""The beginning of every topic."""
NOW: Final = datetime.max.replace(tzinfo=UTC)
"""As an end: the end of every topic as it is when reading begins."""
_POLL_MS: Final = 250
_RECORDS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Span:
    """What is read of each topic: from `began` (None: only what comes from now on) to `until` (None: without end)."""

    began: datetime | None = None
    until: datetime | None = None

    @property
    def ends(self) -> bool:
        """Whether everything that is wanted is there already."""
        return self.until is not None and (self.until == NOW or self.until <= datetime.now(UTC))

    def has_passed(self, timestamp_ms: int) -> bool:
        """Whether a moment is at the end or after it."""
        return self.until is not None and self.until != NOW and timestamp_ms >= _milliseconds(self.until)


async def records_of(
    kafka: KafkaAccess, names: list[str], span: Span, stop: asyncio.Event
) -> AsyncGenerator[Any, None]:
    """The records of a span: what is there in order of time over all topics, what comes later as it comes."""
    async with _consumer(kafka, names) as consumer:
        merge = await _seek(consumer, span)
        async for record in _merged(consumer, merge, stop):
            yield record
        if span.ends:
            return
        while not stop.is_set() and not span.has_passed(_milliseconds(datetime.now(UTC))):
            end_when_nobody_reads()
            for records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS_MAX)).values():
                for record in records:
                    if not span.has_passed(record.timestamp):
                        yield record


@asynccontextmanager
async def _consumer(kafka: KafkaAccess, names: list[str]) -> AsyncIterator[AIOKafkaConsumer]:
    try:
        async with reading(kafka, names) as consumer:
            yield consumer
    except KafkaError as error:
        raise ConsoleError(
            f"Kafka at {kafka.bootstrap} does not answer ({type(error).__name__})",
            then="lutong status",
            code=UNREACHABLE,
        ) from None


async def _seek(consumer: AIOKafkaConsumer, span: Span) -> Merge:
    """Go to where the span begins. Always to an offset.

    aiokafka resets the positions of a new consumer in the background; `seek_to_beginning` while such an answer is
    on its way ends at the answer, which is the end of the topic. A position that was sought by offset stays.
    """
    partitions = list(consumer.assignment())
    ends = await consumer.end_offsets(partitions)
    begins = await _offsets_at(consumer, span.began, ends)
    for partition, offset in begins.items():
        consumer.seek(partition, offset)
    if span.until is not None and span.ends:
        ends = await _offsets_at(consumer, span.until, ends)
    return Merge(ends, dict(begins))


async def _offsets_at(
    consumer: AIOKafkaConsumer, at: datetime | None, ends: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The first offset of each partition with this timestamp or a later one, or its end."""
    if at in (None, NOW):
        return ends
    if at == START:  # by offset: a record without a timestamp is at no time
        found: dict[TopicPartition, int] = await consumer.beginning_offsets(list(ends))
        return found
    asked = await consumer.offsets_for_times(dict.fromkeys(ends, _milliseconds(at)))
    return {
        partition: min(asked[partition].offset if asked.get(partition) else end, end) for partition, end in ends.items()
    }


async def _merged(consumer: AIOKafkaConsumer, merge: Merge, stop: asyncio.Event) -> AsyncGenerator[Any, None]:
    while not stop.is_set():
        for record in merge.ready():
            yield record
        hungry = merge.hungry
        if not hungry:
            return
        end_when_nobody_reads()
        found = await consumer.getmany(*hungry, timeout_ms=_POLL_MS, max_records=_RECORDS_MAX)
        for partition in hungry:
            merge.take(partition, found.get(partition, ()), await consumer.position(partition))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
