"""Availability on a real PostgreSQL: what is promised is what an order gets, whatever the scene."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver, http_client
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Line, Place
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.support.builders import a_hold

TODAY: Final = datetime.now(ZoneInfo("Asia/Shanghai")).date()
SKUS: Final = ("tea", "cup", "pot")


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory without locations."""
    async with http_client(service, pool) as client:
        yield client


def wanted(sku: str = "tea", place: Place | None = None, mode: str = "delivery", units: int = 1) -> dict[str, Any]:
    where = place or Place(latitude=31.23, longitude=121.47)
    return {"merchant_id": "shop", "sku": sku, "units": units, "mode": mode, **where.model_dump()}


async def available(client: httpx.AsyncClient, *wishes: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.post("/v1/availability", json={"wanted": list(wishes)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def a_scene(rng: Random, shut: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Stores around a city, that share of which is shut, many with something else against them; and perhaps a flagship."""
    closed = [{"day": str(TODAY + timedelta(days=n)), "times": []} for n in (-1, 0, 1)]
    sites, shelves = [], []
    for n in range(30):
        more: dict[str, Any] = rng.choice(
            [{}, {}, {}, {"radius_m": rng.randrange(500, 9_000)}, {"daily_capacity": rng.randrange(1, 4)}, {"open": False},
             {"modes": ["pickup"]}, {"modes": ["delivery"]}]
        )  # fmt: skip
        if rng.random() < shut:
            more |= {"holidays": closed}
        place = {"latitude": 31.23 + rng.uniform(-0.1, 0.1), "longitude": 121.47 + rng.uniform(-0.1, 0.1)}
        sites.append({"location_id": f"s-{n}", "merchant_id": "shop", "kind": "store", "name": "s", **place, **more})
    if rng.random() < 0.5:
        flagship = {"location_id": "flagship", "kind": "flagship", "latitude": 39.9, "longitude": 116.4}
        sites.append({"merchant_id": "shop", "name": "f", **flagship})
    for site in sites:
        for sku in SKUS:
            if rng.random() < 0.6:
                units = {"on_hand": rng.randrange(6), "safety_stock": rng.randrange(2)}
                shelves.append({"location_id": site["location_id"], "sku": sku, **units})
    return sites, shelves


async def arrange(client: httpx.AsyncClient, rng: Random, shut: float) -> None:
    sites, shelves = a_scene(rng, shut)
    assert (await client.post("/v1/locations/batch", json={"locations": sites})).status_code == 201
    assert (await client.post("/v1/stock/batch", json={"shelves": shelves})).status_code == 201
    for site in rng.sample(sites, 15):
        slots = [
            {"day": str(TODAY + timedelta(days=rng.randrange(1, 4))), "opens": f"{hour:02}:00", "closes": f"{hour + 2:02}:00",
             "capacity": rng.randrange(3)} for hour in (9, 13)
        ]  # fmt: skip
        await client.post(f"/v1/locations/{site['location_id']}/slots", json={"slots": slots})  # those that deliver


def an_order(order_id: str, wish: dict[str, Any], hold_id: str | None) -> CreditHeld:
    lines = (Line(sku=wish["sku"], units=wish["units"], unit_price_minor=1),)
    place = Place(latitude=wish["latitude"], longitude=wish["longitude"]).coarse()
    what = {"mode": wish["mode"], "destination": place, "lines": lines, "slot_hold_id": hold_id, "member_id": order_id}
    return a_hold(order_id).model_copy(update=what)


async def ordered(client: httpx.AsyncClient, pool: Pool, order_id: str, wish: dict[str, Any], found: Any) -> str:  # noqa: ANN401  # JSON
    """Order what was promised, in the slot that was promised; gives where it is sourced, or why nowhere."""
    hold_id = None
    if found["promise"] and found["promise"]["slot_id"]:
        body = {"member_id": order_id, "destination": {name: wish[name] for name in ("latitude", "longitude")}}
        path = f"/v1/slots/{found['promise']['slot_id']}/holds"
        held = await client.post(path, json=body, headers=bearer(a_member(order_id)))
        assert held.status_code == 201, held.text
        hold_id = held.json()["hold_id"]
    await deliver(pool, handlers, an_order(order_id, wish, hold_id))
    order = (await client.get(f"/v1/orders/{order_id}")).json()
    return str(order["location_id"] or order["reason"])


def nearest(sites: list[dict[str, Any]], wish: dict[str, Any]) -> str:
    """What looks right and is not: the nearest store, whatever it has."""
    near = min(sites, key=lambda site: sum(abs(site[name] - wish[name]) for name in ("latitude", "longitude")))
    return str(near["location_id"])


@pytest.mark.parametrize(("seed", "shut"), [(1, 0.2), (2, 0.5), (3, 0.9), (4, 1.0)])
async def test_what_is_promised_is_what_sourcing_chooses(
    seed: int, shut: float, client: httpx.AsyncClient, pool: Pool
) -> None:
    rng = Random(seed)
    await arrange(client, rng, shut)
    sites = (await client.get("/v1/locations?merchant_id=shop&limit=500")).json()
    wishes = [
        wanted(
            rng.choice(SKUS),
            Place(latitude=31.23 + rng.uniform(-0.12, 0.12), longitude=121.47 + rng.uniform(-0.12, 0.12)),
            rng.choice(["delivery", "delivery", "pickup"]),
            rng.randrange(1, 3),
        )
        for _ in range(40)
    ]
    kinds, naive = Counter[str](), 0
    for n, wish in enumerate(wishes):
        (found,) = await available(client, wish)
        promised = found["promise"]["location_id"] if found["promise"] else found["reason"]
        assert await ordered(client, pool, f"o-{n}", wish, found) == promised, (n, wish, found)
        kinds[found["promise"]["kind"] if found["promise"] else found["reason"]] += 1
        naive += nearest(sites, wish) == promised
    assert len(kinds) >= 3, kinds
    assert naive < len(wishes) / 2  # the control: a promise that looks at the distance only would break often


async def test_each_of_a_batch_is_looked_at_alone(client: httpx.AsyncClient) -> None:
    await arrange(client, Random(9), 0.5)
    wishes = [wanted(sku, mode=mode, units=n) for sku in SKUS for mode in ("delivery", "pickup") for n in (1, 2)]
    together = await available(client, *wishes, *wishes)
    assert together == [(await available(client, wish))[0] for wish in wishes] * 2


async def test_empty_stores_with_slots_hide_no_store_that_has_goods(client: httpx.AsyncClient) -> None:
    closed = [{"day": str(TODAY + timedelta(days=n)), "times": []} for n in (-1, 0, 1)]
    store = {"merchant_id": "shop", "kind": "store", "name": "s", "longitude": 121.47, "holidays": closed}
    sites = [store | {"location_id": f"empty-{n}", "latitude": 31.23 + n / 10_000} for n in range(40)]
    sites.append(store | {"location_id": "has", "latitude": 31.30})
    assert (await client.post("/v1/locations/batch", json={"locations": sites})).status_code == 201
    slot = {"day": str(TODAY + timedelta(days=1)), "opens": "15:00", "closes": "17:00", "capacity": 1}
    for site in sites:
        answer = await client.post(f"/v1/locations/{site['location_id']}/slots", json={"slots": [slot]})
        assert answer.status_code == 201, answer.text
    assert (await client.put("/v1/locations/has/stock/tea", json={"on_hand": 1})).status_code == 200
    (found,) = await available(client, wanted())
    assert (found["promise"]["kind"], found["promise"]["location_id"]) == ("slot", "has")
    assert found["promise"]["text"]["zh"].startswith("明天 15:00-17:00 送达")
    assert datetime.fromisoformat(found["promise"]["order_by"]) > datetime.now(UTC)


@pytest.mark.parametrize(
    ("wish", "wrong"),
    [
        (wanted() | {"latitude": 91}, "latitude"),
        (wanted() | {"units": 0}, "units"),
        (wanted() | {"sku": "no sku"}, "sku"),
        (wanted() | {"mode": "teleport"}, "mode"),
        (wanted() | {"location_id": "mine"}, "location_id"),
    ],
)
async def test_what_cannot_be_looked_up_is_named(wish: dict[str, Any], wrong: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/availability", json={"wanted": [wish]})
    assert (answer.status_code, wrong in answer.text) == (422, True)


async def test_a_shop_that_nobody_knows_has_nothing(client: httpx.AsyncClient) -> None:
    (found,) = await available(client, wanted())
    assert (found["available"], found["reason"]) == (False, "no_location")
    assert found["why"]["en"] == "the merchant has no location that serves in this mode"
