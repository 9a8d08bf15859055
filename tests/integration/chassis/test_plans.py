"""A table grows faster than PostgreSQL looks at it: plans made while it was small must not read all of it for each row."""

import pytest

from lutong_chassis import relay
from lutong_chassis.database import Connection, Pool
from tests.integration.chassis import toy
from tests.integration.conftest import PoolOf

GROWN = 2_000
SHARD = 3


@pytest.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(toy.service)


async def enqueue(connection: Connection, count: int) -> None:
    await connection.execute(
        """
        WITH logged AS (
            INSERT INTO outbox (shard, event_id, topic, key, type, sequence, correlation_id, payload)
            SELECT $2, gen_random_uuid(), 't', 'k', 'T', n, 'c', '{}' FROM generate_series(1, $1::integer) AS n
            RETURNING shard, id, written_at
        )
        INSERT INTO pending (shard, id, written_at) SELECT shard, id, written_at FROM logged
        """,
        count,
        SHARD,
    )


async def rows_read_whole(connection: Connection) -> int:
    """Rows of the outbox that were read by reading all of a table."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    read = await connection.fetchval(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'outbox%'"
    )
    return int(read)


async def reads_of_a_relay(connection: Connection) -> int:
    """How many rows a relay reads whole to fetch a burst, with plans that were made of three rows."""
    await enqueue(connection, 3)
    await connection.execute("ANALYZE")
    for _ in range(8):  # from the sixth on, PostgreSQL may keep one plan for all arguments
        assert len(await relay.pending(connection, [SHARD], 2 * GROWN)) == 3
    await enqueue(connection, GROWN)
    before = await rows_read_whole(connection)
    assert len(await relay.pending(connection, [SHARD], 2 * GROWN)) == GROWN + 3
    return await rows_read_whole(connection) - before


async def test_a_relay_looks_up_a_burst_by_its_keys(pool: Pool) -> None:
    async with pool.acquire() as connection:
        assert await reads_of_a_relay(connection) == 0


async def test_negative_control_a_plan_of_a_small_table_reads_all_of_it(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("SET enable_seqscan = on")
        try:
            assert await reads_of_a_relay(connection) > GROWN * GROWN
        finally:
            await connection.execute("SET enable_seqscan = off")
