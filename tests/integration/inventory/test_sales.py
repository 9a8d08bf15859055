"""The ledger of sales on a real PostgreSQL: each order is one store's sale, once, less what was taken back."""

from typing import Any

import asyncpg
import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer, deliver
from lutong_contracts.inventory import LocationDeclined, OrderFulfilled, OrderRefunded, PartFulfilled, PickupLapsed
from lutong_contracts.values import Money
from lutong_inventory.handlers import handlers
from tests.integration.inventory.parts import a_split, go, latest
from tests.integration.inventory.shop import step, stock
from tests.support.builders import a_hold


async def fulfil(client: httpx.AsyncClient, pool: Pool, order_id: str, location: str = "near") -> OrderFulfilled:
    """Take the steps with an order; gives the event, which is delivered twice, as events may be."""
    for each in ("accepted", "picked", "handed_over", "fulfilled"):
        assert (await step(client, each, order_id, location)).status_code == 200
    event = OrderFulfilled(
        order_id=order_id, member_id="m-1", merchant_id="shop", post_id="p-1", program_id="g-1", location_id=location,
        location_kind="store", amount=Money(amount_minor=100, currency="CNY"),
    )  # fmt: skip
    await deliver(pool, handlers, event)
    await deliver(pool, handlers, event, event)
    return event


async def ordered(pool: Pool, order_id: str, **changes: object) -> None:
    await deliver(pool, handlers, a_hold(order_id).model_copy(update=changes))


async def sales(client: httpx.AsyncClient, merchant: str = "shop") -> dict[str, Any]:
    rows = (await client.get(f"/v1/merchants/{merchant}/sales", headers=bearer(a_merchant(merchant)))).json()
    return {row["location_id"]: (row["till"], row["handed_on"], row["shelf"], row["balance_minor"]) for row in rows}


async def test_a_sale_is_of_till_short_store_or_shelf(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9, flagship_tea=9)
    await ordered(pool, "o-1")
    await ordered(pool, "o-2", sold_by="far")
    await ordered(pool, "o-3", sold_by="nowhere")  # no location of the merchant: it is the sale of who shipped it
    await ordered(pool, "o-4", flagship_ok=True, flagship_ok_by="plan")
    for order_id in ("o-1", "o-2", "o-3"):
        await fulfil(client, pool, order_id)
    short = LocationDeclined(order_id="o-4", merchant_id="shop", location_id="near", reason="sold_out")
    published = await deliver(pool, handlers, short)
    assert [event.consent for event in published if event.type.endswith("order-sourced.v1")] == ["plan"]  # type: ignore[attr-defined]  # of that type
    await fulfil(client, pool, "o-4", "flagship")
    assert await sales(client) == {"far": (1, 0, 0, 100), "near": (0, 1, 2, 300)}
    entries = (await client.get("/v1/locations/near/sales")).json()
    assert [each["reason"] for each in entries] == ["handed_on", "shelf", "shelf"]


async def test_a_store_without_time_hands_nothing_on(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9, flagship_tea=9)
    await ordered(pool, "o-1", flagship_ok=True)
    busy = LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="rush_hour")
    await deliver(pool, handlers, busy)
    await fulfil(client, pool, "o-1", "flagship")
    assert await sales(client) == {"flagship": (0, 0, 1, 100)}


async def test_what_is_taken_back_is_no_sale_any_more(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9)
    await ordered(pool, "o-1")
    refund = {"order_id": "o-1", "member_id": "m-1", "merchant_id": "shop"}
    early = OrderRefunded(**refund, refund_id="r-0", amount=Money(amount_minor=1, currency="CNY"))
    await deliver(pool, handlers, early)  # of an order that nobody was credited with
    await fulfil(client, pool, "o-1")
    for refund_id, minor in (("r-1", 30), ("r-2", 20), ("r-1", 30)):
        event = OrderRefunded(**refund, refund_id=refund_id, amount=Money(amount_minor=minor, currency="CNY"))
        await deliver(pool, handlers, event)
    assert await sales(client) == {"near": (0, 0, 1, 50)}
    assert await sales(client, "rival") == {}


async def test_parts_are_the_sales_of_those_that_shipped_them(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    for part, location in (("o-1", "near"), ("o-1.2", "far")):
        await go(client, part, location)
        await deliver(pool, handlers, await latest(pool, PartFulfilled))
    whole = await latest(pool, OrderFulfilled)
    await deliver(pool, handlers, whole)  # the end of the order is the sale of nobody else
    found = await sales(client)
    assert {name: row[2] for name, row in found.items()} == {"near": 1, "far": 1}
    assert sum(row[3] for row in found.values()) == whole.amount.amount_minor
    back = await client.post("/v1/orders/o-1.2/refunds", json={"refund_id": "r-1", "amount_minor": 7})
    assert back.status_code == 201, back.text
    await deliver(pool, handlers, await latest(pool, OrderRefunded))
    assert (await sales(client))["far"][3] == found["far"][3] - 7


async def test_what_nobody_picks_up_is_no_sale(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9)
    await ordered(pool, "o-1", mode="pickup")
    for each in ("accepted", "picked", "ready_for_pickup"):
        assert (await step(client, each)).status_code == 200
    await deliver(pool, handlers, PickupLapsed(order_id="o-1"))
    assert await sales(client) == {}


async def test_an_entry_never_changes(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9)
    await ordered(pool, "o-1")
    await fulfil(client, pool, "o-1")
    for statement in ("UPDATE sales_entry SET amount_minor = 1", "DELETE FROM sales_entry", "TRUNCATE sales_entry"):
        with pytest.raises(asyncpg.RaiseError, match="never changes"):
            await pool.execute(statement)
