"""What is asked of the outside: never in a transaction, by one process at a time, and not forgotten.

An errand claims jobs (in a transaction), asks about each (in none), and records the answers with all
that follows from them (in another). A job is claimed by a lease: a process that dies while asking leaves it
to be claimed again when the lease is over. So `ask` may happen twice, and `record` must know
an answer that it has already.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

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


@dataclass(frozen=True, slots=True)
class JobQueue(Generic[J, A]):
    """One kind of call to another system, such as an assessment: how jobs are claimed, called and recorded.

    `claim(tx, limit)` leases up to `limit` jobs that are due. `ask(job)` calls, outside of any transaction and in bounded
    time; "no answer" is a value of its own, not an exception. `record(tx, answers)` stores pairs of job and answer and
    returns the events that follow. `at_once` is how many calls one process has open. `aclose` closes what `ask` uses.

        JobQueue("assess", claim=store.claim, ask=provider.assess, record=store.record, aclose=provider.close)
    """

    name: str
    claim: Callable[[Tx, int], Awaitable[Sequence[J]]]
    ask: Callable[[J], Awaitable[A]]
    record: Callable[[Tx, Sequence[tuple[J, A]]], Awaitable[Sequence[Outgoing]]]
    at_once: int = 32
    aclose: Callable[[], Awaitable[None]] | None = None


@dataclass(slots=True)
class JobRunner:
    """Runs one queue in one process. `wake` it after a commit that made a job."""

    queue: JobQueue[Any, Any]
    pool: Pool
    settings: Settings
    after_commit: Callable[[], None]
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """There is a new job: do not wait for the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Claim, ask and record for ever. Answers are recorded as they come: a slow one holds up no other."""
        asking: set[asyncio.Task[tuple[Any, Any] | None]] = set()
        answers: list[tuple[Any, Any]] = []
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
                        "errand_delayed",
                        queue=self.queue.name,
                        error=summarise_error(error),
                        error_class=classify(error),
                        attempt=attempt,
                    )
                    await pause_before_retry(attempt, self.settings.retry_delay_max_s)
                    attempt += 1
                    continue
                asking |= {asyncio.create_task(ask(self.queue, job)) for job in jobs}
                done, asking = await self._next(asking)
                answers += [answer for task in done if (answer := task.result()) is not None]
        finally:
            for task in asking:
                task.cancel()

    async def close(self) -> None:
        """Close what asking needs, when the process ends: `run` may be started again after an error."""
        if self.queue.aclose:
            await self.queue.aclose()

    async def _next(self, asking: "set[asyncio.Task[Any]]") -> "tuple[set[asyncio.Task[Any]], set[asyncio.Task[Any]]]":
        """Wait until something is answered, the runner is woken, or it is time to poll."""
        woken: asyncio.Task[Any] = asyncio.create_task(self._woken.wait())
        interval_s = self.settings.job_interval_ms / 1000
        done, pending = await asyncio.wait({*asking, woken}, timeout=interval_s, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        return done - {woken}, pending - {woken}

    async def _record(self, answers: Sequence[tuple[Any, Any]], *, alone: bool = False) -> None:
        """One transaction for all; when that fails, one for each on a new connection. What fails again is asked again."""
        if not answers:
            return
        try:
            if await record(self.pool, self.queue, answers):
                self.after_commit()
        except Exception as error:
            if not blames(error):
                raise
            log.exception("errand_failed", queue=self.queue.name, error=summarise_error(error), answers=len(answers))
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
        failpoints.reach("errand_claimed")
    return jobs


async def ask(queue: JobQueue[J, A], job: J) -> tuple[J, A] | None:
    """Ask about one job. A bug in asking is logged; the job comes again when its lease is over."""
    with observe.JOB_TIME.labels(queue.name).time():
        try:
            answer = job, await queue.ask(job)
        except Exception as error:
            log.exception("errand_not_asked", queue=queue.name, error=summarise_error(error))
            return None
    failpoints.reach("errand_asked")
    return answer


async def record(pool: Pool, queue: JobQueue[J, A], answers: Sequence[tuple[J, A]]) -> list[Outgoing]:
    """Record answers and publish what follows in one transaction; returns the events."""
    async with transaction(pool) as tx:
        tx.outgoing.extend(await queue.record(tx, answers))
        await outbox.write(tx, tx.outgoing)
        failpoints.reach("errand_not_committed")
    failpoints.reach("errand_committed")
    return tx.outgoing
