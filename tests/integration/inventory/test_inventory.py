"""Inventory on a real PostgreSQL: nothing is sold twice, whatever happens at once."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, events_published, http_client
from lutong_contracts import Event
from lutong_contracts.inventory import AcceptanceLapsed, LocationDeclined
from lutong_contracts.membership import CreditHeld
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.support.builders import a_cancellation, a_hold

SITES = [("near", "store", 31.24, 121.48), ("far", "store", 31.40, 121.60), ("flagship", "flagship", 31.10, 121.40)]


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory with two stores and a flagship, all empty."""
    async with http_client(service, pool) as client:
        for name, kind, latitude, longitude in SITES:
            site = {"merchant_id": "shop", "kind": kind, "name": name, "latitude": latitude, "longitude": longitude}
            assert (await client.put(f"/v1/locations/{name}", json=site)).status_code == 200
        yield client


async def stock(client: httpx.AsyncClient, **units: int) -> None:
    for name, count in units.items():
        location, sku = name.split("_")
        assert (await client.put(f"/v1/locations/{location}/stock/{sku}", json={"on_hand": count})).status_code == 200


async def shelf(client: httpx.AsyncClient, location: str, sku: str = "tea") -> tuple[int, int]:
    rows = (await client.get(f"/v1/locations/{location}/stock")).json()
    return next((row["on_hand"], row["reserved"]) for row in rows if row["sku"] == sku)


async def step(client: httpx.AsyncClient, name: str, order: str = "o-1", location: str = "near") -> httpx.Response:
    return await client.post(f"/v1/orders/{order}/steps", json={"step": name, "location_id": location})


async def summary(client: httpx.AsyncClient) -> dict[str, int]:
    summary = (await client.get("/v1/summary")).json()
    assert (summary["shelves_off_movements"], summary["reservations_off_shelves"]) == (0, 0)
    orders: dict[str, int] = summary["orders"]
    return orders


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


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


async def test_an_order_at_another_location_is_refused_in_a_sentence(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=4)
    await deliver(pool, handlers, a_hold("o-1", ("tea", 1)))
    answer = await client.post("/v1/orders/o-1/steps", json={"step": "accepted", "location_id": "far"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "order 'o-1' is not at location 'far'")
