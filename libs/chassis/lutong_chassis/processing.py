"""One batch of records in one transaction: handled, parked, or waiting behind a parked record of their key.

What fails on its own is parked, when an error shows that the record is to blame; everything else is raised, and tried again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog

from lutong_chassis import failpoints, inbox, noticing, observe, outbox, parking, passed_over
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.envelope import Incoming, MalformedError, Received, Record, describe, place
from lutong_chassis.errors import blames, tries_max
from lutong_chassis.grouping import group
from lutong_chassis.handlers import Handlers
from lutong_chassis.parking import ParkCandidate, RecordKey, summarise_error
from lutong_chassis.passed_over import Memory, PassedOver
from lutong_contracts import Event, event_types

log = structlog.get_logger(__name__)


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


class Sorted(NamedTuple):
    """A batch by what concerns this service, and what nobody here handles."""

    ours: Sequence[Incoming]
    passed: Sequence[PassedOver]


@dataclass(slots=True)
class Processor:
    """Handles batches for the consumer of one service.

    `owner` is the service that consumes: what it published itself is passed over where it takes a type from others.
    `partitions_of` returns how many partitions a topic has; 0 while that is unknown.
    """

    pool: Pool
    handlers: Handlers
    after_commit: Callable[[], None]
    wake_job_queues: Callable[[set[str]], None] = lambda _names: None
    owner: str = ""
    partitions_of: Callable[[str], int] = lambda _topic: 0
    memory: Memory = field(init=False)
    _unhandled: Mapping[tuple[str, bytes], str] = field(init=False)
    """By topic and type as bytes, the types that are known and that nobody here handles."""
    _from_others: frozenset[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(frozenset(event.type for event in self.handlers.by_type))
        known = event_types().values()
        self._unhandled = {(e.topic.name, e.type.encode()): e.type for e in known if e not in self.handlers.by_type}
        self._from_others = frozenset(event.type.encode() for event in self.handlers.from_others(self.owner))

    async def process(self, batch: Sequence[Incoming], attempt: int) -> None:
        """One transaction for all; when one event spoils it, halve until that event stands alone."""
        try:
            await self._attempt(batch)
        except Exception as error:
            if attempt < tries_max(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                await self.process(batch[:middle], attempt)
                await self.process(batch[middle:], attempt)
            else:
                await self._blame(batch[0], error, attempt)

    async def _blame(self, item: Incoming, error: Exception, attempt: int) -> None:
        """Park an event, but only for what it does alone and on a new connection. What was tried often enough was."""
        if blames(error):
            await self.pool.expire_connections()
            try:
                await self._attempt([item])
            except Exception as again:
                if attempt < tries_max(again):
                    raise
                error = again
            else:
                return
        await self._park(item, error)

    async def _attempt(self, batch: Sequence[Incoming]) -> None:
        ours, passed = self._sort(batch)
        news = self.memory.news(passed)
        unknown = sum(not item.known for item in passed)
        if not (ours or news):
            observe.consumed({"ignored": len(batch) - unknown} | ({"unknown": unknown} if unknown else {}), [])
            return
        bad = [item.record for item in ours if isinstance(item.outcome, MalformedError)]
        keyed = [RecordKey(item.record.topic, bytes(item.record.key)) for item in ours if item.record.key is not None]
        failpoints.reach("before_transaction")
        async with transaction(self.pool) as tx:
            seen = await parking.already_parked(tx, bad) if bad else set()
            good, stopped = partition_blocked(
                [item for item in ours if place(item.record) not in seen] if seen else ours,
                await parking.blocked_keys(tx, keyed),
            )
            fresh = await handle(tx, good, self.handlers)
            await passed_over.remember(tx, news)
            conflicts = await inbox.conflicts(tx, good, fresh) if len(fresh) < len(good) else []
            if stopped:
                await parking.park(tx, stopped)
                failpoints.reach("parked_not_committed")
            failpoints.reach("before_commit")
            published = len(tx.outgoing)
        failpoints.reach("after_commit")
        self.memory.note(news)
        if stopped:
            failpoints.reach("parked_not_offsets")
        known = len(ours) - len(stopped) - len(fresh) - len(conflicts)
        outcomes = {"handled": len(fresh), "duplicate": known, "ignored": len(batch) - len(ours) - unknown}
        outcomes |= {"unknown": unknown} if unknown else {}
        observe.consumed(outcomes | {"stopped": len(stopped), "conflict": len(conflicts)}, stopped)
        if foreign := noticing.misplaced(good, self.partitions_of):
            await noticing.quietly(noticing.write_misplaced(self.pool, foreign))
        if published:
            self.after_commit()
        if tx.job_queues:
            self.wake_job_queues(tx.job_queues)
        _log_outcomes(conflicts, stopped)

    def _concerns_us(self, outcome: Received[Event] | MalformedError) -> bool:
        """Events that nobody here handles are passed over, also behind a parked record of their key."""
        if isinstance(outcome, MalformedError):
            return self.handlers.concern(outcome)
        ours = outcome.source == f"/lutong/{self.owner}" and type(outcome.event) in self.handlers.from_others(
            self.owner
        )
        return not ours and self.handlers.concern(outcome)

    def _sort(self, batch: Sequence[Incoming]) -> Sorted:
        """What concerns this service, and what is passed over; what was settled before, or is its own, is neither.

        Two headers are enough to see that nobody here handles a type: such a record is not decoded.
        """
        ours, passed = [], []
        for item in batch:
            if self.memory.is_settled(item.record) or self._is_own(item.record):
                continue
            if (unhandled := self._unhandled_type(item.record)) is not None:
                passed.append(PassedOver(*place(item.record)[:2], unhandled, item.record.offset, known=True))
            elif self._concerns_us(item.outcome):
                ours.append(item)
            elif (other := passed_over.passed_over(item)) is not None:
                passed.append(other)
        return Sorted(ours, passed)

    def _unhandled_type(self, record: Record) -> str | None:
        """The type that a header names, when it is known and nobody here handles it. In structured mode it is inside."""
        types = [value for name, value in record.headers if name == "ce_type"]
        return self._unhandled.get((record.topic, types[0] or b"")) if len(types) == 1 else None

    def _is_own(self, record: Record) -> bool:
        """Whether headers show that this service published it, of a type that it takes from others only."""
        if ("ce_source", f"/lutong/{self.owner}".encode()) not in record.headers:
            return False
        return any(name == "ce_type" and value in self._from_others for name, value in record.headers)

    async def _park(self, item: Incoming, error: Exception) -> None:
        if isinstance(item.outcome, MalformedError):
            stopped = ParkCandidate(item.record, "parked", item.outcome.reason, item.outcome.detail)
        else:
            stopped = ParkCandidate(item.record, "parked", "handler_error", summarise_error(error), item.outcome)
        async with transaction(self.pool) as tx:
            await parking.park(tx, [stopped])
            failpoints.reach("parked_not_committed")
        failpoints.reach("parked_not_offsets")
        observe.consumed({"stopped": 1}, [stopped])
        log.error("record_parked", **_about(stopped), reason=stopped.reason, error=stopped.error)


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
    batch: Sequence[Incoming], blocked: set[RecordKey]
) -> tuple[list[Received[Event]], list[ParkCandidate]]:
    """Separate what can be handled from what must be parked or wait. A bad record blocks its key at once."""
    blocked = set(blocked)
    good: list[Received[Event]] = []
    stopped: list[ParkCandidate] = []
    for item in batch:
        record, outcome = item.record, item.outcome
        key = RecordKey(record.topic, bytes(record.key)) if record.key is not None else None
        waits = key in blocked
        if isinstance(outcome, MalformedError):
            stopped.append(ParkCandidate(record, "waiting" if waits else "parked", outcome.reason, outcome.detail))
            if key:
                blocked.add(key)
        elif waits:
            stopped.append(
                ParkCandidate(record, "waiting", "key_blocked", "behind an earlier record of its key", outcome)
            )
        else:
            good.append(outcome)
    return good, stopped
