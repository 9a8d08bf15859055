"""Sourcing on a real PostgreSQL: the search honours what the decision asks for, and both agree with brute force."""

import csv
import gzip
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from geographiclib.geodesic import Geodesic

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_contracts.inventory import AcceptanceLapsed, FulfilmentLapsed, LocationDeclined, OrderSourced
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Place
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.support.builders import a_hold

CITIES: Final = Path(__file__).parents[4] / "shared" / "data" / "geo" / "geonames_cn_15000.csv"


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory without locations."""
    async with http_client(service, pool) as client:
        yield client


def a_store(location_id: str, latitude: float = 31.24, longitude: float = 121.48, **more: Any) -> dict[str, Any]:
    place = {"latitude": latitude, "longitude": longitude}
    return {"location_id": location_id, "merchant_id": "shop", "kind": "store", "name": "s", **place, **more}


async def a_world(client: httpx.AsyncClient, sites: Sequence[dict[str, Any]], units: int = 9) -> None:
    """Locations with so many teas each."""
    for start in range(0, len(sites), 1000):
        answer = await client.post("/v1/locations/batch", json={"locations": sites[start : start + 1000]})
        assert answer.status_code == 201, answer.text
    shelves = [{"location_id": site["location_id"], "sku": "tea", "on_hand": units} for site in sites]
    for start in range(0, len(shelves), 2000):
        answer = await client.post("/v1/stock/batch", json={"shelves": shelves[start : start + 2000]})
        assert answer.status_code == 201, answer.text


def an_order(order_id: str = "o-1", place: Place | None = None, mode: str = "delivery") -> CreditHeld:
    return a_hold(order_id).model_copy(update={"mode": mode} | ({"destination": place} if place else {}))


async def where(client: httpx.AsyncClient, order_id: str = "o-1") -> str:
    order = (await client.get(f"/v1/orders/{order_id}")).json()
    return str(order["location_id"] or order["reason"])


async def test_the_33rd_order_of_a_city_is_served(client: httpx.AsyncClient, pool: Pool) -> None:
    rng = Random(1)
    await a_world(
        client,
        [a_store(f"s-{n}", 31.23 + rng.uniform(-0.04, 0.04), 121.47 + rng.uniform(-0.04, 0.04)) for n in range(200)],
        1,
    )
    published = await deliver(pool, handlers, *[an_order(f"o-{n}") for n in range(120)])
    assert sum(isinstance(event, OrderSourced) for event in published) == 120


async def test_closed_paused_and_full_stores_do_not_hide_the_one_that_serves(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    every_day = [{"days": [1, 2, 3, 4, 5, 6, 7], "opens": "00:00", "closes": "00:01"}]
    hidden = [a_store(f"shut-{n}", opening_hours=every_day, cut_off="00:00") for n in range(40)]
    hidden += [a_store(f"paused-{n}", open=False) for n in range(40)]
    hidden += [a_store(f"small-{n}", radius_m=100) for n in range(40)]
    hidden += [a_store(f"pickup-{n}", modes=["pickup"]) for n in range(40)]
    await a_world(client, [*hidden, a_store("serves", 31.30)])
    await deliver(pool, handlers, an_order())
    assert await where(client) == "serves"


async def test_a_full_store_lets_the_next_one_serve(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_world(client, [a_store("near", daily_capacity=2), a_store("far", 31.30)])
    await deliver(pool, handlers, *[an_order(f"o-{n}") for n in range(3)])
    await deliver(pool, handlers, an_order("o-3"))
    assert [await where(client, f"o-{n}") for n in range(4)] == ["near", "near", "far", "far"]


@pytest.mark.parametrize(
    ("sites", "mode", "reason"),
    [
        ([], "delivery", "no_location"),
        ([a_store("only", modes=["delivery"])], "pickup", "no_location"),
        ([a_store("beijing", 39.9, 116.4)], "delivery", "out_of_reach"),
        ([a_store("beijing", 39.9, 116.4)], "pickup", "out_of_reach"),
        ([a_store("paused", open=True, cut_off="00:00")], "delivery", "closed"),
        ([a_store("empty")], "delivery", "out_of_stock"),
    ],
)
async def test_who_cannot_be_served_learns_what_all_lack(
    sites: list[dict[str, Any]], mode: str, reason: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    if sites:
        await a_world(client, sites, 0)
    await deliver(pool, handlers, an_order(mode=mode))
    assert await where(client) == reason


async def test_a_pickup_is_never_sourced_from_far_away(client: httpx.AsyncClient, pool: Pool) -> None:
    flagship = a_store("flagship", 39.9, 116.4) | {"kind": "flagship"}
    await a_world(client, [flagship, a_store("far", 32.0, 121.47)])
    await deliver(pool, handlers, an_order(mode="pickup"))
    assert await where(client) == "out_of_reach"
    await deliver(pool, handlers, an_order("o-2"))
    assert await where(client, "o-2") == "flagship"


async def test_an_order_is_explained(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_world(client, [a_store("near"), a_store("far", 31.30)])
    await deliver(pool, handlers, an_order())
    (decision,) = (await client.get("/v1/orders/o-1/explain")).json()["decisions"]
    assert (decision["location_id"], decision["hop"], decision["rules"]) == ("near", 1, 4)
    assert decision["considered"][0] == {
        "location_id": "near", "kind": "store", "distance_m": 1462, "orders_today": 0, "verdict": "chosen",
    }  # fmt: skip
    assert decision["why"]["en"].startswith("near was chosen")
    assert "距离 1462 米" in decision["why"]["zh"]


async def test_a_trial_reserves_nothing(client: httpx.AsyncClient) -> None:
    await a_world(client, [a_store("near")])
    trial: dict[str, Any] = {
        "merchant_id": "shop",
        "mode": "pickup",
        "latitude": 31.23,
        "longitude": 121.47,
        "line": ["tea:1"],
    }
    tried = await client.get("/v1/sourcing/trial", params=trial)
    assert (tried.status_code, tried.json()["location_id"]) == (200, "near")
    assert (await client.get("/v1/locations/near/stock")).json()[0]["reserved"] == 0


async def test_a_store_that_declines_never_has_the_order_again(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_world(client, [a_store("a"), a_store("b", 31.25), a_store("c", 31.26), a_store("d", 31.27)])
    await deliver(pool, handlers, an_order())
    seen = []
    for _ in range(4):
        seen.append(await where(client))
        declined = await client.post("/v1/orders/o-1/declines", json={"location_id": seen[-1], "reason": "sold_out"})
        if declined.status_code != 202:
            break
        event = LocationDeclined(order_id="o-1", merchant_id="shop", location_id=seen[-1], reason="sold_out")
        await deliver(pool, handlers, event, event)
    order = (await client.get("/v1/orders/o-1")).json()
    assert (seen[:3], order["state"], order["reason"]) == (["a", "b", "c"], "cancelled", "sold_out")
    stock = [(await client.get(f"/v1/locations/{name}/stock")).json()[0]["reserved"] for name in "abcd"]
    assert stock == [0, 0, 0, 0]
    assert len((await client.get("/v1/orders/o-1/explain")).json()["decisions"]) == 3


@pytest.mark.parametrize(("steps", "lapsed"), [((), AcceptanceLapsed), (("accepted",), FulfilmentLapsed)])
async def test_an_order_that_a_store_forgets_goes_elsewhere_once(
    steps: tuple[str, ...], lapsed: type[AcceptanceLapsed | FulfilmentLapsed], client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_world(client, [a_store("near"), a_store("far", 31.30)])
    await deliver(pool, handlers, an_order())
    for step in steps:
        await client.post("/v1/orders/o-1/steps", json={"step": step, "location_id": "near"})
    late = lapsed(order_id="o-1", location_id="near")
    published = await deliver(pool, handlers, late)
    assert [type(event).__name__ for event in published] == ["OrderSourced", "AcceptanceLapsed"]
    assert await deliver(pool, handlers, late) == []
    assert await where(client) == "far"


def metres(one: Place, other: Place) -> float:
    found: float = Geodesic.WGS84.Inverse(one.latitude, one.longitude, other.latitude, other.longitude)["s12"]
    return found


def nearest(places: dict[str, Place], left: dict[str, int], order: Place, reach_m: float) -> str | None:
    """Measure everybody that has one."""
    able = [(round(metres(order, place)), key) for key, place in places.items() if left[key]]
    return min(((m, key) for m, key in able if m <= reach_m), default=(0, None))[1]


def real_cities() -> list[Place]:
    if not CITIES.exists():
        pytest.skip(f"{CITIES} is not there: it is real data that the project does not contain")
    opened = gzip.open if CITIES.suffix == ".gz" else open
    with opened(CITIES, "rt", encoding="utf-8") as file:
        return [Place(latitude=float(row["lat"]), longitude=float(row["lon"])) for row in csv.DictReader(file)]


async def test_500_orders_go_to_the_right_ones_of_stores_in_real_cities(client: httpx.AsyncClient, pool: Pool) -> None:
    """The case of issue 22: few stores have the goods, and orders arrive in batches."""
    rng, cities = Random(22), real_cities()
    places = {f"s-{n:04}": _near(rng, rng.choice(cities[:300]), 0.2) for n in range(1_000)}
    await a_world(client, [a_store(key, place.latitude, place.longitude) for key, place in places.items()], 0)
    left = {key: int(rng.random() < 0.3) for key in places}
    shelves = [{"location_id": key, "sku": "tea", "on_hand": units} for key, units in left.items()]
    assert (await client.post("/v1/stock/batch", json={"shelves": shelves})).status_code == 201
    orders = {f"o-{n:03}": _near(rng, rng.choice(cities[:300]), 0.2) for n in range(500)}
    holds = [an_order(order_id, place) for order_id, place in orders.items()]
    for start in range(0, len(holds), 100):
        await deliver(pool, handlers, *holds[start : start + 100])
    rows = await pool.fetch("SELECT order_id, location_id FROM customer_order")
    found = {row["order_id"]: row["location_id"] for row in rows}
    for order_id, place in orders.items():
        best = nearest(places, left, place, 50_000)
        assert found[order_id] == best, order_id
        if best:
            left[best] -= 1


def _near(rng: Random, place: Place, degrees: float) -> Place:
    return Place(
        latitude=place.latitude + rng.uniform(-degrees, degrees),
        longitude=place.longitude + rng.uniform(-degrees, degrees),
    )
