"""From a poll of Kafka to effects in PostgreSQL: one transaction per poll, each event once.

What is handled, what is parked and what waits behind a parked record are decided and committed
together; only then the offsets. Transient trouble is waited out in place. Anything else is
narrowed down to the guilty event, which is parked; all others go on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from lutong_chassis import failpoints, inbox, observe, outbox, parking
from lutong_chassis.database import Pool, Tx, is_transient, pause_before_retry, transaction
from lutong_chassis.envelope import MalformedError, Received, describe, place, read
from lutong_chassis.grouping import group
from lutong_chassis.handlers import Handlers
from lutong_chassis.parking import Stopped, explain
from lutong_contracts import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer

SLOW_TRIES_MAX: Final = 5
"""How often a batch may run out of time before it is taken apart."""

_SETTLE_TIMEOUT_S: Final = 5.0

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
    wake_errands: "Callable[[set[str]], None]" = lambda _names: None
    owner: str = ""
    """The service that consumes. What it published itself is passed over where it takes a type from others."""
    waiting_for: str | None = None
    handled: dict[TopicPartition, int] = field(default_factory=dict)
    """The next offset of each partition that was handled and is not committed yet."""
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    """The next offset of each partition, as far as this process has committed it since it was assigned."""
    reached_s: float = 0.0
    """When the oldest record in hand came to its topic, or else the last one handled; in seconds since 1970."""

    async def on_poll(self, records: Records, consumer: "AIOKafkaConsumer") -> None:
        """Handle one poll to the end, however long it takes. Its offsets are to be settled, now or later.

        Never raises: FastStream would go on to the next poll and the records would be lost.
        """
        attempt = 0
        self.reached_s = min(record.timestamp for record in records) / 1000
        failpoints.reach("consumer_fetched")
        while True:
            try:
                await self._process(records, patient=attempt < SLOW_TRIES_MAX)
                break
            except Exception as error:
                self.waiting_for = type(error).__name__
                log.warning("batch_delayed", error=explain(error), transient=is_transient(error), attempt=attempt)
                observe.RETRIES.inc()
                await self._wait(attempt, records, consumer)
                attempt += 1
        self.waiting_for = None
        self.reached_s = max(record.timestamp for record in records) / 1000
        failpoints.reach("committed_not_offsets")
        self.handled |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}

    async def settle(self, consumer: "AIOKafkaConsumer") -> None:
        """Commit exactly what was handled. A failure is harmless: the inbox knows what comes again, and we try again."""
        offsets, self.handled = self.handled, {}
        mine = {partition: offset for partition, offset in offsets.items() if partition in consumer.assignment()}
        try:
            if mine:
                await asyncio.wait_for(consumer.commit(mine), _SETTLE_TIMEOUT_S)
                self.committed |= mine
        except (KafkaError, TimeoutError) as error:
            log.warning("offsets_not_committed", error=type(error).__name__)
            self.handled = mine | self.handled

    async def _wait(self, attempt: int, records: Records, consumer: "AIOKafkaConsumer") -> None:
        """Pause before the next try, and keep polling meanwhile so that the group does not give us up."""
        mine = {TopicPartition(record.topic, record.partition) for record in records} & consumer.assignment()
        consumer.pause(*mine)
        try:
            await pause_before_retry(attempt, self.retry_delay_max_s)
            if mine & consumer.assignment():
                await consumer.getmany(*(mine & consumer.assignment()), timeout_ms=0)
        except KafkaError:
            log.debug("poll_while_paused_failed")
        finally:
            consumer.resume(*(mine & consumer.assignment()))

    async def _process(self, records: Records, *, patient: bool) -> None:
        """One transaction for all; when one event spoils it, halve until that event stands alone.

        A statement that runs out of time is first taken for a busy database. When it does so again
        and again, it is the batch that is too much: then it is halved like any other.
        """
        try:
            await self._attempt(records)
        except Exception as error:
            too_slow = isinstance(error, TimeoutError | asyncpg.QueryCanceledError)
            if is_transient(error) and (patient or not too_slow):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._process(records[:middle], patient=patient)
                await self._process(records[middle:], patient=patient)
            else:
                await self._park(records[0], error)

    async def _attempt(self, records: Records) -> None:
        theirs = self._without_our_own(records)
        if not theirs:
            observe.consumed({"ignored": len(records)}, [])
            return
        failpoints.reach("before_transaction")
        async with transaction(self.pool) as tx:
            decoded = [item for item in map(_decode, theirs) if self._concerns_us(item)]
            bad = [record for record, outcome in decoded if isinstance(outcome, MalformedError)]
            seen = await parking.already_parked(tx, bad) if bad else set()
            keyed = [(record.topic, bytes(record.key)) for record in theirs if record.key is not None]
            good, stopped = sort_out(
                [item for item in decoded if place(item[0]) not in seen], await parking.blocked_keys(tx, keyed)
            )
            fresh = await handle(tx, good, self.handlers)
            if stopped:
                await parking.park(tx, stopped)
                failpoints.reach("parked_not_committed")
            failpoints.reach("before_commit")
            said = len(tx.outgoing)
        failpoints.reach("after_commit")
        if stopped:
            failpoints.reach("parked_not_offsets")
        known = len(decoded) - len(stopped) - len(fresh)
        outcomes = {"handled": len(fresh), "duplicate": known, "ignored": len(records) - len(decoded)}
        observe.consumed(outcomes | {"stopped": len(stopped)}, stopped)
        if said:
            self.after_commit()
        if tx.errands:
            self.wake_errands(tx.errands)
        for item in stopped:
            log.warning("record_stopped", **_about(item), state=item.state, reason=item.reason)

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

    async def _park(self, record: "ConsumerRecord[Any, Any]", error: Exception) -> None:
        _, outcome = _decode(record)
        received = None if isinstance(outcome, MalformedError) else outcome
        stopped = Stopped(record, "parked", "handler_error", explain(error), received)
        async with transaction(self.pool) as tx:
            await parking.park(tx, [stopped])
            failpoints.reach("parked_not_committed")
        failpoints.reach("parked_not_offsets")
        observe.consumed({"stopped": 1}, [stopped])
        log.error("record_parked", **_about(stopped), reason=stopped.reason, error=stopped.error)


Decoded = tuple["ConsumerRecord[Any, Any]", Received[Event] | MalformedError]


def _decode(record: "ConsumerRecord[Any, Any]") -> Decoded:
    try:
        return record, read(record)
    except MalformedError as error:
        return record, error


def _about(stopped: Stopped) -> dict[str, Any]:
    """Where a record is, and the journey and trace it belongs to, as far as they can be read."""
    cause = stopped.received.cause if stopped.received else None
    trace_id = cause.traceparent.split("-")[1] if cause and cause.traceparent else None
    return describe(stopped.record) | {"journey": cause and cause.correlation_id, "trace_id": trace_id}


def sort_out(
    decoded: Sequence[Decoded], blocked: set[tuple[str, bytes]]
) -> tuple[list[Received[Event]], list[Stopped]]:
    """Tell what can be handled from what must be parked or wait. A bad record blocks its key at once."""
    blocked = set(blocked)
    good: list[Received[Event]] = []
    stopped: list[Stopped] = []
    for record, outcome in decoded:
        stream = (record.topic, bytes(record.key)) if record.key is not None else None
        waits = stream in blocked
        if isinstance(outcome, MalformedError):
            stopped.append(Stopped(record, "waiting" if waits else "parked", outcome.reason, outcome.detail))
            if stream:
                blocked.add(stream)
        elif waits:
            stopped.append(Stopped(record, "waiting", "key_blocked", "behind an earlier record of its key", outcome))
        else:
            good.append(outcome)
    return good, stopped
