"""Services without goods on a real PostgreSQL: they wait for their provider, and end once, with no shelf and no store."""

import asyncio

import httpx

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, deliver, http_client
from lutong_contracts import Event
from lutong_contracts.inventory import (
    OrderCancelled,
    OrderFulfilled,
    OrderRejected,
    ProvisionLapsed,
    ServiceAwaited,
)
from lutong_contracts.membership import CreditHeld
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import names
from tests.support.builders import a_cancellation, a_hold


def a_service(order_id: str = "o-1") -> CreditHeld:
    return a_hold(order_id).model_copy(update={"provided": True})


async def report(client: httpx.AsyncClient, verb: str, order_id: str = "o-1", **body: str) -> str:
    answer = await client.post(f"/v1/services/{order_id}/{verb}", json=body)
    return str(answer.json()["state"]) if answer.is_success else str(answer.json()["type"]).rpartition(":")[2]


async def published(pool: Pool, *types: type[Event]) -> list[str]:
    rows = await pool.fetch("SELECT type FROM outbox ORDER BY id")
    known = {each.type: each.__name__ for each in types}
    return [known[row["type"]] for row in rows if row["type"] in known]


async def test_a_service_waits_and_is_done_with_a_reference(client: httpx.AsyncClient, pool: Pool) -> None:
    (awaited,) = [e for e in await deliver(pool, handlers, a_service(), a_service()) if isinstance(e, ServiceAwaited)]
    assert awaited.amount.amount_minor == 100
    waiting = (await client.get("/v1/merchants/shop/services")).json()["services"]
    assert [each["order_id"] for each in waiting] == ["o-1"]
    for _ in range(2):
        assert await report(client, "completion", reference="bill-1") == "done"
    assert await report(client, "failure", reason="too_late") == "ended"
    assert await published(pool, OrderFulfilled, OrderRejected) == ["OrderFulfilled"]
    assert names(await deliver(pool, handlers, ProvisionLapsed(order_id="o-1"), a_cancellation())) == []
    for table in ("customer_order", "reservation", "sales_entry"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert (await client.get("/v1/merchants/shop/services")).json()["services"] == []


async def test_what_is_not_done_is_given_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *(a_service(order_id) for order_id in ("o-1", "o-2", "o-3")))
    assert await report(client, "failure", reason="account_closed") == "failed"
    lapsed = await deliver(pool, handlers, ProvisionLapsed(order_id="o-2"), ProvisionLapsed(order_id="o-2"))
    assert lapsed == [OrderRejected(order_id="o-2", merchant_id="shop", reason="provider_silent")]
    assert await report(client, "completion", "o-2", reference="bill-2") == "ended"
    assert names(await deliver(pool, handlers, a_cancellation("o-3"))) == ["OrderCancelled"]
    states = await pool.fetch("SELECT state FROM provision ORDER BY order_id")
    assert [row["state"] for row in states] == ["failed", "lapsed", "cancelled"]


async def test_a_cancellation_may_come_before_its_service(pool: Pool, client: httpx.AsyncClient) -> None:
    emitted = await deliver(pool, handlers, a_cancellation(), a_service())
    assert [event for event in emitted if isinstance(event, ServiceAwaited)] == []
    assert names(emitted) == [OrderCancelled.__name__]
    assert await report(client, "completion", reference="bill-1") == "ended"


async def test_a_reference_is_that_of_one_service(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_service("o-1"), a_service("o-2"))
    assert await report(client, "completion", "o-1", reference="bill-1") == "done"
    assert await report(client, "completion", "o-2", reference="bill-1") == "reference_used"
    assert await report(client, "completion", "o-2", reference="bill-2") == "done"


async def test_done_and_failed_at_once_end_a_service_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_service())
    done, failed = await asyncio.gather(
        report(client, "completion", reference="bill-1"), report(client, "failure", reason="closed")
    )
    assert sorted((done, failed)) in (["done", "ended"], ["ended", "failed"])
    assert len(await published(pool, OrderFulfilled, OrderRejected)) == 1


async def test_another_merchant_learns_nothing_of_a_service(
    service: Service, client: httpx.AsyncClient, pool: Pool
) -> None:
    await deliver(pool, handlers, a_service())
    assert (await client.get("/v1/services/o-1")).json()["state"] == "waiting"
    async with http_client(service, pool, a_merchant("rival")) as rival:
        assert await report(rival, "completion", reference="bill-1") == "not_found"
        assert (await rival.get("/v1/services/o-1")).status_code == 404
