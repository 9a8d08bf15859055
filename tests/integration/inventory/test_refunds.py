"""Goods that come back: never more than was paid, each refund once."""

import asyncio

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, events_published
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import shelf, step, stock, summary
from tests.support.builders import a_hold


async def a_delivery(client: httpx.AsyncClient, pool: Pool, units: int = 4) -> None:
    """An order of four teas for 1.00 in all, delivered from the near store."""
    await stock(client, near_tea=units)
    await deliver(pool, handlers, a_hold("o-1", ("tea", units)))
    for name in ("accepted", "picked", "handed_over", "fulfilled"):
        assert (await step(client, name)).status_code == 200


async def refund(client: httpx.AsyncClient, refund_id: str, **what: object) -> httpx.Response:
    return await client.post("/v1/orders/o-1/refunds", json={"refund_id": refund_id, **what})


async def test_goods_are_taken_back_and_are_on_the_shelf_again(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_delivery(client, pool)
    back = await refund(client, "r-1", lines=[{"sku": "tea", "units": 3}], restock=True)
    assert (back.status_code, back.json()["amount_minor"]) == (201, 75)
    assert await shelf(client, "near") == (3, 0)
    assert [type_ for type_, _ in (await events_published(pool))[-2:]] == [
        "lutong.inventory.order-refunded.v1",
        "lutong.inventory.stock-restored.v1",
    ]
    order = (await client.get("/v1/orders/o-1")).json()
    assert (order["refunded_minor"], len(order["refunds"])) == (75, 1)
    await summary(client)


@pytest.mark.parametrize(
    ("what", "status", "kind"),
    [
        ({"refund_id": "r-1", "amount_minor": 11}, 409, "refund_known"),
        ({"refund_id": "r-2", "amount_minor": 91}, 409, "more_than_left"),
        ({"refund_id": "r-2", "lines": [{"sku": "tea", "units": 5}]}, 409, "not_delivered"),
        ({"refund_id": "r-2", "lines": [{"sku": "tea", "units": 1}], "amount_minor": 1}, 422, "invalid"),
        ({"refund_id": "r-2"}, 422, "invalid"),
        ({"refund_id": "r-2", "amount_minor": 1, "restock": True}, 422, "invalid"),
    ],
)
async def test_a_refund_that_cannot_be_is_refused_with_its_reason(
    what: dict[str, object], status: int, kind: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_delivery(client, pool)
    assert (await refund(client, "r-1", amount_minor=10)).status_code == 201
    answer = await client.post("/v1/orders/o-1/refunds", json=what)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lutong:problem:{kind}")
    assert (await client.get("/v1/orders/o-1")).json()["refunded_minor"] == 10


async def test_the_same_refund_again_is_the_same_answer(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_delivery(client, pool)
    goods = {"lines": [{"sku": "tea", "units": 3}], "restock": True}
    first, again = [await refund(client, "r-1", **goods) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert await shelf(client, "near") == (3, 0)
    assert (await client.get("/v1/orders/o-1")).json()["refunded_minor"] == 75


async def test_the_same_refund_at_once_is_made_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_delivery(client, pool)
    answers = await asyncio.gather(*(refund(client, "r-1", amount_minor=30) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert (await client.get("/v1/orders/o-1")).json()["refunded_minor"] == 30


@pytest.mark.parametrize(
    ("what", "differs"),
    [
        ({"amount_minor": 31}, ["amount_minor"]),
        ({"lines": [{"sku": "tea", "units": 1}]}, ["lines"]),
        ({"lines": [{"sku": "tea", "units": 1}], "restock": True}, ["lines", "restock"]),
    ],
)
async def test_another_refund_under_a_known_id_names_what_differs(
    what: dict[str, object], differs: list[str], client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_delivery(client, pool)
    await refund(client, "r-1", amount_minor=30)
    answer = await refund(client, "r-1", **what)
    assert (answer.status_code, answer.json()["differs"]) == (409, differs)
    assert (await client.get("/v1/orders/o-1")).json()["refunded_minor"] == 30


async def test_a_refund_id_belongs_to_the_merchant_who_chose_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_delivery(client, pool)
    assert (await refund(client, "r-1", amount_minor=30)).status_code == 201
    await pool.execute(
        "INSERT INTO customer_order SELECT (jsonb_populate_record(row, $1)).* FROM customer_order AS row",
        '{"order_id": "o-2", "merchant_id": "rival", "refunded_minor": 0}',
    )
    answer = await client.post("/v1/orders/o-2/refunds", json={"refund_id": "r-1", "amount_minor": 30})
    assert answer.status_code == 201
    (known,) = (await client.get("/v1/orders/o-2")).json()["refunds"]
    assert known["refund_id"] == "r-1"


async def test_twenty_refunds_at_once_never_give_back_more_than_was_paid(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_delivery(client, pool)
    answers = await asyncio.gather(*(refund(client, f"r-{n}", amount_minor=30) for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 17
    assert (await client.get("/v1/orders/o-1")).json()["refunded_minor"] == 90


async def test_an_order_that_was_not_delivered_has_nothing_to_take_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=4)
    await deliver(pool, handlers, a_hold("o-1", ("tea", 4)))
    assert (await refund(client, "r-1", amount_minor=1)).json()["type"] == "urn:lutong:problem:not_fulfilled"


async def test_goods_that_cost_nothing_any_more_come_back_to_their_shelf(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_delivery(client, pool)
    assert (await refund(client, "gesture", amount_minor=100)).status_code == 201
    published = await events_published(pool)
    back = await refund(client, "goods", lines=[{"sku": "tea", "units": 1}], restock=True)
    assert (back.status_code, back.json().get("amount_minor")) == (201, 0)
    assert await shelf(client, "near") == (1, 0)
    assert [type_ for type_, _ in (await events_published(pool))[len(published) :]] == [
        "lutong.inventory.stock-restored.v1"
    ]
    again = await refund(client, "more", lines=[{"sku": "tea", "units": 4}], restock=True)
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:not_delivered")
    await summary(client)
