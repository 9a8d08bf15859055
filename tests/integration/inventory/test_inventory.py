"""Inventory on a real PostgreSQL: nothing is sold twice, whatever happens at once."""

import asyncio

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver
from lutong_contracts.inventory import AcceptanceLapsed, LocationDeclined
from lutong_contracts.membership import CreditHeld
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import names, shelf, step, stock, summary
from tests.support.builders import a_cancellation, a_hold


async def test_an_order_goes_from_the_shelf_to_the_member(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    published = await deliver(pool, handlers, a_hold("o-1", ("tea", 2)))
    assert names(published) == ["OrderSourced", "AcceptanceLapsed"]
    assert await shelf(client, "near") == (5, 2)
    for name in ("accepted", "picked", "handed_over", "fulfilled"):
        assert (await step(client, name)).status_code == 200
    assert await shelf(client, "near") == (3, 0)
    assert await summary(client) == {"fulfilled": 1}


async def test_an_order_in_a_mode_of_a_newer_version_is_refused(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    hold = a_hold("o-1", ("tea", 2)).model_dump_json().replace('"delivery"', '"dine_in"')
    published = await deliver(pool, handlers, CreditHeld.model_validate_json(hold))
    assert [(type(event).__name__, getattr(event, "reason", None)) for event in published] == [
        ("OrderRejected", "unknown_mode")
    ]
    assert (await client.get("/v1/orders/o-1")).json()["mode"] == "dine_in"


async def test_a_wrong_step_names_the_right_one(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    await deliver(pool, handlers, a_hold())
    refused = await step(client, "fulfilled")
    assert (refused.status_code, "the next step is accepted" in refused.json()["detail"]) == (409, True)
    assert (await step(client, "accepted", location="far")).status_code == 404
    assert (await step(client, "accepted", order="nothing")).status_code == 404


async def test_the_nearest_store_then_the_flagship_then_nobody(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=1, flagship_tea=1)
    published = await deliver(pool, handlers, *[a_hold(f"o-{n}") for n in range(3)])
    sourced = {event.order_id: event.location_id for event in published if hasattr(event, "location_kind")}  # type: ignore[attr-defined]  # OrderSourced

    assert sourced == {"o-0": "near", "o-1": "flagship"}
    assert names(published).count("OrderRejected") == 1
    assert names(published).count("StockDepleted") == 2
    assert await summary(client) == {"sourced": 2, "rejected": 1}


async def test_two_lines_of_one_order_for_one_sku_need_the_sum(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=3)
    assert names(await deliver(pool, handlers, a_hold("o-1", ("tea", 2), ("tea", 2)))) == ["OrderRejected"]
    assert await shelf(client, "near") == (3, 0)


async def test_safety_stock_is_never_promised(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/locations/near/stock/tea", json={"on_hand": 5, "safety_stock": 5})
    assert names(await deliver(pool, handlers, a_hold())) == ["OrderRejected"]


async def test_fifty_buyers_for_the_last_ten_units(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=10)
    published = await asyncio.gather(*(deliver(pool, handlers, a_hold(f"o-{n}")) for n in range(50)))
    outcomes = [names(events)[0] for events in published]

    assert (outcomes.count("OrderSourced"), outcomes.count("OrderRejected")) == (10, 40)
    assert await shelf(client, "near") == (10, 10)
    await summary(client)


async def test_negative_control_read_then_write_sells_more_than_there_is(pool: Pool) -> None:
    """What the conditional update is for: without it, this very load oversells."""
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE naive (left_units integer); INSERT INTO naive VALUES (2)")
    together = asyncio.Barrier(8)
    sold = 0

    async def buy() -> None:
        nonlocal sold
        async with pool.acquire() as connection, connection.transaction():
            left = await connection.fetchval("SELECT left_units FROM naive")
            await together.wait()
            if left >= 1:
                await connection.execute("UPDATE naive SET left_units = $1", left - 1)
                sold += 1

    await asyncio.gather(*(buy() for _ in range(8)))
    assert sold > 2


async def test_a_cancelled_order_gives_its_stock_back_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=1)
    await deliver(pool, handlers, a_hold())
    assert names(await deliver(pool, handlers, a_cancellation())) == ["OrderCancelled", "StockRestored"]
    assert await deliver(pool, handlers, a_cancellation()) == []
    assert await deliver(pool, handlers, AcceptanceLapsed(order_id="o-1")) == []
    assert await shelf(client, "near") == (1, 0)
    assert await summary(client) == {"cancelled": 1}


async def test_a_cancellation_that_overtakes_its_order_ends_it_before_anything_is_reserved(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await stock(client, near_tea=1)
    assert await deliver(pool, handlers, a_cancellation()) == []
    assert names(await deliver(pool, handlers, a_hold())) == ["OrderCancelled"]
    assert await shelf(client, "near") == (1, 0)


async def test_goods_that_have_left_are_not_cancelled(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=1)
    await deliver(pool, handlers, a_hold())
    for name in ("accepted", "picked", "handed_over"):
        await step(client, name)
    assert await deliver(pool, handlers, a_cancellation()) == []
    assert (await client.post("/v1/orders/o-1/cancellation", json={})).status_code == 409


async def test_an_order_that_nobody_accepts_lapses(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=1)
    await deliver(pool, handlers, a_hold())
    published = await deliver(pool, handlers, AcceptanceLapsed(order_id="o-1"))
    assert names(published) == ["OrderCancelled", "StockRestored"]
    assert (await step(client, "accepted")).status_code == 409


async def test_acceptance_and_expiry_at_once_have_one_winner(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=20)
    orders = [f"o-{n}" for n in range(20)]
    await deliver(pool, handlers, *[a_hold(order) for order in orders])

    async def race(order: str) -> tuple[bool, bool]:
        accepted, lapsed = await asyncio.gather(
            step(client, "accepted", order), deliver(pool, handlers, AcceptanceLapsed(order_id=order))
        )
        return accepted.status_code == 200, bool(lapsed)

    for accepted, lapsed in await asyncio.gather(*(race(order) for order in orders)):
        assert accepted != lapsed
    await summary(client)


async def test_the_same_event_twice_reserves_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    held = a_received(a_hold())
    assert len(await deliver(pool, handlers, held, held)) == 2
    assert await deliver(pool, handlers, held) == []
    assert await deliver(pool, handlers, a_hold()) == []
    assert await shelf(client, "near") == (5, 1)


async def test_ten_thousand_stores_do_not_hide_the_nearest(client: httpx.AsyncClient, pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO location (location_id, merchant_id, kind, name, latitude, longitude) "
            "SELECT 's' || n, 'big', 'store', 'n', 20 + (n % 100) * 0.2, 103 + (n / 100) * 0.2 FROM generate_series(0, 9999) AS n"
        )
        await connection.execute(
            "INSERT INTO shelf (location_id, sku, on_hand) SELECT 's' || n, 'tea', 1 FROM generate_series(0, 9999) AS n"
        )
    published = await deliver(pool, handlers, a_hold(merchant_id="big"))
    nearest = published[0].location_id  # type: ignore[attr-defined]  # OrderSourced
    async with pool.acquire() as connection:
        best = await connection.fetchval(
            "SELECT location_id FROM location WHERE merchant_id = 'big' "
            "ORDER BY acos(least(1, sin(radians(31.23)) * sin(radians(latitude)) + cos(radians(31.23)) * cos(radians(latitude)) "
            "* cos(radians(longitude - 121.47)))), location_id LIMIT 1"
        )
    assert nearest == best


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        (
            "PUT",
            "/v1/locations/x",
            b'{"merchant_id": "shop", "kind": "store", "name": "x", "latitude": 91, "longitude": 0}',
            422,
        ),
        (
            "PUT",
            "/v1/locations/x",
            b'{"merchant_id": "shop", "kind": "store", "name": "x", "latitude": NaN, "longitude": 0}',
            422,
        ),
        (
            "PUT",
            "/v1/locations/x",
            b'{"merchant_id": "shop", "kind": "flagship", "name": "x", "latitude": 1, "longitude": 0}',
            409,
        ),
        (
            "PUT",
            "/v1/locations/near",
            b'{"merchant_id": "shop", "kind": "flagship", "name": "x", "latitude": 1, "longitude": 0}',
            409,
        ),
        ("PUT", "/v1/locations/near/stock/tea", b'{"on_hand": -1}', 422),
        ("PUT", "/v1/locations/nowhere/stock/tea", b'{"on_hand": 1}', 404),
        ("PUT", "/v1/locations/near/stock/tea", b"\xff", 400),
        ("POST", "/v1/orders/o-1/steps", b'{"step": "teleported", "location_id": "near"}', 422),
        ("GET", "/v1/orders/nothing", b"", 404),
    ],
)
async def test_bad_input_is_a_problem_with_its_place(
    method: str, path: str, body: bytes, status: int, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_count_below_what_is_promised_sends_the_latest_order_elsewhere(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await stock(client, near_tea=3, far_tea=5)
    await deliver(pool, handlers, a_hold("o-1", ("tea", 2)))
    await deliver(pool, handlers, a_hold("o-2", ("tea", 1)))
    counted = await client.put("/v1/locations/near/stock/tea", json={"on_hand": 2})
    assert (counted.status_code, counted.json()["broken"]) == (200, ["o-2"])
    assert await shelf(client, "near") == (2, 2)
    published = await deliver(
        pool, handlers, LocationDeclined(order_id="o-2", merchant_id="shop", location_id="near", reason="short")
    )
    assert names(published) == ["OrderSourced", "AcceptanceLapsed"]
    assert [(await client.get(f"/v1/orders/o-{n}")).json()["location_id"] for n in (1, 2)] == ["near", "far"]
    await summary(client)


async def test_an_order_at_another_location_is_refused_in_a_sentence(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=4)
    await deliver(pool, handlers, a_hold("o-1", ("tea", 1)))
    answer = await client.post("/v1/orders/o-1/steps", json={"step": "accepted", "location_id": "far"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "order 'o-1' is not at location 'far'")
