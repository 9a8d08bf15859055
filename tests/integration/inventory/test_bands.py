"""Bands of shelves on a real PostgreSQL: published when they change, once, also when many move the shelf at the same time."""

import asyncio
from typing import Any, Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer, deliver
from lutong_contracts import Event
from lutong_contracts.inventory import StockBandChanged, StockDepleted, StockRestored
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import SITES, stock
from tests.support.builders import a_cancellation, a_hold

_BEFORE: Final = """
    UPDATE shelf SET on_hand = on_hand + $1, depleted = on_hand + $1 - reserved - safety_stock - unavailable <= 0
     WHERE location_id = 'near' AND sku = 'tea'
"""
"""How the release before moves a shelf."""


def bands(events: list[Event]) -> list[str | None]:
    """The bands that were published, in order."""
    return [event.band for event in events if isinstance(event, StockDepleted | StockRestored | StockBandChanged)]


async def shown(client: httpx.AsyncClient, merchant_id: str = "shop") -> Any:  # noqa: ANN401  # a word, or nothing
    """The band that the service shows of a shelf."""
    rows = (await client.get("/v1/locations/near/stock", params={"merchant_id": merchant_id})).json()
    return next(row["band"] for row in rows if row["sku"] == "tea")


async def test_a_unit_that_goes_back_and_forth_is_published_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9)
    assert await shown(client) == "in_stock"
    published = await deliver(pool, handlers, a_hold("o-1", ("tea", 3)))
    for number in range(4):
        published += await deliver(pool, handlers, a_hold(f"more-{number}", ("tea", 1)))
        published += await deliver(pool, handlers, a_cancellation(f"more-{number}"))
    assert bands(published) == ["limited_availability"]
    assert await shown(client) == "limited_availability"
    published = await deliver(pool, handlers, a_cancellation("o-1"))
    assert bands(published) == ["in_stock"]


async def test_buyers_at_the_same_time_publish_each_band_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=12)
    batches = await asyncio.gather(*(deliver(pool, handlers, a_hold(f"o-{n}")) for n in range(14)))
    assert sorted(str(band) for events in batches for band in bands(events)) == ["limited_availability", "out_of_stock"]
    assert await shown(client) == "out_of_stock"


async def test_an_event_names_the_merchant_of_its_shelf(client: httpx.AsyncClient, pool: Pool) -> None:
    name, kind, latitude, longitude = SITES[0]
    site = {"merchant_id": "other", "kind": kind, "name": name, "latitude": latitude, "longitude": longitude}
    other = bearer(a_merchant("other"))
    assert (await client.put(f"/v1/locations/{name}", json=site, headers=other)).status_code == 200
    answer = await client.put("/v1/locations/near/stock/tea", json={"on_hand": 4}, headers=other)
    assert answer.status_code == 200
    await client.put("/v1/locations/near/stock/tea", json={"on_hand": 99}, headers=bearer(a_merchant("shop")))
    rows = await pool.fetch("SELECT payload::jsonb ->> 'merchant_id', payload::jsonb ->> 'band' FROM outbox WHERE type LIKE '%stock-restored%' ORDER BY id")  # fmt: skip
    assert [tuple(row) for row in rows] == [("other", "limited_availability"), ("shop", "in_stock")]


async def test_a_safety_stock_decides_with_the_count_it_came_with(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/locations/near/stock/tea", json={"on_hand": 9, "safety_stock": 9})
    rows = await pool.fetch("SELECT type FROM outbox WHERE topic = 'lutong.inventory.stock'")
    assert [row["type"] for row in rows] == ["lutong.inventory.stock-adjusted.v1"], "a new shelf is empty, and stays so"
    assert await shown(client) == "out_of_stock"
    await client.put("/v1/locations/near/stock/tea/safety", json={"units": 1})
    assert await shown(client) == "in_stock"


@pytest.mark.parametrize(
    ("units", "left", "next_band"),
    [(-1, "in_stock", None), (-6, None, "limited_availability"), (-9, "out_of_stock", "limited_availability")],
)
async def test_what_the_release_before_moved_is_published_with_the_next_movement(
    client: httpx.AsyncClient, pool: Pool, units: int, left: str | None, next_band: str | None
) -> None:
    await stock(client, near_tea=9)
    await pool.execute(_BEFORE, units)
    assert await shown(client) == left
    await client.post("/v1/stock/movements", json={"movements": [{"location_id": "near", "sku": "tea", "kind": "received", "units": 2}]})  # fmt: skip
    rows = await pool.fetch("SELECT payload::jsonb ->> 'band' FROM outbox WHERE topic = 'lutong.inventory.stock' AND type NOT LIKE '%adjusted%' ORDER BY id")  # fmt: skip
    assert [row[0] for row in rows] == ["in_stock", *([next_band] if next_band else [])]


async def test_negative_control_without_the_trigger_a_band_is_wrong(client: httpx.AsyncClient, pool: Pool) -> None:
    """What the trigger is for: the release before leaves a band that no units of the shelf allow."""
    await pool.execute("DROP TRIGGER shelf_out_of_its_band ON shelf")
    await stock(client, near_tea=9)
    await pool.execute(_BEFORE, -6)
    assert await shown(client) == "in_stock"
