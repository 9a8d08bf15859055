"""Picking up on a real PostgreSQL: a code hands the goods over once, and is nowhere to be found."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, bearer, deliver, http_client
from lutong_contracts.inventory import PickupLapsed, PickupReminded, PickupReminderDue
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.support.builders import a_hold

STAFF, MEMBER = bearer(a_merchant("shop")), bearer(a_member("m-1"))


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory with one order that is ready to be picked up."""
    async with http_client(service, pool) as client:
        site = {"merchant_id": "shop", "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}
        assert (await client.put("/v1/locations/near", json=site)).status_code == 200
        await client.put("/v1/locations/near/stock/tea", json={"on_hand": 5})
        await deliver(pool, handlers, a_hold().model_copy(update={"mode": "pickup"}))
        for step in ("accepted", "picked", "ready_for_pickup"):
            taken = await client.post("/v1/orders/o-1/steps", json={"step": step, "location_id": "near"}, headers=STAFF)
            assert taken.status_code == 200
        yield client


async def a_code(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/orders/o-1/pickup-code", headers=MEMBER)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def collect(client: httpx.AsyncClient, code: str) -> httpx.Response:
    body = {"location_id": "near", "code": code}
    return await client.post("/v1/orders/o-1/collection", json=body, headers=STAFF)


async def shelf(client: httpx.AsyncClient) -> tuple[int, int]:
    (row,) = (await client.get("/v1/locations/near/stock")).json()
    return row["on_hand"], row["reserved"]


async def test_the_code_gets_the_goods_once(client: httpx.AsyncClient, pool: Pool) -> None:
    first, code = await a_code(client), await a_code(client)
    assert (await collect(client, first)).json()["type"] == "urn:lutong:problem:wrong_code"
    assert (await collect(client, code)).json() == {"order_id": "o-1", "state": "fulfilled"}
    assert (await collect(client, code)).status_code == 409
    assert await shelf(client) == (4, 0)
    async with pool.acquire() as connection:
        for table in ("outbox", "audit", "pickup_code", "idempotency", "deadline"):
            rows = await connection.fetch(
                f"SELECT row_to_json(found)::text AS text FROM {table} AS found"
            )  # names above
            assert not [row for row in rows if code in row["text"]]


async def test_staff_of_a_store_hands_nothing_over_without_a_code(client: httpx.AsyncClient) -> None:
    step = {"step": "fulfilled", "location_id": "near"}
    refused = await client.post("/v1/orders/o-1/steps", json=step, headers=STAFF)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:needs_code")
    batch = {"step": "fulfilled", "order_ids": ["o-1"]}
    assert (await client.post("/v1/orders/steps/batch", json=batch, headers=STAFF)).status_code == 409


async def test_ten_wrong_codes_lock_the_order_for_staff_of_the_store(client: httpx.AsyncClient) -> None:
    code = await a_code(client)
    kinds = [(await collect(client, "WRONGONE")).json()["type"].rpartition(":")[2] for _ in range(11)]
    assert kinds == ["wrong_code"] * 10 + ["locked"]
    assert (await collect(client, code)).json()["type"] == "urn:lutong:problem:locked"
    assert (await client.post("/v1/orders/o-1/pickup-code", headers=MEMBER)).status_code == 409
    step = {"step": "fulfilled", "location_id": "near"}
    assert (await client.post("/v1/orders/o-1/steps", json=step)).status_code == 200  # an operator, on record


async def test_what_nobody_picks_up_is_on_the_shelf_again(client: httpx.AsyncClient, pool: Pool) -> None:
    code = await a_code(client)
    published = await deliver(pool, handlers, PickupLapsed(order_id="o-1"))
    assert [(type(event).__name__, getattr(event, "reason", None)) for event in published] == [
        ("OrderCancelled", "no_show")
    ]
    assert await deliver(pool, handlers, PickupLapsed(order_id="o-1")) == []
    assert await shelf(client) == (5, 0)
    assert (await collect(client, code)).status_code == 409


async def test_a_member_who_has_not_come_is_reminded(client: httpx.AsyncClient, pool: Pool) -> None:
    due = "SELECT payload, due_at FROM deadline WHERE type = $1"
    reminder = await pool.fetchrow(due, PickupReminderDue.type)
    lapse = await pool.fetchrow(due, PickupLapsed.type)
    assert reminder
    assert lapse
    assert lapse["due_at"] - reminder["due_at"] == timedelta(days=1)
    event = PickupReminderDue.model_validate_json(reminder["payload"])
    (reminded,) = await deliver(pool, handlers, event)
    assert isinstance(reminded, PickupReminded)
    assert (reminded.member_id, reminded.location_id, reminded.pick_up_by) == ("m-1", "near", lapse["due_at"])


async def test_a_member_who_came_is_not_reminded(client: httpx.AsyncClient, pool: Pool) -> None:
    await collect(client, await a_code(client))
    reminder = PickupReminderDue(order_id="o-1", pick_up_by=datetime.now(UTC))
    assert await deliver(pool, handlers, reminder) == []


async def test_a_code_is_for_the_member_of_a_ready_order(client: httpx.AsyncClient, pool: Pool) -> None:
    other = await client.post("/v1/orders/o-1/pickup-code", headers=bearer(a_member("m-2")))
    assert other.status_code == 404
    kept = await client.post("/v1/orders/o-1/pickup-code", headers=MEMBER | {"idempotency-key": "once"})
    assert (kept.status_code, kept.json()["type"]) == (400, "urn:lutong:problem:key_not_taken")
    await deliver(pool, handlers, a_hold("o-2").model_copy(update={"mode": "pickup"}))
    early = await client.post("/v1/orders/o-2/pickup-code", headers=MEMBER)
    assert (early.status_code, early.json()["type"]) == (409, "urn:lutong:problem:not_ready")
