"""Jobs: asked outside of any transaction, recorded once, and not lost when a process dies."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_chassis import Answered, JobQueue, Outgoing, Tx, columns, jobs
from lutong_chassis.database import Pool, connect, new_cause
from lutong_chassis.jobs import JobRunner
from lutong_chassis.testing import (
    create_database,
    drop_database,
    events_published,
    migrate_database,
    run_jobs,
    settings_for,
)
from tests.conftest import Infrastructure
from tests.integration.chassis.toy import Totalled, service
from tests.support.harness import until

LEASE_S = 60.0
"""Longer than any test: a lease ends when a test says so."""
SHORT_LEASE_S = 0.3


@dataclass(slots=True)
class Outside:
    """Another system: it answers with the length of the question, unless it is held up."""

    asked: list[str] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    transactions_open: list[int] = field(default_factory=list)
    looks: asyncpg.Connection | None = None

    async def ask(self, question: str) -> int:
        self.asked.append(question)
        if self.looks:
            open_now = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            )
            self.transactions_open.append(await self.looks.fetchval(open_now))
        if question in self.stuck:
            await self.free.wait()
        if question == "bug":
            raise ValueError(question)
        return len(question)


async def claim(tx: Tx, jobs_max: int, lease_s: float = LEASE_S) -> Sequence[str]:
    rows = await tx.fetch(
        """
        UPDATE question
           SET leased_until = clock_timestamp() + $2 * interval '1 second'
         WHERE name IN (SELECT name FROM question WHERE answer IS NULL AND leased_until <= clock_timestamp()
                         ORDER BY name LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING name
        """,
        jobs_max,
        lease_s,
    )
    return [row["name"] for row in rows]


async def record(tx: Tx, answers: Sequence[Answered[str, int]]) -> list[Outgoing]:
    fresh = await tx.fetch(
        """
        UPDATE question SET answer = given.answer
          FROM unnest($1::text[], $2::integer[]) AS given(name, answer)
         WHERE question.name = given.name AND question.answer IS NULL AND 1 / (given.answer - 7) IS NOT NULL
        RETURNING question.name, question.answer
        """,
        *columns(answers, 2),
    )
    return [Outgoing(Totalled(counter_id=row["name"], total=row["answer"]), new_cause()) for row in fresh]


def a_job_queue(outside: Outside, at_once: int = 8, lease_s: float = LEASE_S) -> JobQueue[str, int]:
    return JobQueue("test", partial(claim, lease_s=lease_s), outside.ask, record, at_once)


@pytest_asyncio.fixture
async def pool(infrastructure: Infrastructure) -> AsyncIterator[Pool]:
    name = f"jobs_{uuid7().hex[-12:]}"
    url = await create_database(infrastructure.admin_url, name)
    await migrate_database(url, service.migrations)
    pool = await connect(settings_for(url))
    try:
        await pool.execute("CREATE TABLE question (name text PRIMARY KEY, answer integer, leased_until timestamptz)")
        yield pool
    finally:
        await pool.close()
        await drop_database(infrastructure.admin_url, name)


async def wonder(pool: Pool, *questions: str) -> None:
    await pool.executemany("INSERT INTO question (name, leased_until) VALUES ($1, now())", [(q,) for q in questions])


async def answers(pool: Pool) -> dict[str, int | None]:
    return {row["name"]: row["answer"] for row in await pool.fetch("SELECT name, answer FROM question ORDER BY name")}


@asynccontextmanager
async def running(pool: Pool, queue: JobQueue[Any, Any]) -> AsyncIterator[JobRunner]:
    runner = JobRunner(queue, pool, settings_for("postgresql://unused", job_interval_ms=20), lambda: None)
    life = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life


async def test_a_queue_asks_about_each_job_and_publishes_what_follows(pool: Pool) -> None:
    await wonder(pool, "a", "bb", "ccc")
    events = await run_jobs(pool, a_job_queue(Outside()))
    assert events == [Totalled(counter_id=name, total=len(name)) for name in ("a", "bb", "ccc")]
    assert await answers(pool) == {"a": 1, "bb": 2, "ccc": 3}
    assert await run_jobs(pool, a_job_queue(Outside())) == []


async def test_nothing_is_asked_in_a_transaction(pool: Pool) -> None:
    await wonder(pool, "a", "bb", "ccc")
    async with pool.acquire() as connection:
        outside = Outside(looks=connection)  # type: ignore[arg-type]  # a proxy of a connection
        await run_jobs(pool, a_job_queue(outside))
    assert outside.transactions_open == [0, 0, 0]


async def test_a_question_that_takes_long_holds_up_no_other(pool: Pool) -> None:
    outside = Outside(stuck={"slow"})
    await wonder(pool, "slow", "a", "bb")
    async with running(pool, a_job_queue(outside)) as runner:

        async def all_but_one() -> bool:
            return await answers(pool) == {"a": 1, "bb": 2, "slow": None}

        await until(all_but_one, "the others are answered")
        await wonder(pool, "later")
        runner.wake()

        async def later_too() -> bool:
            return (await answers(pool))["later"] == 5

        await until(later_too, "what came later is answered")
        outside.free.set()

        async def all_of_them() -> bool:
            return None not in (await answers(pool)).values()

        await until(all_of_them, "the slow one is answered")


async def test_no_more_is_open_at_once_than_allowed(pool: Pool) -> None:
    outside = Outside(stuck={f"q{n}" for n in range(9)})
    await wonder(pool, *outside.stuck)
    async with running(pool, a_job_queue(outside, at_once=3)):

        async def three_are_asked() -> bool:
            return len(outside.asked) >= 3

        await until(three_are_asked, "three are asked")
        assert len(outside.asked) == 3
        outside.free.set()

        async def all_of_them() -> bool:
            return None not in (await answers(pool)).values()

        await until(all_of_them, "all are answered")


async def test_a_job_of_a_dead_process_is_asked_again_after_its_lease(pool: Pool) -> None:
    await wonder(pool, "a")
    queue = a_job_queue(Outside())
    assert await jobs.claim(pool, queue, 8) == ["a"]  # and then it died
    assert await jobs.claim(pool, queue, 8) == []
    await pool.execute("UPDATE question SET leased_until = now()")
    assert await run_jobs(pool, queue) == [Totalled(counter_id="a", total=1)]


async def test_an_answer_that_comes_twice_is_recorded_once(pool: Pool) -> None:
    await wonder(pool, "a")
    for _ in range(2):
        await jobs.record(pool, a_job_queue(Outside()), [Answered("a", 1)])
    assert len(await events_published(pool)) == 1


async def test_a_bug_in_asking_or_recording_one_job_spoils_no_other(pool: Pool) -> None:
    outside = Outside()
    await wonder(pool, "a", "bug", "divides")  # the answer to the last one is 7, and divides by zero
    async with running(pool, a_job_queue(outside, lease_s=SHORT_LEASE_S)):

        async def asked_again() -> bool:
            return outside.asked.count("bug") > 1 and outside.asked.count("divides") > 1

        await until(asked_again, "both are asked again")
    assert await answers(pool) == {"a": 1, "bug": None, "divides": None}
    assert len(await events_published(pool)) == 1


async def test_answers_outlive_a_database_that_goes_away(pool: Pool) -> None:
    outside = Outside(stuck={"a"})
    await wonder(pool, "a")
    async with running(pool, a_job_queue(outside)):

        async def asked() -> bool:
            return bool(outside.asked)

        await until(asked, "it is being asked")
        async with pool.acquire() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            await connection.execute(others)
        outside.free.set()

        async def answered() -> bool:
            return await answers(pool) == {"a": 1}

        await until(answered, "it is recorded on another connection")


async def test_an_answer_that_one_connection_refuses_is_recorded_on_another(pool: Pool) -> None:
    refused: list[int] = []

    async def refuse_once(tx: Tx, given: Sequence[Answered[str, int]]) -> list[Outgoing]:
        if not refused:
            refused.append(len(given))
            raise asyncpg.InternalClientError("got result for unknown protocol state 3")
        return await record(tx, given)

    async def refuse_its_connection(tx: Tx, given: Sequence[Answered[str, int]]) -> list[Outgoing]:
        backend = tx.connection.get_server_pid()
        if not refused or backend in refused:
            refused.append(backend)
            raise ZeroDivisionError
        return await record(tx, given)

    for question, write in (("one", refuse_once), ("other", refuse_its_connection)):
        refused.clear()
        outside = Outside()
        await wonder(pool, question)
        async with running(pool, JobQueue("test", claim, outside.ask, write)):

            async def answered(question: str = question) -> bool:
                return (await answers(pool))[question] == len(question)

            await until(answered, f"{question} is answered")
        assert outside.asked == [question]
