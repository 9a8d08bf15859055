"""The gate every relay must pass: concurrent writers, hot keys, slow commits, aborts, and a relay that is killed.

The negative control is the popular relay that pages by `id > last`: it must fail the same test, or
the test would be worth nothing.
"""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lutong_chassis import database
from lutong_chassis.database import Pool
from lutong_chassis.envelope import Cause, Outgoing
from lutong_chassis.outbox import write
from lutong_chassis.testing import migrate_database, settings_for
from tests.conftest import Infrastructure
from tests.integration.chassis import toy
from tests.integration.chassis.test_crashes import first_occurrences
from tests.support.harness import Toy, a_toy, read_topic, until

WRITERS, HOT_KEYS, HOLD_MAX_S, ABORTS, EVENTS_PER_TRANSACTION = 16, 20, 0.05, 0.05, 12


class AbortedError(Exception):
    """A transaction that does not commit, on purpose."""


async def write_events(pool: Pool, topic: str, count: int, seed: int) -> None:
    """Write events from many transactions at once, holding each open for a while after its inserts."""
    written = 0

    async def writer(number: int) -> None:
        nonlocal written
        rng = random.Random(seed * 100 + number)
        while written < count:
            keys = sorted(rng.sample(range(HOT_KEYS), 2))
            events = [
                toy.Totalled(counter_id=f"k{key}", total=n) for key in keys for n in range(EVENTS_PER_TRANSACTION // 2)
            ]
            with suppress(AbortedError):
                async with database.transaction(pool) as tx:
                    await write(tx, [Outgoing(event, Cause("j")) for event in events])
                    await tx.execute(
                        "UPDATE outbox SET topic = $1 WHERE written_at = $2 AND topic <> $1", topic, tx.now
                    )
                    await asyncio.sleep(rng.uniform(0, HOLD_MAX_S))  # the commit is late: that is the point
                    if rng.random() < ABORTS:
                        raise AbortedError
                written += len(events)

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))


async def published(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT (SELECT count(*) FROM outbox) - (SELECT count(*) FROM pending)")
    return count


@asynccontextmanager
async def relay(kind: str, toy_service: Toy, pool: Pool, *, kill_every_s: float | None) -> AsyncIterator[None]:
    """A relay process; when asked, killed and started again every so often, once it has carried something."""
    command = [
        sys.executable,
        "-m",
        "tests.integration.chassis.relay_process",
        kind,
        toy_service.database_url,
        toy_service.bootstrap,
    ]
    process = subprocess.Popen(command)

    async def keep_killing() -> None:
        nonlocal process
        while kill_every_s:
            before = await published(pool)

            async def has_carried(before: int = before) -> bool:
                return await published(pool) > before

            await asyncio.sleep(kill_every_s)  # the rhythm of the faults
            await until(has_carried, "the relay carries something", deadline_s=120)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = subprocess.Popen(command)

    killing = asyncio.create_task(keep_killing())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        process.kill()
        process.wait()


@asynccontextmanager
async def an_outbox(infrastructure: Infrastructure, directory: Path) -> AsyncIterator[tuple[Toy, Pool]]:
    async with a_toy(infrastructure, directory) as toy_service:
        await migrate_database(toy_service.database_url, toy.service.migrations)
        pool = await database.connect(settings_for(toy_service.database_url, database_connections_max=WRITERS + 2))
        yield toy_service, pool
        await pool.close()


async def committed(pool: Pool) -> dict[str, list[str]]:
    """Event ids by key, in order of version, and versions without gaps."""
    rows = await pool.fetch("SELECT key, event_id::text AS event_id, sequence FROM outbox ORDER BY key, sequence")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["key"], []).append(row["event_id"])
        assert row["sequence"] == len(found[row["key"]])
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_event_is_lost_invented_or_reordered_while_the_relay_is_killed(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with an_outbox(infrastructure, tmp_path) as (toy_service, pool):
        async with relay("ours", toy_service, pool, kill_every_s=2):
            await write_events(pool, toy_service.published, 20_000, seed=1)

            async def drained() -> bool:
                return await pool.fetchval("SELECT NOT EXISTS (SELECT FROM pending)") is True

            await until(drained, "the outbox is drained", deadline_s=120)
        wanted = await committed(pool)
        topic = {
            key: [event_id for event_id, _ in events]
            for key, events in first_occurrences(await read_topic(toy_service.bootstrap, toy_service.published)).items()
        }

        assert sum(map(len, wanted.values())) >= 20_000
        assert {event for events in wanted.values() for event in events} - {
            event for events in topic.values() for event in events
        } == set(), "lost"
        assert {event for events in topic.values() for event in events} - {
            event for events in wanted.values() for event in events
        } == set(), "invented"
        assert topic == wanted, "per-key order"


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_negative_control_a_relay_that_pages_by_id_loses_events(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with an_outbox(infrastructure, tmp_path) as (toy_service, pool):
        async with relay("by_last_id", toy_service, pool, kill_every_s=None):
            await write_events(pool, toy_service.published, 1, seed=3)

            async def carrying() -> bool:
                return bool(await read_topic(toy_service.bootstrap, toy_service.published))

            await until(carrying, "the naive relay carries")
            await write_events(pool, toy_service.published, 5_000, seed=2)
            newest = await pool.fetchval("SELECT event_id::text FROM outbox ORDER BY id DESC LIMIT 1")

            async def caught_up() -> bool:
                return newest in {
                    dict(record.headers)["ce_id"].decode()
                    for record in await read_topic(toy_service.bootstrap, toy_service.published)
                }

            await until(caught_up, "the naive relay has passed the newest row", deadline_s=60)
        wanted = {event for events in (await committed(pool)).values() for event in events}
        sent = {
            dict(record.headers)["ce_id"].decode()
            for record in await read_topic(toy_service.bootstrap, toy_service.published)
        }

        assert len(wanted - sent) > 0
