"""The service that these tests are about, and a shop in it."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client
from lutong_inventory import app
from tests.integration.inventory.shop import SITES


@pytest.fixture
def service() -> Service:
    return app.service


@pytest_asyncio.fixture
async def client(service: Service, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory with two stores and a flagship, all empty."""
    async with http_client(service, pool) as client:
        for name, kind, latitude, longitude in SITES:
            site = {
                "merchant_id": "shop",
                "kind": kind,
                "name": f"Shop {name}",
                "latitude": latitude,
                "longitude": longitude,
            }
            assert (await client.put(f"/v1/locations/{name}", json=site)).status_code == 200
        yield client
