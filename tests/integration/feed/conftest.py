"""The feed on a real PostgreSQL, and a client of it, with three accounts."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client
from lutong_feed.app import service
from tests.integration.conftest import PoolOf


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        accounts = [{"account_id": name, "name": name} for name in ("ann", "bo", "cy")]
        assert (await client.post("/v1/accounts/batch", json={"accounts": accounts})).status_code == 201
        yield client
