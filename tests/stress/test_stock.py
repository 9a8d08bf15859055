"""Stock under a crowd: what is there is sold once, to the last unit."""

import random

import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client
from lutong_contracts.inventory import OrderSourced
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.integration.conftest import PoolOf
from tests.stress.load import rush
from tests.support.builders import a_hold

pytestmark = pytest.mark.timeout(600)

UNITS, BUYERS, ROUNDS = 100, 1_000, 100


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    """An inventory with one store that has a hundred units of each of a hundred things."""
    pool = await pool_of(service)
    async with http_client(service, pool) as client:
        site = {"merchant_id": "shop", "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}
        assert (await client.put("/v1/locations/near", json=site)).status_code == 200
        shelves = [{"location_id": "near", "sku": f"sku-{n}", "on_hand": UNITS} for n in range(ROUNDS)]
        assert (await client.post("/v1/stock/batch", json={"shelves": shelves})).status_code == 201
    return pool


async def test_a_thousand_buyers_of_a_hundred_units_get_exactly_a_hundred(pool: Pool) -> None:
    rng = random.Random(1)
    for number in range(ROUNDS):
        wishes = [a_hold(f"o-{number}-{n}", (f"sku-{number}", 1)) for n in range(BUYERS)]
        published = await rush(pool, handlers, wishes, rng, batch_max=100)
        assert sum(isinstance(event, OrderSourced) for event in published) == UNITS
    sold = await pool.fetch("SELECT reserved, on_hand FROM shelf")
    assert {(row["reserved"], row["on_hand"]) for row in sold} == {(UNITS, UNITS)}
    async with http_client(service, pool) as client:
        summary = (await client.get("/v1/summary")).json()
    assert (summary["shelves_off_movements"], summary["reservations_off_shelves"]) == (0, 0)
    assert summary["orders"] == {"sourced": UNITS * ROUNDS, "rejected": (BUYERS - UNITS) * ROUNDS}
