"""The feed on a real PostgreSQL, and a client of it, with three accounts."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client
from lutong_feed import app


@pytest.fixture
def service() -> Service:
    return app.service


@pytest_asyncio.fixture
async def client(service: Service, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        accounts = [{"account_id": name, "name": name} for name in ("ann", "bo", "cy")]
        assert (await client.post("/v1/accounts/batch", json={"accounts": accounts})).status_code == 201
        yield client
