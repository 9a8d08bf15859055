"""A location that closes for good: its slots to come are withdrawn, and members who booked one are asked."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.integration.inventory.slots import DAY, STAFF, a_slot, an_order, held, hold, put, two_stores


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory in which the farther of two stores delivers by slots, and is shut now."""
    async with http_client(service, pool) as client:
        await two_stores(client)
        yield client


async def test_closing_for_good_withdraws_slots_and_asks_members(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client)
    hold_id = await held(client, slot_id)
    await deliver(pool, handlers, an_order(hold_id))
    await held(client, slot_id, "m-2")
    answer = await client.post("/v1/locations/far/closure", json={"reason": "lease_ended"}, headers=STAFF)
    assert (answer.status_code, answer.json()["state"]) == (200, "closed")
    published = [row["type"] for row in await pool.fetch("SELECT type FROM outbox ORDER BY id")]
    assert [sum(name in each for each in published) for name in ("slot-withdrawn", "slot-released")] == [1, 1]
    (slot,) = (await client.get(f"/v1/locations/far/slots?day={DAY}")).json()
    assert (slot["withdrawn_for"], slot["held"], slot["booked"]) == ("lease_ended", 0, 1)
    assert (await hold(client, slot_id, "m-3")).status_code == 409
    assert (await put(client)).status_code == 409


async def test_closing_twice_withdraws_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, an_order(await held(client, await a_slot(client))))
    for _ in range(2):
        await client.post("/v1/locations/far/closure", json={"reason": "lease_ended"}, headers=STAFF)
    withdrawn = await pool.fetchval("SELECT count(*) FROM outbox WHERE type LIKE '%slot-withdrawn%'")
    assert withdrawn == 1


@pytest.mark.parametrize(("datum", "moved"), [({}, True), ({"datum": "WGS-84"}, False)])
async def test_an_area_is_of_the_datum_of_its_location(
    datum: dict[str, str], moved: bool, client: httpx.AsyncClient, pool: Pool
) -> None:
    site = {"merchant_id": "shop", "kind": "store", "name": "far", "latitude": 31.3, "longitude": 121.48}
    assert (await client.put("/v1/locations/far", json=site | {"datum": "GCJ-02"})).status_code == 200
    corners = [{"latitude": y, "longitude": x} for y, x in ((31.0, 121.0), (31.0, 122.0), (32.0, 122.0))]
    answer = await client.put("/v1/locations/far/areas/a", json={"corners": corners} | datum, headers=STAFF)
    assert answer.status_code == 200, answer.text
    kept = await pool.fetchval("SELECT corners FROM slot_area WHERE area = 'a'")
    assert ('"latitude":31.0,' not in kept) == moved
