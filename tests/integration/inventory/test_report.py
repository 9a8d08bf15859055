"""What stores did with their orders, counted on a real PostgreSQL; and who declined lately."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer, deliver
from lutong_contracts.inventory import AcceptanceLapsed, LocationDeclined
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import step, stock
from tests.support.builders import a_cancellation, a_hold


async def report(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get("/v1/merchants/shop/stores/report", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def fulfilled(client: httpx.AsyncClient, order: str, location: str) -> None:
    for name in ("accepted", "picked", "handed_over", "fulfilled"):
        assert (await step(client, name, order, location)).status_code == 200


async def some_orders(client: httpx.AsyncClient, pool: Pool) -> None:
    """Two that the near store brings; one that it declines, one that it lets lie, and one that it has: the far store gets two."""
    await stock(client, near_tea=20, far_tea=20)
    await deliver(pool, handlers, *(a_hold(f"o-{n}") for n in range(5)))
    await fulfilled(client, "o-0", "near")
    await fulfilled(client, "o-1", "near")
    await deliver(
        pool,
        handlers,
        LocationDeclined(order_id="o-2", merchant_id="shop", location_id="near", reason="torn_box"),
        AcceptanceLapsed(order_id="o-3", location_id="near"),
    )
    await fulfilled(client, "o-2", "far")


async def test_each_store_has_what_it_was_given_and_did(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    found = await report(client)
    near, far = found["stores"]
    assert {name: near[name] for name in ("location_id", "given", "rejected", "lapsed", "fulfilled", "units")} == {
        "location_id": "near", "given": 5, "rejected": 1, "lapsed": 1, "fulfilled": 2, "units": 2,
    }  # fmt: skip
    assert near["revenue_minor"] == {"CNY": 200}
    assert (near["fill_rate"], near["reject_rate"], near["on_time_rate"]) == (0.5, 0.2, 1.0)
    assert (far["given"], far["rejected"], far["fulfilled"], far["fill_rate"]) == (2, 0, 1, 1.0)
    assert sum(flow["orders"] for flow in found["flows"]) == 5


async def test_each_mode_has_its_service_level(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    assert (await client.put("/v1/merchants/shop/sourcing-rules", json={"parts_max": 2})).status_code == 200
    await stock(client, near_cup=1, flagship_pot=1)
    await deliver(
        pool, handlers, a_hold("in-parts", ("cup", 1), ("pot", 1)), a_hold("nobody", ("gold", 1)), a_hold("regretted")
    )
    await deliver(pool, handlers, a_cancellation("regretted"))
    pickup = a_hold("own-legs").model_copy(update={"mode": "pickup"})
    await deliver(pool, handlers, pickup)
    delivery, on_foot = (await report(client))["modes"]
    shown = ("mode", "orders", "served", "rejected", "in_parts", "by_flagship", "rerouted", "service_level")
    assert [delivery[name] for name in shown] == ["delivery", 7, 6, 1, 1, 1, 2, 0.8571]
    assert (on_foot["mode"], on_foot["orders"], on_foot["service_level"]) == ("pickup", 1, 1.0)
    assert 1_000 < delivery["mean_distance_m"] < 25_000


async def test_what_comes_late_is_not_on_time(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    await pool.execute("UPDATE customer_order SET created_at = created_at - interval '3 hours' WHERE order_id = 'o-0'")
    near, far = (await report(client))["stores"]
    assert (near["on_time_rate"], far["on_time_rate"]) == (0.5, 1.0)


async def test_orders_of_other_times_are_left_out(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    since, until = (str(datetime.now(UTC).date() - timedelta(days=n)) + "T00:00:00Z" for n in (40, 30))
    found = await report(client, since=since, until=until)
    assert (found["stores"], found["flows"], found["stores_left_out"]) == ([], [], 0)
    assert (await report(client, limit="1"))["stores_left_out"] == 1


@pytest.mark.parametrize("since", ["2090-01-01T00:00:00Z", "2001-01-01T00:00:00Z"])
async def test_a_span_that_makes_no_sense_is_refused(since: str, client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/merchants/shop/stores/report", params={"since": since})
    assert (answer.status_code, "since is before until" in answer.text) == (422, True)


async def test_a_merchant_sees_its_own_stores_only(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    rival = bearer(a_merchant("rival"))
    assert (await client.get("/v1/merchants/shop/stores/report", headers=rival)).status_code == 404
    found = (await client.get("/v1/merchants/rival/stores/report", headers=rival)).json()
    assert (found["stores"], found["flows"]) == ([], [])


async def test_declines_are_those_that_stores_reported(client: httpx.AsyncClient, pool: Pool) -> None:
    await some_orders(client, pool)
    (row,) = (await client.get("/v1/declines?merchant_id=shop")).json()
    assert (row["location_id"], row["declined"], row["reasons"]) == ("near", 1, ["torn_box"])
    assert (await client.get("/v1/declines?merchant_id=other")).json() == []
