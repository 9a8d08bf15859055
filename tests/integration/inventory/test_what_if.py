"""Orders that came, decided again by other rules: what inventory answers, page by page, and that nothing changes."""

from typing import Any, Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, bearer, deliver
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import stock, summary
from tests.support.builders import a_cancellation, a_hold

PATH: Final = "/v1/merchants/shop/sourcing-rules/what-if"
EVER: Final = {"since": "2026-01-01T00:00:00Z", "until": "2026-12-31T00:00:00Z"}


async def tried(client: httpx.AsyncClient, rules: dict[str, int], **more: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json={"rules": rules, **EVER, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def serving(order: dict[str, Any]) -> tuple[list[str], list[str] | None]:
    before, after = order["before"], order["after"]
    return [each["location_id"] for each in before["by"]], after and [each["location_id"] for each in after["by"]]


async def some_orders(client: httpx.AsyncClient, pool: Pool) -> None:
    """Three for the near store, one in parts, one that nobody has."""
    await client.put("/v1/merchants/shop/sourcing-rules", json={"parts_max": 2})
    await stock(client, near_tea=4, far_tea=9, far_cup=2, flagship_tea=9)
    for n in range(3):
        await deliver(pool, handlers, a_hold(f"o-{n}", ("tea", 1)))
    await deliver(pool, handlers, a_hold("o-3", ("tea", 10), ("cup", 2)), a_hold("o-4", ("tea", 1)))


async def test_orders_stay_where_they_are_by_the_rules_as_they_are(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    found = await tried(client, {})
    assert [order["changed"] for order in found["orders"]] == [False] * 5
    assert all(order["after"] == order["before"] for order in found["orders"])
    assert (found["total"], found["next"], found["shifted"]) == (5, None, {})


async def test_other_rules_send_orders_elsewhere_and_show_why(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    before = await summary(client)
    orders = {order["order_id"]: order for order in (await tried(client, {"daily_capacity": 2}))["orders"]}
    assert serving(orders["o-1"]) == (["near"], ["near"])
    assert serving(orders["o-2"]) == (["near"], ["far"])
    assert "1 had as many orders as they take" in orders["o-2"]["after"]["why"]["en"]
    assert "1 家今日已满单" in orders["o-2"]["after"]["why"]["zh"]
    near = {order["order_id"]: serving(order)[1] for order in (await tried(client, {"radius_m": 1_000}))["orders"]}
    assert near["o-0"] == ["flagship"]
    assert await summary(client) == before


async def test_pages_have_each_order_once_and_carry_on(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    whole = (await tried(client, {"daily_capacity": 1}))["orders"]
    pages, more = [], dict[str, Any]()
    while True:
        page = await tried(client, {"daily_capacity": 1}, limit=2, **more)
        pages += page["orders"]
        if page["next"] is None:
            break
        more = {"after": page["next"], "shifted": page["shifted"]}
    assert pages == whole


async def test_an_order_that_ended_is_decided_again_as_it_came(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    await deliver(pool, handlers, a_cancellation("o-0"))
    assert serving((await tried(client, {}))["orders"][0]) == (["near"], ["near"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": {"radius_m": 0}}, {"rules": {"radius": 5}}, {"rules": {"parts_max": 9}}, {"limit": 0}, {"limit": 9_999},
        {"since": "2026-12-31T00:00:00Z"}, {"since": "2020-01-01T00:00:00Z"}, {"shifted": {"x": "many"}},
    ],
)  # fmt: skip
async def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any], client: httpx.AsyncClient) -> None:
    assert (await client.post(PATH, json={**EVER, **wrong})).status_code == 422


async def test_only_the_merchant_and_staff_may_try(client: httpx.AsyncClient) -> None:
    statuses = [
        (await client.post(PATH, json=EVER, headers=bearer(who))).status_code
        for who in (a_merchant("shop"), a_merchant("other"), a_member("m-1"))
    ]
    assert statuses == [200, 404, 403]
