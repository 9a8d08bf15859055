"""Migrations and housekeeping: applied once, never changed, and nothing is dropped too early."""

import asyncio
import cProfile
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from lutong_chassis import database, inbox, outbox
from lutong_chassis.database import Pool
from lutong_chassis.envelope import Cause, Outgoing
from lutong_chassis.migrate import Migration, MigrationError, migrate, migrations
from lutong_chassis.testing import a_received, create_database, drop_database
from tests.conftest import Infrastructure
from tests.integration.chassis import toy
from tests.integration.conftest import PoolOf
from tests.support.builders import a_post

ONE = Migration("c", 1, "create_thing", "CREATE TABLE thing (id integer)")
TWO = Migration("c", 2, "add_name", "ALTER TABLE thing ADD COLUMN name text")


async def test_many_processes_that_migrate_at_once_apply_each_file_once(infrastructure: Infrastructure) -> None:
    name = f"migrations_{uuid7().hex[-8:]}"
    url = await create_database(infrastructure.admin_url, name)
    connections = [await asyncpg.connect(url) for _ in range(6)]
    try:
        applied = await asyncio.gather(*(migrate(connection, [ONE, TWO]) for connection in connections))
        assert sorted(len(each) for each in applied) == [0, 0, 0, 0, 0, 2]
        with pytest.raises(MigrationError, match=r"0001_create_thing\.sql was changed after it was applied"):
            await migrate(connections[0], [Migration("c", 1, "create_thing", "SELECT 1"), TWO])
        broken = Migration("c", 3, "break", "CREATE TABLE half (id integer); SELECT nonsense")
        with pytest.raises(asyncpg.UndefinedColumnError):
            await migrate(connections[0], [ONE, TWO, broken])
        assert await connections[0].fetchval("SELECT to_regclass('half')") is None
    finally:
        for connection in connections:
            await connection.close()
        await drop_database(infrastructure.admin_url, name)


async def test_a_migration_may_take_longer_than_a_statement(infrastructure: Infrastructure) -> None:
    name = f"slow_{uuid7().hex[-8:]}"
    url = await create_database(infrastructure.admin_url, name)
    try:
        async with asyncpg.create_pool(url, min_size=1, command_timeout=0.5) as pool, pool.acquire() as connection:
            with pytest.raises(TimeoutError):  # the control
                await connection.execute("SELECT pg_sleep(1)")
            assert await migrate(connection, [Migration("c", 1, "fill", "SELECT pg_sleep(1)")])
    finally:
        await drop_database(infrastructure.admin_url, name)


@pytest.mark.parametrize("names", [["0002_second"], ["0001_first", "0002_second", "0002_other"]])
def test_a_number_that_is_missing_or_there_twice_is_an_error(names: list[str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="each number once"):
        migrations("c", tmp_path)


@pytest.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(toy.service)


async def test_an_array_is_sent_without_asking_every_element_what_it_is(pool: Pool) -> None:
    """asyncpg does so by abstract base classes unless it is told better: look at `database` when this fails."""
    many = [f"element {n}" for n in range(1000)]
    profile = cProfile.Profile()
    async with database.transaction(pool) as tx:
        profile.enable()
        assert await tx.fetchval("SELECT count(*) FROM unnest($1::text[])", many) == len(many)
        profile.disable()
        with pytest.raises(asyncpg.DataError, match="a sized iterable container expected"):
            await tx.fetchval("SELECT $1::text[]", "no list")
    asked = [call.callcount for call in profile.getstats() if "__instancecheck__" in str(call.code)]
    assert sum(asked) < len(many)


async def test_events_land_in_their_days_partition_which_is_dropped_once_published(pool: Pool) -> None:
    async with database.transaction(pool) as tx:
        await outbox.write(tx, [Outgoing(a_post(), Cause("j"))])
        partition = await tx.fetchval("SELECT tableoid::regclass::text FROM outbox")
        assert partition == f"outbox_{tx.now:%Y%m%d}"
        await tx.execute(
            "CREATE TABLE outbox_20200101 PARTITION OF outbox FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')"
        )
        await tx.execute(
            "CREATE TABLE outbox_20200102 PARTITION OF outbox FOR VALUES FROM ('2020-01-02') TO ('2020-01-03')"
        )
        columns = "shard, event_id, topic, key, type, sequence, correlation_id, payload"
        for day in ("2020-01-01", "2020-01-02"):
            await tx.execute(
                f"INSERT INTO outbox (written_at, {columns}) "
                f"SELECT '{day} 12:00+00', {columns} FROM outbox WHERE tableoid = $1::regclass",
                partition,
            )
        await tx.execute(
            "INSERT INTO pending SELECT shard, id, written_at FROM outbox WHERE tableoid = 'outbox_20200102'::regclass"
        )
        await outbox.keep_partitions(tx, timedelta(days=7))
        left = await tx.fetch(
            "SELECT to_regclass(name)::text AS name FROM unnest(ARRAY['outbox_20200101', 'outbox_20200102']) AS name"
        )
    assert [row["name"] for row in left] == [None, "outbox_20200102"]


async def test_versions_of_a_stream_have_no_gaps_whatever_aborts(pool: Pool) -> None:
    async def publish(number: int) -> None:
        async with database.transaction(pool) as tx:
            await outbox.write(tx, [Outgoing(a_post(f"p-{number % 3}"), Cause("j"))] * 2)
            if number % 4 == 0:
                raise ZeroDivisionError

    await asyncio.gather(*(publish(number) for number in range(40)), return_exceptions=True)
    rows = await pool.fetch("SELECT key, array_agg(sequence ORDER BY id) AS versions FROM outbox GROUP BY key")
    assert sum(len(row["versions"]) for row in rows) == 60
    for row in rows:
        assert row["versions"] == list(range(1, len(row["versions"]) + 1))


async def test_the_inbox_tells_copies_apart_and_forgets_only_what_is_old(pool: Pool) -> None:
    first, second = a_received(a_post("p-1")), a_received(a_post("p-2"))
    async with database.transaction(pool) as tx:
        assert await inbox.receive(tx, [first, second, first]) == [first, second]
        assert await inbox.receive(tx, [second, first]) == []
        await tx.execute("UPDATE inbox SET received_at = now() - interval '46 days' WHERE id = $1", first.id)
        assert await inbox.forget(tx, timedelta(days=45)) == 1
        assert await inbox.receive(tx, [second, first]) == [first]
