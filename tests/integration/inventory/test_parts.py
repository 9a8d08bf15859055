"""Orders that several locations serve: all of it or nothing is set aside, each part goes its own way, and the whole ends once."""

import asyncio

import asyncpg
import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.inventory import (
    LocationDeclined,
    OrderRefunded,
    OrderSourced,
)
from lutong_inventory.handlers import handlers
from tests.integration.inventory.parts import RULES, STEPS, a_split, an_order, go, latest, order, published_names
from tests.integration.inventory.shop import names, shelf, step, stock, summary
from tests.support.builders import a_cancellation


async def test_no_order_is_split_unless_its_merchant_lets_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=1, far_cup=2)
    assert (await client.get(RULES)).json() == {"merchant_id": "shop", "parts_max": 1}
    assert names(await deliver(pool, handlers, an_order())) == ["OrderRejected"]


async def test_an_order_that_none_has_as_a_whole_is_served_in_parts(client: httpx.AsyncClient, pool: Pool) -> None:
    first, second = (e for e in await a_split(client, pool) if isinstance(e, OrderSourced))
    assert [(e.order_id, e.fulfilment_id, e.location_id) for e in (first, second)] == [
        ("o-1", "o-1", "near"), ("o-1", "o-1.2", "far"),
    ]  # fmt: skip
    assert [(line.sku, line.units) for e in (first, second) for line in e.lines] == [("tea", 1), ("cup", 2)]
    assert (await shelf(client, "near"), await shelf(client, "far", "cup")) == ((1, 1), (2, 2))
    found = await order(client)
    parts = [(part["fulfilment_id"], part["amount_minor"]) for part in found["fulfilments"]]  # type: ignore[attr-defined]  # JSON
    assert (found["state"], found["amount_minor"], found["location_id"], parts) == (
        "sourced", 100, None, [("o-1", 33), ("o-1.2", 67)],
    )  # fmt: skip
    decision = (await client.get("/v1/orders/o-1.2/explain")).json()["decisions"][0]
    assert decision["parts"] == ["near", "far"]
    assert "由 near" in decision["why"]["zh"]
    await summary(client)


async def test_one_location_that_has_it_all_comes_before_any_split(client: httpx.AsyncClient, pool: Pool) -> None:
    published = await a_split(client, pool, flagship_tea=1, flagship_cup=2)
    (sourced,) = (event for event in published if isinstance(event, OrderSourced))
    assert (sourced.location_id, sourced.fulfilment_id) == ("flagship", None)


async def test_what_would_be_split_is_shown_by_a_trial(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool, "o-1", near_tea=2, far_cup=4)
    where = "merchant_id=shop&latitude=31.23&longitude=121.47&line=tea:1&line=cup:2"
    trial = (await client.get(f"/v1/sourcing/trial?{where}")).json()
    assert (trial["location_id"], trial["parts"]) == ("near", ["near", "far"])
    assert await shelf(client, "near") == (2, 1)


async def test_all_of_an_order_is_set_aside_or_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    orders = [f"o-{n}" for n in range(12)]
    published = await a_split(client, pool, *orders, near_tea=5, far_cup=20)
    assert names(published).count("OrderRejected") == 7
    assert (await shelf(client, "near"), await shelf(client, "far", "cup")) == ((5, 5), (20, 10))
    await summary(client)


async def test_orders_that_race_for_the_last_goods_are_never_promised_them_twice(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_split(client, pool, "o-first", near_tea=5, far_cup=20)
    await asyncio.gather(*(deliver(pool, handlers, an_order(f"o-{n}")) for n in range(12)))
    assert (await shelf(client, "near"), await shelf(client, "far", "cup")) == ((5, 5), (20, 10))
    await summary(client)


async def test_each_part_takes_its_steps_and_the_whole_ends_with_the_last(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_split(client, pool)
    await go(client, "o-1.2", "far")
    assert (await order(client))["state"] == "sourced"
    assert (await step(client, "picked", "o-1", "far")).status_code == 404
    await go(client, "o-1", "near")
    ends = [name for name in await published_names(pool) if name.endswith("fulfilled")]
    assert ends == ["part-fulfilled", "part-fulfilled", "order-fulfilled"]
    assert ((await order(client))["state"], await shelf(client, "far", "cup")) == ("fulfilled", (0, 0))
    await summary(client)


async def test_parts_that_end_at_once_end_their_order_once(client: httpx.AsyncClient, pool: Pool) -> None:
    orders = [f"o-{n}" for n in range(8)]
    await a_split(client, pool, *orders, near_tea=8, far_cup=16)
    for order_id in orders:
        await go(client, order_id, "near", *STEPS[:3])
        await go(client, f"{order_id}.2", "far", *STEPS[:3])
    last = [step(client, "fulfilled", part, at) for o in orders for part, at in ((o, "near"), (f"{o}.2", "far"))]
    assert {answer.status_code for answer in await asyncio.gather(*last)} == {200}
    ends = await published_names(pool)
    assert (ends.count("part-fulfilled"), ends.count("order-fulfilled")) == (16, 8)


async def test_a_member_who_cancels_means_parts_that_are_just_made(client: httpx.AsyncClient, pool: Pool) -> None:
    orders = [f"o-{n}" for n in range(8)]
    await a_split(client, pool, *orders, near_tea=8, near_cup=16, far_cup=16, flagship_tea=8)
    lost = [
        LocationDeclined(order_id=each, merchant_id="shop", location_id="near", reason="rush_hour") for each in orders
    ]
    both = [(one, a_cancellation(order_id)) for one, order_id in zip(lost, orders, strict=True)]
    await asyncio.gather(*(deliver(pool, handlers, event) for pair in both for event in pair))
    left = await pool.fetch("SELECT order_id, state FROM customer_order WHERE state <> 'cancelled'")
    assert [tuple(row) for row in left] == []
    await summary(client)


async def test_an_order_ends_without_goods_when_its_member_cancels_all_parts(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_split(client, pool)
    ended = names(await deliver(pool, handlers, a_cancellation()))
    assert [name for name in ended if name.endswith("Cancelled")] == [
        "PartCancelled",
        "PartCancelled",
        "OrderCancelled",
    ]
    assert (await shelf(client, "near"), await shelf(client, "far", "cup")) == ((1, 0), (2, 0))


async def test_what_has_left_still_comes_when_the_rest_is_cancelled(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    await go(client, "o-1.2", "far", *STEPS[:3])
    assert names(await deliver(pool, handlers, a_cancellation())).count("OrderCancelled") == 0
    await go(client, "o-1.2", "far", "fulfilled")
    assert (await order(client))["state"] == "fulfilled"


async def test_what_comes_back_of_a_part_names_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    await go(client, "o-1.2", "far")
    back = {"refund_id": "r-1", "lines": [{"sku": "cup", "units": 1}], "restock": True}
    answer = await client.post("/v1/orders/o-1.2/refunds", json=back)
    assert (answer.status_code, answer.json()["amount_minor"]) == (201, 33)
    refunded = await latest(pool, OrderRefunded)
    assert (refunded.order_id, refunded.fulfilment_id) == ("o-1", "o-1.2")
    assert (await shelf(client, "far", "cup"), (await order(client))["refunded_minor"]) == ((1, 0), 33)


@pytest.mark.parametrize("state", ["fulfilled", "cancelled"])
async def test_a_release_that_knows_no_parts_cannot_end_one(state: str, client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE customer_order SET state = $1 WHERE order_id = 'o-1.2'", state)


async def test_an_order_for_pickup_is_never_split(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool, "o-other")
    await stock(client, near_tea=9, far_cup=9)
    published = await deliver(pool, handlers, an_order().model_copy(update={"mode": "pickup"}))
    assert names(published) == ["OrderRejected"]
