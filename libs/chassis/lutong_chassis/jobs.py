"""Calls to other systems as leased jobs: never inside a transaction, by one process at a time, none lost.

A runner claims jobs (in a transaction), asks about each (in none), and records the answers with the events that
follow (in another). A claim is a lease: when a process dies while it asks, the job is claimed again after the lease
has expired. So `ask` may happen twice, and `record` must recognise an answer that it has recorded before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import structlog

from lutong_chassis import failpoints, observe, outbox
from lutong_chassis.database import Pool, Tx, pause_before_retry, transaction
from lutong_chassis.envelope import Outgoing
from lutong_chassis.errors import blames, classify
from lutong_chassis.parking import summarise_error
from lutong_chassis.settings import Settings

log = structlog.get_logger(__name__)

J = TypeVar("J")
A = TypeVar("A")


class Answered(NamedTuple, Generic[J, A]):
    """A job and the answer to it."""

    job: J
    answer: A


Asking = asyncio.Task[Answered[Any, Any] | None]
"""A question that is open; its result is None when asking failed."""


@dataclass(frozen=True, slots=True)
class JobQueue(Generic[J, A]):
    """One kind of call to another system, such as an assessment: how jobs are claimed, called and recorded.

    `claim(tx, limit)` leases up to `limit` jobs that are due. `ask(job)` calls, outside of any transaction and in bounded
    time; "no answer" is a value of its own, not an exception. `record(tx, answers)` stores the answers and returns the
    events that follow. `at_once` is how many calls one process has open. `aclose` closes what `ask` uses.

        JobQueue("assess", claim=store.claim, ask=provider.assess, record=store.record, aclose=provider.close)
    """

    name: str
    claim: Callable[[Tx, int], Awaitable[Sequence[J]]]
    ask: Callable[[J], Awaitable[A]]
    record: Callable[[Tx, Sequence[Answered[J, A]]], Awaitable[Sequence[Outgoing]]]
    at_once: int = 32
    aclose: Callable[[], Awaitable[None]] | None = None


@dataclass(slots=True)
class JobRunner:
    """Runs one queue in one process. Call `wake` after a commit that created a job."""

    queue: JobQueue[Any, Any]
    pool: Pool
    settings: Settings
    after_commit: Callable[[], None]
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Claim at once instead of at the next poll: there is a new job."""
        self._woken.set()

    async def run(self) -> None:
        """Claim, ask and record for ever. Answers are recorded as they arrive: a slow one delays no other."""
        asking: set[Asking] = set()
        answers: list[Answered[Any, Any]] = []
        attempt = 0
        try:
            while True:
                self._woken.clear()
                try:
                    await self._record(answers)
                    answers = []
                    jobs = await claim(self.pool, self.queue, self.queue.at_once - len(asking))
                    attempt = 0
                except Exception as error:
                    log.warning(
                        "job_queue_delayed",
                        queue=self.queue.name,
                        error=summarise_error(error),
                        error_class=classify(error),
                        attempt=attempt,
                    )
                    await pause_before_retry(attempt, self.settings.retry_delay_max_s)
                    attempt += 1
                    continue
                asking |= {asyncio.create_task(ask(self.queue, job)) for job in jobs}
                done = await self._wait(asking)
                asking -= done
                answers += [answer for task in done if (answer := task.result()) is not None]
        finally:
            for task in asking:
                task.cancel()

    async def close(self) -> None:
        """Close what `ask` uses, when the process ends: `run` may be started again after an error."""
        if self.queue.aclose:
            await self.queue.aclose()

    async def _wait(self, asking: set[Asking]) -> set[Asking]:
        """Wait until a question is answered, the runner is woken, or it is time to poll; returns what is answered."""
        woken = asyncio.create_task(self._woken.wait())
        interval_s = self.settings.job_interval_ms / 1000
        await asyncio.wait({*asking, woken}, timeout=interval_s, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        return {task for task in asking if task.done()}

    async def _record(self, answers: Sequence[Answered[Any, Any]], *, alone: bool = False) -> None:
        """One transaction for all; when it fails, one for each on a new connection. A job that fails again is asked again."""
        if not answers:
            return
        try:
            if await record(self.pool, self.queue, answers):
                self.after_commit()
        except Exception as error:
            if not blames(error):
                raise
            log.exception(
                "job_answers_not_recorded", queue=self.queue.name, error=summarise_error(error), answers=len(answers)
            )
            if not alone:
                await self.pool.expire_connections()
                for answer in answers:
                    await self._record([answer], alone=True)


async def claim(pool: Pool, queue: JobQueue[J, A], jobs_max: int) -> Sequence[J]:
    """Lease jobs that are due."""
    if jobs_max <= 0:
        return []
    async with transaction(pool) as tx:
        jobs = await queue.claim(tx, jobs_max)
    if jobs:
        failpoints.reach("job_claimed")
    return jobs


async def ask(queue: JobQueue[J, A], job: J) -> Answered[J, A] | None:
    """Ask about one job. An exception is logged and gives None; the job is claimed again when its lease has expired."""
    with observe.JOB_TIME.labels(queue.name).time():
        try:
            answered = Answered(job, await queue.ask(job))
        except Exception as error:
            log.exception("job_not_asked", queue=queue.name, error=summarise_error(error))
            return None
    failpoints.reach("job_asked")
    return answered


async def record(pool: Pool, queue: JobQueue[J, A], answers: Sequence[Answered[J, A]]) -> list[Outgoing]:
    """Record answers and publish what follows in one transaction; returns the events."""
    async with transaction(pool) as tx:
        tx.outgoing.extend(await queue.record(tx, answers))
        await outbox.write(tx, tx.outgoing)
        failpoints.reach("job_not_committed")
    failpoints.reach("job_committed")
    return tx.outgoing
