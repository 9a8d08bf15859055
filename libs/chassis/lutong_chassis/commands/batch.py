"""One batch of commands: one transaction, a constant number of statements, one outcome per command.

What one command spoils is tried again in halves, until that command stands alone and all others are done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
import structlog

from lutong_chassis import audit, failpoints, journeys, observe, outbox
from lutong_chassis.commands import keys
from lutong_chassis.commands.asked import Answer, Asked, Given, Outcome
from lutong_chassis.database import Pool, Tx, UnauditedError, acquire, new_cause
from lutong_chassis.errors import AnsweredMeanwhileError, ErrorClass, blames, classify
from lutong_chassis.parking import summarise_error
from lutong_chassis.problem import Problem

if TYPE_CHECKING:
    from lutong_chassis.handlers import CommandHandler

_TRIES_MAX: Final = 3
"""How often a batch may find that another process has answered one of its commands meanwhile, or lose a deadlock."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands of one kind, and what decides on them."""

    kind: str
    handler: "CommandHandler[Any]"
    commands: Sequence[Asked[Any]]

    def part(self, begin: int, end: int) -> "Batch":
        """Some of it."""
        return replace(self, commands=self.commands[begin:end])


class _Done(NamedTuple):
    """A command that was not refused, and its answer."""

    asked: Asked[Any]
    answer: Answer


@dataclass(slots=True)
class Committed:
    """What a transaction did; `under_way` from the moment at which it may have."""

    under_way: bool = False
    published: bool = False
    job_queues: frozenset[str] = frozenset()


async def answer(pool: Pool, batch: Batch, committed: Committed) -> list[Outcome]:
    """Do a batch; gives what became of each command, in order. `committed` collects what follows from the commits."""
    error: Exception = AnsweredMeanwhileError()
    for attempt in range(_TRIES_MAX):
        committed.under_way = False
        try:
            return await _in_transaction(pool, batch, committed)
        except AnsweredMeanwhileError as again:
            error = again
        except Exception as failure:
            error = failure
            if committed.under_way or not _is_worth_another_try(failure, attempt):
                break
            log.info("commands_tried_again", kind=batch.kind, error=summarise_error(failure))
    if len(batch.commands) > 1 and _is_spoilt(error, committed):
        middle = len(batch.commands) // 2
        return [
            *await answer(pool, batch.part(0, middle), committed),
            *await answer(pool, batch.part(middle, len(batch.commands)), committed),
        ]
    return [error] * len(batch.commands)


def _is_worth_another_try(error: Exception, attempt: int) -> bool:
    """A new connection helps once; what lost a deadlock was rolled back, and is done again as often as a batch may be."""
    if isinstance(error, asyncpg.exceptions.TransactionRollbackError):
        return True
    return not attempt and classify(error) is ErrorClass.RECONNECTS


def _is_spoilt(error: Exception, committed: Committed) -> bool:
    """Whether a part of the batch may be to blame. When a commit failed, only PostgreSQL's answer proves that it did."""
    if committed.under_way and not isinstance(error, asyncpg.PostgresError):
        return False
    return isinstance(error, Problem) or blames(error)


async def _in_transaction(pool: Pool, batch: Batch, committed: Committed) -> list[Outcome]:
    failpoints.reach("before_transaction")
    async with acquire(pool) as connection, connection.transaction():
        now, known = await keys.look_up(connection, batch.commands)
        tx = Tx(connection, now, new_cause())
        fresh = [asked for asked, found in zip(batch.commands, known, strict=True) if found is None]
        decided = iter(await _decide(tx, replace(batch, commands=fresh)) if fresh else ())
        outcomes = [found if found is not None else next(decided) for found in known]
        failpoints.reach("before_commit")
        committed.under_way = True
    committed.under_way = False
    committed.published |= bool(tx.outgoing)
    committed.job_queues |= tx.job_queues
    failpoints.reach("after_commit")
    return outcomes


async def _decide(tx: Tx, batch: Batch) -> list[Outcome]:
    """Have new commands decided; what they publish, record and are answered is written with their effects."""
    commands = await _on_own_journeys(tx, batch.commands)
    with observe.deciding(batch.kind, commands) as joined:
        answers = await batch.handler(joined, tx)
    if len(answers) != len(commands):
        raise TypeError(
            f"{batch.kind}: {len(answers)} answers to {len(commands)} commands: give one for each, in order"
        )
    failpoints.reach("after_state")
    done = [_Done(asked, given) for asked, given in zip(joined, answers, strict=True) if isinstance(given, Answer)]
    tx.outgoing += [event for _, given in done for event in given.events]
    await _put_on_record(tx, done)
    await outbox.write(tx, tx.outgoing)
    failpoints.reach("after_outbox")
    outcomes = [_outcome(asked, given) for asked, given in zip(joined, answers, strict=True)]
    await keys.keep(tx.connection, _kept(joined, outcomes))
    return outcomes


def _outcome(asked: Asked[Any], given: Answer | Problem) -> Outcome:
    return given if isinstance(given, Problem) else given.given(asked.status, asked.cause.correlation_id)


def _kept(commands: Sequence[Asked[Any]], outcomes: Sequence[Outcome]) -> list[keys.Kept]:
    return [
        keys.Kept(a.claim, outcome) for a, outcome in zip(commands, outcomes, strict=True) if isinstance(outcome, Given)
    ]


async def _on_own_journeys(tx: Tx, commands: Sequence[Asked[Any]]) -> list[Asked[Any]]:
    """Let commands that name a journey which concerns others start one of their own."""
    named = [journeys.Continuation(asked.who, asked.cause.correlation_id) for asked in commands if asked.names_journey]
    foreign = await journeys.foreign(tx, named)
    return [
        asked._replace(cause=asked.cause._replace(correlation_id=asked.new_id()))
        if asked.names_journey and journeys.ForeignJourney(asked.who.identity, asked.cause.correlation_id) in foreign
        else asked
        for asked in commands
    ]


async def _put_on_record(tx: Tx, done: Sequence[_Done]) -> None:
    """Write what commands did to the audit. `UnauditedError` when one must be on record, changed something and is not."""
    for asked, given in done:
        if asked.must_audit and not given.record and (given.changed or given.events):
            raise UnauditedError(f"nothing is on record for a change by {type(asked.command).__name__}: give a Change")
    entries = [
        audit.Entry(asked.who, asked.requested, asked.cause, change) for asked, given in done for change in given.record
    ]
    await audit.record_all(tx, entries)
