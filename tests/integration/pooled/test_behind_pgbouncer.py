"""A service behind PgBouncer in transaction mode: a session is lent for one transaction, and then to another client."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from operator import itemgetter
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from lutong_chassis import database
from lutong_chassis.database import transaction
from lutong_chassis.testing import create_database, drop_database, settings_for
from lutong_local.ports import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis.outages import cut
from tests.integration.chassis.toy import Counted
from tests.support.harness import Toy, a_record, a_toy, feed, read_topic, until
from tests.support.pgbouncer import PgBouncer, needs_pgbouncer, pgbouncer

EVENTS = 600
COMMANDS = 40
REFUSED_PARAMETERS = "idle_in_transaction_session_timeout, enable_seqscan, jit"


@pytest_asyncio.fixture
async def toy(infrastructure: Infrastructure, tmp_path: Path) -> AsyncIterator[Toy]:
    needs_pgbouncer()
    async with a_toy(infrastructure, tmp_path) as made:
        yield made


@pytest.fixture
def pooler(toy: Toy, tmp_path: Path) -> Iterator[PgBouncer]:
    with pgbouncer(tmp_path / "pgbouncer", toy.database_url) as running:
        yield running


def start(toy: Toy, pooler: PgBouncer, **environment: str) -> None:
    """A toy behind a pooler, in many small transactions."""
    own = {
        "LUTONG_DATABASE_URL": pooler.through(toy.database_url),
        "LUTONG_DATABASE_DIRECT_URL": toy.database_url,
        "LUTONG_BATCH_RECORDS_MAX": "5",
        "LUTONG_RETRY_DELAY_MAX_S": "0.1",
    }
    toy.start(**(own | environment))


async def feed_all(toy: Toy) -> None:
    await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c-{n % 7}")) for n in range(EVENTS)])


async def until_counted(toy: Toy, count: int) -> None:
    """Everything has had its effect once, and nothing was set aside."""

    async def counted() -> bool:
        assert await toy.parked() == []
        return sum((await toy.totals()).values()) == count

    await until(counted, f"{count} are counted once; see {toy.log.read_text()[-2000:]}", 60)


async def until_published(toy: Toy) -> None:
    """What was committed is on the topic, in the order of its key; a relay whose session was cut may have sent it twice."""

    async def carried() -> bool:
        return not await toy.rows("SELECT FROM pending LIMIT 1")

    await until(carried, "the outbox is carried")
    rows = await toy.rows("SELECT key, event_id::text FROM outbox WHERE topic = $1 ORDER BY id", toy.published)
    sent = await read_topic(toy.bootstrap, toy.published)
    found = dict.fromkeys((record.key.decode(), dict(record.headers)["ce_id"].decode()) for record in sent)
    by_key = itemgetter(0)
    assert sorted(found, key=by_key) == sorted(((row["key"], row["event_id"]) for row in rows), key=by_key)


async def test_events_commands_and_queries_flow_through_shared_sessions(toy: Toy, pooler: PgBouncer) -> None:
    start(toy, pooler)
    await toy.ready()
    await feed_all(toy)
    answers = await asyncio.gather(*(toy.post("/v1/counts", counter_id=f"by-hand-{n}") for n in range(COMMANDS)))
    assert {answer.status_code for answer in answers} == {201}
    assert (await toy.post("/v1/reminders/b?after_ms=1")).status_code == 202
    await until_counted(toy, EVENTS + COMMANDS)
    answer = await toy.get("/v1/counts/by-hand-1")
    assert answer is not None
    assert answer.json() == {"total": 1}

    async def reminded() -> bool:
        return bool(await toy.rows("SELECT FROM outbox WHERE type = 'lutong.toy.reminded.v1'"))

    await until(reminded, "a deadline fell due")
    await until_published(toy)
    assert toy.stop() == 0
    assert '"level": "error"' not in toy.log.read_text()


async def test_lost_sessions_and_a_pooler_that_dies_park_nothing(toy: Toy, pooler: PgBouncer) -> None:
    start(toy, pooler)
    await toy.ready()
    await feed_all(toy)
    for n in range(6):

        async def flows(least: int = n * EVENTS // 6) -> bool:
            return sum((await toy.totals()).values()) >= least

        await until(flows, f"events flow after {n} faults; see {toy.log.read_text()[-2000:]}")
        if n % 2:
            pooler.stop()
            pooler.start()
        else:
            assert await cut(toy.database_url)
    await until_counted(toy, EVENTS)
    await until_published(toy)


async def test_a_pooler_whose_server_is_away_is_waited_for(toy: Toy, tmp_path: Path) -> None:
    port = free_port()
    away = toy.database_url.replace(f":{toy.database_url.rpartition(':')[2].partition('/')[0]}/", f":{port}/")
    with pgbouncer(tmp_path / "away", away) as pooler:
        start(toy, pooler, LUTONG_DATABASE_URL=pooler.through(away))

        async def waits() -> bool:
            return '"event": "waiting"' in toy.log.read_text()

        await until(waits, f"it waits and says so; see {toy.log.read_text()[-2000:]}")
        assert toy.stop() == 0


async def test_without_a_direct_address_it_ends_with_the_remedy(toy: Toy, pooler: PgBouncer) -> None:
    """As PgBouncer comes: it refuses the parameters of a session."""
    toy.start(LUTONG_DATABASE_URL=pooler.through(toy.database_url))
    assert await asyncio.to_thread(toy.ended) == 2
    log = toy.log.read_text()
    assert "LUTONG_DATABASE_URL leads to a connection pooler" in log
    assert "set LUTONG_DATABASE_DIRECT_URL" in log


async def test_a_direct_address_of_a_pooler_ends_it(toy: Toy, tmp_path: Path) -> None:
    with pgbouncer(tmp_path / "lenient", toy.database_url, ignore_startup_parameters=REFUSED_PARAMETERS) as pooler:
        start(toy, pooler, LUTONG_DATABASE_DIRECT_URL=pooler.through(toy.database_url))
        assert await asyncio.to_thread(toy.ended) == 2
        assert "LUTONG_DATABASE_DIRECT_URL leads to a connection pooler" in toy.log.read_text()


async def test_a_direct_address_of_another_database_ends_it(
    toy: Toy, pooler: PgBouncer, infrastructure: Infrastructure
) -> None:
    other = await create_database(infrastructure.admin_url, f"other_{toy.suffix}")
    try:
        start(toy, pooler, LUTONG_DATABASE_DIRECT_URL=other)
        assert await asyncio.to_thread(toy.ended) == 2
        assert "leads to another database" in toy.log.read_text()
    finally:
        await drop_database(infrastructure.admin_url, f"other_{toy.suffix}")


async def test_each_transaction_has_the_parameters_of_ours(toy: Toy, pooler: PgBouncer) -> None:
    direct = {"database_direct_url": toy.database_url}
    pool = await database.connect(settings_for(pooler.through(toy.database_url), **direct))
    try:
        for readonly in (False, True):
            async with transaction(pool, readonly=readonly) as tx:
                found = await tx.fetchrow(
                    """
                    SELECT current_setting('enable_seqscan') AS scans, current_setting('timezone') AS zone,
                           current_setting('idle_in_transaction_session_timeout') AS idle
                    """
                )
                assert dict(found or {}) == {"scans": "off", "zone": "UTC", "idle": "1min"}
        assert await pool.fetchval("SELECT current_setting('enable_seqscan')") == "on"  # nothing is left to others
    finally:
        await pool.close()


async def test_the_pools_of_before_lose_their_statements_behind_it(toy: Toy, tmp_path: Path) -> None:
    """The control: connections that keep statements meet sessions that do not have them."""
    with pgbouncer(tmp_path / "lenient", toy.database_url, ignore_startup_parameters=REFUSED_PARAMETERS) as pooler:
        async with asyncpg.create_pool(pooler.through(toy.database_url), min_size=6, max_size=6) as pool:

            async def ask(n: int) -> None:
                async with pool.acquire() as connection:
                    for _ in range(20):
                        await connection.fetch(f"SELECT {n}, pg_sleep(0.001)")

            with pytest.raises((asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)):
                await asyncio.gather(*(ask(n) for n in range(6)))
