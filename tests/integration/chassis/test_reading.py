"""A query that reads one thing is one round trip, and may not write."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client
from tests.integration.chassis import toy
from tests.integration.conftest import PoolOf


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(toy.service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(toy.service, pool) as client:
        yield client


async def statements_of(pool: Pool, client: httpx.AsyncClient, path: str) -> list[str]:
    """What PostgreSQL is asked when a path is read, whatever connection is taken."""
    queries: list[str] = []
    held = [await pool.acquire() for _ in range(pool.get_max_size())]

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        queries.append(query.query)

    for connection in held:
        connection.add_query_logger(note)
        await pool.release(connection)
    assert (await client.get(path)).is_success
    return queries


async def test_one_thing_is_read_in_one_round_trip(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await statements_of(pool, client, "/v1/counts/a/read") == ["SELECT total FROM counter WHERE counter_id = $1"]
    assert len(await statements_of(pool, client, "/v1/counts/a")) > 1


@pytest.mark.parametrize("path", ["/v1/counts/a/written", "/v1/counts/a/written-alone"])
async def test_a_query_that_writes_is_a_bug_and_writes_nothing(
    path: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    await pool.execute("INSERT INTO counter (counter_id, total, places) VALUES ('a', 7, '{}')")
    assert (await client.get(path)).status_code == 500
    assert await pool.fetchval("SELECT total FROM counter") == 7
