"""A service without goods is ordered by itself, and its card shows no stock."""

from typing import Any

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.inventory import OrderFulfilled
from lutong_contracts.values import Money, Offer
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, discovered

TEA, BILL = (
    Offer(sku=sku, title=sku, unit_price=Money(amount_minor=5_000, currency="CNY"), provided=sku == "bill")
    for sku in ("tea", "bill")
)
PLACE = {"latitude": 31.2, "longitude": 121.4}


async def order(client: httpx.AsyncClient, post_id: str, *skus: str) -> httpx.Response:
    lines = [{"sku": sku, "units": 1} for sku in skus]
    body: dict[str, Any] = {"viewer_id": "bo", "lines": lines, "destination": PLACE}
    return await client.post(f"/v1/posts/{post_id}/card/requests", json=body)


async def test_goods_and_services_are_ordered_apart(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED.model_copy(update={"offers": (TEA, BILL)}), discovered(post_id))
    mixed = await order(client, post_id, "tea", "bill")
    assert (mixed.status_code, mixed.json()["type"]) == (422, "urn:lutong:problem:mixed_order")
    for sku in ("tea", "bill"):
        assert (await order(client, post_id, sku)).status_code == 202
    rows = await pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%service-requested%' ORDER BY id")
    assert ['"provided":true' in str(row["payload"]).replace(" ", "") for row in rows] == [False, True]


async def test_a_card_of_services_alone_shows_no_stock(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED.model_copy(update={"offers": (BILL,)}), discovered(post_id))
    card = (await client.get(f"/v1/posts/{post_id}")).json()["card"]
    assert (card["state"], card["live"]) == ("active", None)


async def test_its_viewer_is_shown_that_it_was_done(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED.model_copy(update={"offers": (BILL,)}), discovered(post_id))
    placed = (await order(client, post_id, "bill")).json()
    facts = {"order_id": placed["order_id"], "post_id": post_id, "program_id": RELEASED.program_id, "member_id": "bo"}
    where = {"merchant_id": RELEASED.merchant_id, "location_id": RELEASED.merchant_id, "location_kind": "provider"}
    amount = Money(amount_minor=5_000, currency="CNY")
    await deliver(pool, handlers, OrderFulfilled(amount=amount, reference="bill-1", **facts, **where))
    shown = (await client.get(f"/v1/requests/{placed['order_id']}")).json()
    assert (shown["status"], shown["location_kind"]) == ("fulfilled", "provider")
