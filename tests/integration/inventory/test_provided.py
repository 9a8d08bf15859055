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
    OrderRefunded,
    OrderRejected,
    ProvisionLapsed,
    ServiceAwaited,
)
from lutong_contracts.membership import CreditHeld
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import names, step, stock
from tests.support.builders import a_cancellation, a_hold


def a_service(order_id: str = "o-1") -> CreditHeld:
    return a_hold(order_id).model_copy(update={"provided": True})


async def report(client: httpx.AsyncClient, verb: str, order_id: str = "o-1", **body: object) -> str:
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


async def refund(
    client: httpx.AsyncClient, refund_id: str, amount_minor: int, order_id: str = "o-1"
) -> tuple[int, object]:
    body = {"refund_id": refund_id, "amount_minor": amount_minor}
    answer = await client.post(f"/v1/services/{order_id}/refunds", json=body)
    shown = answer.json()
    return answer.status_code, shown.get("amount_minor") or shown["type"].rpartition(":")[2]


async def test_a_bill_may_be_less_than_what_is_held(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_service())
    assert await report(client, "completion", reference="bill-1", amount_minor=101) == "more_than_held"
    for _ in range(2):
        assert await report(client, "completion", reference="bill-1", amount_minor=80) == "done"
    assert await report(client, "completion", reference="bill-1", amount_minor=70) == "ended"
    payload = await pool.fetchval("SELECT payload FROM outbox WHERE type LIKE '%order-fulfilled%'")
    done = OrderFulfilled.model_validate_json(payload)
    assert (done.amount.amount_minor, done.listed and done.listed.amount_minor) == (80, 80)
    shown = (await client.get("/v1/services/o-1")).json()
    assert (shown["amount_minor"], shown["paid_minor"], shown["refunded_minor"]) == (100, 80, 0)


async def test_what_was_paid_for_a_service_is_given_back_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_service(), a_service("o-2"))
    assert await refund(client, "r-1", 10) == (409, "not_fulfilled")
    await report(client, "completion", reference="bill-1", amount_minor=80)
    for _ in range(2):
        assert await refund(client, "r-1", 30) == (201, 30)
    assert await refund(client, "r-1", 20) == (409, "refund_known")
    assert await refund(client, "r-2", 51) == (409, "more_than_left")
    assert await refund(client, "r-2", 50) == (201, 50)
    assert await published(pool, OrderRefunded) == ["OrderRefunded"] * 2
    done = (await client.get("/v1/merchants/shop/services", params={"state": "done"})).json()["services"]
    assert [(each["order_id"], each["refunded_minor"]) for each in done] == [("o-1", 80)]


async def test_refunds_at_once_never_give_back_more_than_was_paid(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_service())
    await report(client, "completion", reference="bill-1")
    answers = await asyncio.gather(*(refund(client, f"r-{n}", 30) for n in range(8)))
    assert sorted(status for status, _ in answers) == [201] * 3 + [409] * 5
    same = await asyncio.gather(*(refund(client, "r-same", 10) for _ in range(8)))
    assert {status for status, _ in same} == {201}
    assert await pool.fetchval("SELECT refunded_minor FROM provision") == 100


async def test_goods_and_services_share_the_ids_of_refunds(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_service())
    await report(client, "completion", reference="bill-1")
    assert await refund(client, "r-1", 30) == (201, 30)
    await stock(client, near_tea=4)
    await deliver(pool, handlers, a_hold("o-9", ("tea", 4)))
    for name in ("accepted", "picked", "handed_over", "fulfilled"):
        assert (await step(client, name, "o-9")).status_code == 200
    body = {"refund_id": "r-1", "amount_minor": 30}
    goods = await client.post("/v1/orders/o-9/refunds", json=body)
    assert (goods.status_code, goods.json()["differs"]) == (409, ["order_id"])


async def test_another_merchant_learns_nothing_of_a_service(
    service: Service, client: httpx.AsyncClient, pool: Pool
) -> None:
    await deliver(pool, handlers, a_service())
    assert (await client.get("/v1/services/o-1")).json()["state"] == "waiting"
    async with http_client(service, pool, a_merchant("rival")) as rival:
        assert await report(rival, "completion", reference="bill-1") == "not_found"
        assert await refund(rival, "r-1", 10) == (404, "not_found")
        assert (await rival.get("/v1/services/o-1")).status_code == 404
