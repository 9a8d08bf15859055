"""Transfers on a real PostgreSQL: what leaves one shelf arrives at another one, once."""

from typing import Any

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer, deliver, events_published, in_transaction
from lutong_inventory.handlers import handlers
from lutong_inventory.stock.store.shelves import drift_lately
from tests.integration.inventory.shop import shelf, step, stock, summary
from tests.support.builders import a_hold

STAFF = bearer(a_merchant("shop"))


async def a_transfer(
    client: httpx.AsyncClient, units: int = 5, origin: str = "flagship", to: str = "near"
) -> dict[str, Any]:
    body = {
        "from_location_id": origin,
        "to_location_id": to,
        "lines": [{"sku": "tea", "units": units}],
        "reference": "TR-1",
    }
    answer = await client.post("/v1/transfers", json=body, headers=STAFF)
    found: dict[str, Any] = answer.json()
    return found


async def take(client: httpx.AsyncClient, transfer: dict[str, Any], name: str, *units: int) -> httpx.Response:
    body = {"step": name, "received": [{"sku": "tea", "units": each} for each in units]}
    return await client.post(f"/v1/transfers/{transfer['transfer_id']}/steps", json=body, headers=STAFF)


async def test_a_transfer_moves_goods_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, flagship_tea=9)
    transfer = await a_transfer(client)
    assert (await take(client, transfer, "ready")).json()["state"] == "ready"
    assert (await client.get("/v1/locations/flagship/stock")).json()[0]["available"] == 4
    assert (await take(client, transfer, "sent")).json()["state"] == "in_transit"
    assert (await take(client, transfer, "received", 3)).json()["state"] == "partially_received"
    assert (await shelf(client, "flagship"), await shelf(client, "near")) == ((4, 0), (3, 0))
    assert (await take(client, transfer, "lost")).json()["lines"] == [
        {"sku": "tea", "units": 5, "received": 3, "lost": 2}
    ]
    again = await take(client, transfer, "received", 1)
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:wrong_step")
    await summary(client)
    types = [event.type for event in await events_published(pool) if "transfer" in event.type]
    assert types == [f"lutong.inventory.transfer-{name}.v1" for name in ("sent", "received", "lost")]
    movements = (await client.get("/v1/locations/flagship/stock/tea/movements")).json()
    assert [(row["kind"], row["reference"]) for row in movements[:2]] == [
        ("sent", transfer["transfer_id"]), ("set_apart", transfer["transfer_id"]),
    ]  # fmt: skip
    (listed,) = (await client.get("/v1/locations/near/transfers")).json()
    assert (listed["state"], listed["reference"]) == ("lost", "TR-1")


async def test_what_cannot_be_transferred_is_refused(client: httpx.AsyncClient) -> None:
    await stock(client, flagship_tea=9)
    assert (await a_transfer(client, to="flagship"))["type"] == "urn:lutong:problem:to_itself"
    assert (await a_transfer(client, to="nowhere"))["type"] == "urn:lutong:problem:not_found"
    refused = await take(client, await a_transfer(client, 10), "ready")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:not_there")
    transfer = await a_transfer(client)
    assert (await take(client, transfer, "sent", 1)).json()["type"] == "urn:lutong:problem:bad_lines"
    other = await client.post(
        f"/v1/transfers/{transfer['transfer_id']}/steps", json={"step": "ready"}, headers=bearer(a_merchant("rival"))
    )
    assert other.status_code == 404


async def test_goods_that_were_cleared_away_are_not_sent(client: httpx.AsyncClient) -> None:
    await stock(client, flagship_tea=9)
    transfer = await a_transfer(client)
    await take(client, transfer, "ready")
    cleared = {"location_id": "flagship", "sku": "tea", "kind": "cleared", "units": 5}
    assert (await client.post("/v1/stock/movements", json={"movements": [cleared]})).status_code == 201
    assert (await take(client, transfer, "sent")).json()["type"] == "urn:lutong:problem:not_set_apart"
    assert (await take(client, transfer, "cancelled")).json()["state"] == "cancelled"
    await summary(client)


async def test_a_store_is_proposed_what_leaves_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=14, flagship_tea=99)
    await deliver(pool, handlers, *[a_hold(f"o-{n}") for n in range(14)])
    for n in range(14):
        for name in ("accepted", "picked", "handed_over"):
            assert (await step(client, name, f"o-{n}")).status_code == 200
    (proposal,) = (await client.get("/v1/locations/near/replenishment")).json()
    assert proposal == {"sku": "tea", "units": 7, "per_day": 1.0, "free": 0, "coming": 0}
    await take(client, await a_transfer(client, 7), "ready")
    assert (await client.get("/v1/locations/near/replenishment")).json() == []


async def test_drift_of_what_moved_last_is_seen(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=3, flagship_tea=9)
    async with in_transaction(pool) as tx:
        assert await drift_lately(tx, 100) == 0
    await pool.execute("UPDATE shelf SET on_hand = on_hand + 1 WHERE location_id = 'near'")
    async with in_transaction(pool) as tx:
        assert await drift_lately(tx, 100) == 1
        assert await drift_lately(tx, 1) == 0  # another shelf moved last
