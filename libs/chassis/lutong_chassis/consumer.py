"""From a poll of Kafka to effects in PostgreSQL: one transaction per poll, each event once.

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
from aiokafka.errors import KafkaError

from lutong_chassis import failpoints, inbox, noticing, observe, outbox, parking, skipping
from lutong_chassis.database import Pool, Tx, pause_before_retry, transaction
from lutong_chassis.envelope import MalformedError, Received, decode, describe, place
from lutong_chassis.errors import blames, classify, tries_max
from lutong_chassis.grouping import group
from lutong_chassis.handlers import Handlers
from lutong_chassis.narrowing import narrow
from lutong_chassis.parking import ParkCandidate, summarise_error
from lutong_chassis.progress import Place, Retry, came_at_s, places_of, ranges, show
from lutong_chassis.skipping import RecordId, SkipRequest
from lutong_contracts import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from aiokafka import AIOKafkaConsumer

NARROWED_AFTER_TRIES: Final = 5
"""How often a batch is tried as a whole before its records are tried in halves, to find the one that fails alone."""

_COMMIT_TIMEOUT_S: Final = 5.0

log = structlog.get_logger(__name__)

Records = Sequence["ConsumerRecord[Any, Any]"]


async def handle(tx: Tx, received: Sequence[Received[Event]], handlers: Handlers) -> list[Received[Event]]:
    """Take events in and run their handlers in the given transaction; gives those that were new."""
    fresh = await inbox.receive(tx, received)
    failpoints.reach("inbox_inserted")
    for batch in group(fresh):
        cls = type(batch[0].event)
        with observe.handling(cls.type, batch) as joined:
            tx.outgoing.extend(await handlers.by_type[cls](joined, tx))
    failpoints.reach("after_state")
    await outbox.write(tx, tx.outgoing)
    failpoints.reach("after_outbox")
    return fresh


@dataclass(slots=True)
class Consumer:
    """The consuming side of one process: what FastStream hands every poll to."""

    pool: Pool
    handlers: Handlers
    retry_delay_max_s: float
    after_commit: "Callable[[], None]"
    wake_job_queues: "Callable[[set[str]], None]" = lambda _names: None
    owner: str = ""
    """The service that consumes. What it published itself is passed over where it takes a type from others."""
    partitions_of: "Callable[[str], int]" = lambda _topic: 0
    """How many partitions a topic has; 0 where nobody knows."""
    retrying: Retry | None = None
    """What is tried again now, if anything is."""
    in_hand: dict[TopicPartition, int] = field(default_factory=dict)
    """The first offset of each partition that is being handled now."""
    handled: dict[TopicPartition, int] = field(default_factory=dict)
    """The position of each partition up to which everything was handled, where it is not committed yet."""
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    """The position of each partition, as far as it is committed; unknown ones are asked for when they are needed."""
    reached_s: float = 0.0
    """When the oldest record in hand came to its topic, or else the last one handled; in seconds since 1970."""
    _skips: dict[RecordId, SkipRequest] | None = None
    _outcomes: "dict[Place, Received[Event] | MalformedError]" = field(default_factory=dict)
    """What each record of the poll in hand says: decoded once, however often it is tried."""
    _written: bool = False

    async def on_poll(
        self, records: Records, consumer: "AIOKafkaConsumer", positions: "Mapping[TopicPartition, int] | None" = None
    ) -> None:
        """Handle one poll to the end, however long it takes. Its offsets are to be settled, now or later.

        `positions` is where Kafka goes on after these records; left out, it is behind the last of each partition.
        Never raises: FastStream would go on to the next poll and the records would be lost.
        """
        attempt, left = 0, list(records)
        self.reached_s = came_at_s(records, time())
        self.in_hand = {_partition(record): record.offset for record in reversed(records)}
        failpoints.reach("consumer_fetched")
        self._outcomes = {}
        while left:
            try:
                left = await self._without_skipped(left)
                self._outcomes = self._outcomes or {place(record): decode(record) for record in left}
                left, guilty, error = await self._try(left, attempt) if left else (left, None, None)
            except Exception as failure:
                guilty, error = None, failure
            if error is not None and left:
                await self._note_retry(left, guilty, error)
                await self._wait(attempt, left, consumer)
                attempt += 1
        await self._note_end()
        self.reached_s = came_at_s(records[-1:], time())
        self.in_hand = {}
        failpoints.reach("committed_not_offsets")
        self.handled |= {_partition(record): record.offset + 1 for record in records} | dict(positions or {})

    def reassigned(self) -> None:
        """Other partitions come: how far they are is for Kafka to say, and others may have been told to skip meanwhile."""
        self.handled.clear()
        self.committed.clear()
        self._skips = None

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
            await noticing.write_missed(self.pool, missed)
            self.committed |= known
        ahead = {partition: offset for partition, offset in mine.items() if offset != self.committed.get(partition)}
        if ahead:
            await consumer.commit(ahead)
            self.committed |= ahead

    async def _try(self, records: list[Any], attempt: int) -> "tuple[list[Any], Place | None, Exception | None]":
        """One try; gives what is left, the first record that fails alone, and why. Later tries look for that record."""
        if attempt < NARROWED_AFTER_TRIES or len(records) == 1:
            try:
                await self._process(records, attempt)
            except Exception as error:
                return records, places_of(records)[0] if len(records) == 1 else None, error
            return [], None, None
        async with transaction(self.pool, readonly=True):  # while the database is away, no record is guilty
            pass
        return await narrow(records, lambda part: self._process(part, attempt))

    async def _without_skipped(self, records: list[Any]) -> list[Any]:
        """Set aside what an operator wants skipped, and give the rest. Requests are looked for before each further try."""
        if self._skips is None or self.retrying:
            self._skips = await skipping.requests(self.pool)
        requested = [record for record in records if skipping.record_id(record) in self._skips]
        if not requested:
            return records
        error = self.retrying.error if self.retrying else "it was skipped before"
        await skipping.set_aside(self.pool, requested, error)
        log.error("records_skipped", places=[show(where) for where in places_of(requested)])
        return [record for record in records if skipping.record_id(record) not in self._skips]

    async def _note_retry(self, records: list[Any], guilty: "Place | None", error: Exception) -> None:
        """Say what is tried again: to whoever asks this process at once, and to all when it lasts."""
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
            await self._quietly(skipping.write_down(self.pool, retry, records, monotonic() - retry.since_s))
            done = self.in_hand.keys() - {_partition(record) for record in records}
            await self._quietly(skipping.forget(self.pool, done))

    async def _note_end(self) -> None:
        if self._written:
            self._written = False
            await self._quietly(skipping.forget(self.pool, self.in_hand))
        self.retrying = None

    async def _quietly(self, note: "Coroutine[Any, Any, None]") -> None:
        """Write a note that nothing depends on: when the database cannot take it now, it is made again or not at all."""
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_S):
                await note
        except Exception as error:
            if blames(error):
                raise
            log.warning("note_not_written", error=summarise_error(error))

    async def _wait(self, attempt: int, records: Records, consumer: "AIOKafkaConsumer") -> None:
        """Pause before the next try, and keep polling meanwhile so that the group does not give us up."""
        mine = {TopicPartition(record.topic, record.partition) for record in records} & consumer.assignment()
        consumer.pause(*mine)
        try:
            await pause_before_retry(attempt, self.retry_delay_max_s)
            if mine & consumer.assignment():
                polled = await consumer.getmany(*(mine & consumer.assignment()), timeout_ms=0)
                for partition, early in polled.items():  # it came back to us meanwhile, and is not paused any more
                    consumer.seek(partition, early[0].offset)
        except KafkaError:
            log.debug("poll_while_paused_failed")
        finally:
            consumer.resume(*(mine & consumer.assignment()))

    async def _process(self, records: Records, attempt: int) -> None:
        """One transaction for all; when one event spoils it, halve until that event stands alone."""
        try:
            await self._attempt(records)
        except Exception as error:
            if attempt < tries_max(error):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._process(records[:middle], attempt)
                await self._process(records[middle:], attempt)
            else:
                await self._blame(records[0], error, attempt)

    async def _blame(self, record: "ConsumerRecord[Any, Any]", error: Exception, attempt: int) -> None:
        """Park an event, but only for what it does alone and on a new connection. What was tried often enough was."""
        if blames(error):
            await self.pool.expire_connections()
            try:
                await self._attempt([record])
            except Exception as again:
                if attempt < tries_max(again):
                    raise
                error = again
            else:
                return
        await self._park(record, error)

    async def _attempt(self, records: Records) -> None:
        theirs = self._without_our_own(records)
        if not theirs:
            observe.consumed({"ignored": len(records)}, [])
            return
        failpoints.reach("before_transaction")
        async with transaction(self.pool) as tx:
            decoded = [item for item in self._decoded(theirs) if self._concerns_us(item)]
            bad = [record for record, outcome in decoded if isinstance(outcome, MalformedError)]
            seen = await parking.already_parked(tx, bad) if bad else set()
            keyed = [(record.topic, bytes(record.key)) for record in theirs if record.key is not None]
            good, stopped = partition_blocked(
                [item for item in decoded if place(item[0]) not in seen], await parking.blocked_keys(tx, keyed)
            )
            fresh = await handle(tx, good, self.handlers)
            conflicts = await inbox.conflicts(tx, good, fresh) if len(fresh) < len(good) else []
            if stopped:
                await parking.park(tx, stopped)
                failpoints.reach("parked_not_committed")
            failpoints.reach("before_commit")
            said = len(tx.outgoing)
        failpoints.reach("after_commit")
        if stopped:
            failpoints.reach("parked_not_offsets")
        known = len(decoded) - len(stopped) - len(fresh) - len(conflicts)
        outcomes = {"handled": len(fresh), "duplicate": known, "ignored": len(records) - len(decoded)}
        observe.consumed(outcomes | {"stopped": len(stopped), "conflict": len(conflicts)}, stopped)
        if foreign := noticing.misplaced(good, self.partitions_of):
            await self._quietly(noticing.write_misplaced(self.pool, foreign))
        if said:
            self.after_commit()
        if tx.job_queues:
            self.wake_job_queues(tx.job_queues)
        _log_outcomes(conflicts, stopped)

    def _concerns_us(self, decoded: "Decoded") -> bool:
        """Events that nobody here handles are passed over, also behind a parked record of their key."""
        _, outcome = decoded
        if isinstance(outcome, MalformedError):
            return True
        kind, ours = type(outcome.event), outcome.source == f"/lutong/{self.owner}"
        return kind in self.handlers.by_type and not (ours and kind in self.handlers.from_others(self.owner))

    def _without_our_own(self, records: Records) -> Records:
        """Records without those that this service published itself, known by two headers: they are not worth decoding."""
        types = {event.type.encode() for event in self.handlers.from_others(self.owner)}
        if not types:
            return records
        source = ("ce_source", f"/lutong/{self.owner}".encode())
        return [
            record
            for record in records
            if source not in record.headers
            or not any(name == "ce_type" and value in types for name, value in record.headers)
        ]

    def _decoded(self, records: Records) -> "list[Decoded]":
        return [(record, self._outcomes[place(record)]) for record in records]

    async def _park(self, record: "ConsumerRecord[Any, Any]", error: Exception) -> None:
        outcome = self._outcomes[place(record)]
        if isinstance(outcome, MalformedError):
            stopped = ParkCandidate(record, "parked", outcome.reason, outcome.detail)
        else:
            stopped = ParkCandidate(record, "parked", "handler_error", summarise_error(error), outcome)
        async with transaction(self.pool) as tx:
            await parking.park(tx, [stopped])
            failpoints.reach("parked_not_committed")
        failpoints.reach("parked_not_offsets")
        observe.consumed({"stopped": 1}, [stopped])
        log.error("record_parked", **_about(stopped), reason=stopped.reason, error=stopped.error)


def _partition(record: "ConsumerRecord[Any, Any]") -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


Decoded = tuple["ConsumerRecord[Any, Any]", Received[Event] | MalformedError]


def _log_outcomes(conflicts: Sequence[Received[Event]], stopped: Sequence[ParkCandidate]) -> None:
    """Log what was not handled. The key of a conflict goes on: the first event under its id took effect."""
    for odd in conflicts:
        where = {"topic": odd.topic, "partition": odd.partition, "offset": odd.offset}
        log.warning("event_conflict", **where, source=odd.source, event_id=odd.id, journey=odd.cause.correlation_id)
    for item in stopped:
        log.warning("record_stopped", **_about(item), state=item.state, reason=item.reason)


def _about(stopped: ParkCandidate) -> dict[str, Any]:
    """Where a record is, and the journey and trace it belongs to, as far as they can be read."""
    cause = stopped.received.cause if stopped.received else None
    trace_id = cause.traceparent.split("-")[1] if cause and cause.traceparent else None
    return describe(stopped.record) | {"journey": cause and cause.correlation_id, "trace_id": trace_id}


def partition_blocked(
    decoded: Sequence[Decoded], blocked: set[tuple[str, bytes]]
) -> tuple[list[Received[Event]], list[ParkCandidate]]:
    """Tell what can be handled from what must be parked or wait. A bad record blocks its key at once."""
    blocked = set(blocked)
    good: list[Received[Event]] = []
    stopped: list[ParkCandidate] = []
    for record, outcome in decoded:
        stream = (record.topic, bytes(record.key)) if record.key is not None else None
        waits = stream in blocked
        if isinstance(outcome, MalformedError):
            stopped.append(ParkCandidate(record, "waiting" if waits else "parked", outcome.reason, outcome.detail))
            if stream:
                blocked.add(stream)
        elif waits:
            stopped.append(
                ParkCandidate(record, "waiting", "key_blocked", "behind an earlier record of its key", outcome)
            )
        else:
            good.append(outcome)
    return good, stopped
