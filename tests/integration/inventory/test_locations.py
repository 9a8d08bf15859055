"""Locations on a real PostgreSQL: ids are their merchant's own, and what becomes of one is given."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer, deliver, entities_published, http_client
from lutong_contracts.topics import LOCATIONS
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.support.builders import a_hold

SHANGHAI = {"latitude": 31.24, "longitude": 121.48}
SITE = {"merchant_id": "shop", "kind": "store", "name": "near", **SHANGHAI}
HOURS = [{"days": [1, 2, 3, 4, 5], "opens": "09:00", "closes": "22:00"}]


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory without locations."""
    async with http_client(service, pool) as client:
        yield client


async def put(client: httpx.AsyncClient, location_id: str = "near", **given: Any) -> dict[str, Any]:
    answer = await client.put(f"/v1/locations/{location_id}", json=SITE | given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def names_published(pool: Pool) -> list[str]:
    return [type(event).__name__ for event in await entities_published(pool, LOCATIONS)]


async def test_a_location_is_read_as_it_was_put(client: httpx.AsyncClient) -> None:
    off = [{"day": "2026-10-01", "times": [{"opens": "10:00", "closes": "18:00"}]}]
    given: dict[str, Any] = {
        "opening_hours": HOURS,
        "holidays": off,
        "cut_off": "21:00",
        "daily_capacity": 200,
        "radius_m": 5_000,
    }
    await put(client, **given, modes=["delivery"], zone="Asia/Shanghai")
    location = (await client.get("/v1/locations/near")).json()
    assert {name: location[name] for name in given} == given
    assert (location["state"], location["modes"]) == ("open", ["delivery"])


async def test_only_what_changes_is_published(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client)
    await put(client)
    await put(client, radius_m=3_000)
    await client.post("/v1/locations/near/pause", json={"reason": "rush_hour"})
    await client.delete("/v1/locations/near/pause")
    await client.post("/v1/locations/near/closure", json={"reason": "lease_ended"})
    assert await names_published(pool) == [
        "LocationOpened",
        "LocationChanged",
        "LocationPaused",
        "LocationChanged",
        "LocationClosed",
    ]


async def test_two_merchants_have_a_location_of_one_id_each(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, "001")
    await put(client, "001", merchant_id="rival", latitude=31.30)
    whose = await client.get("/v1/locations/001")
    assert (whose.status_code, whose.json()["type"]) == (409, "urn:lutong:problem:whose_location")
    rivals = await client.get("/v1/locations/001", headers=bearer(a_merchant("rival")))
    assert (rivals.json()["merchant_id"], rivals.json()["latitude"]) == ("rival", 31.30)

    for merchant in ("shop", "rival"):
        counted = await client.put(
            f"/v1/locations/001/stock/tea?merchant_id={merchant}", json={"on_hand": 1 if merchant == "rival" else 5}
        )
        assert counted.status_code == 200
    published = await deliver(pool, handlers, a_hold(merchant_id="rival"))
    assert (await client.get("/v1/orders/o-1")).json()["location_id"] == "001"
    assert [type(event).__name__ for event in published] == ["OrderSourced", "AcceptanceLapsed", "StockDepleted"]
    stocked = [(await client.get(f"/v1/locations/001/stock?merchant_id={m}")).json()[0] for m in ("shop", "rival")]
    assert [shelf["reserved"] for shelf in stocked] == [0, 1]


async def test_locations_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    sites = [SITE | {"location_id": f"s-{n}"} for n in range(5)]
    assert (await client.post("/v1/locations/batch", json={"locations": sites})).json() == {"saved": 5, "doubts": []}
    await put(client, "of-another", merchant_id="rival")
    seen: list[str] = []
    while page := (await client.get(f"/v1/locations?merchant_id=shop&limit=2&after={seen[-1] if seen else ''}")).json():
        seen += [location["location_id"] for location in page]
    assert seen == [f"s-{n}" for n in range(5)]


async def test_coordinates_of_a_shifted_map_are_kept_as_true_ones(client: httpx.AsyncClient) -> None:
    assert (await put(client, latitude=39.9164043, longitude=116.4102445, datum="GCJ-02"))["doubts"] == []
    location = (await client.get("/v1/locations/near")).json()
    assert (location["latitude"], location["longitude"]) == (pytest.approx(39.915), pytest.approx(116.404))


async def test_coordinates_that_can_hardly_be_right_are_reported(client: httpx.AsyncClient) -> None:
    (swapped,) = (await put(client, latitude=87.62, longitude=43.83))["doubts"]
    assert (swapped["kind"], swapped["location_id"]) == ("swapped", "near")
    (nowhere,) = (await put(client, latitude=0, longitude=0))["doubts"]
    assert nowhere["kind"] == "null_island"


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"kind": "flagship"}, 409, "kind_fixed"),
        ({"zone": "Mars/Olympus"}, 422, "invalid"),
        ({"opening_hours": [{"days": [8], "opens": "09:00", "closes": "22:00"}]}, 422, "invalid"),
        ({"opening_hours": [{"days": [1], "opens": "9:00", "closes": "22:00"}]}, 422, "invalid"),
        ({"holidays": [{"day": "2026-10-01"}, {"day": "2026-10-01"}]}, 422, "invalid"),
        ({"radius_m": 0}, 422, "invalid"),
        ({"modes": ["teleport"]}, 422, "invalid"),
    ],
)
async def test_what_no_location_can_be_is_refused(
    given: dict[str, Any], status: int, kind: str, client: httpx.AsyncClient
) -> None:
    await put(client)
    answer = await client.put("/v1/locations/near", json=SITE | given)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lutong:problem:{kind}")


async def test_a_location_that_is_named_twice_is_refused(client: httpx.AsyncClient) -> None:
    twice = {"locations": [SITE | {"location_id": "a"}] * 2}
    answer = await client.post("/v1/locations/batch", json=twice)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:named_twice")


async def test_what_closed_for_good_takes_no_orders_and_stays_readable(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client)
    await client.put("/v1/locations/near/stock/tea", json={"on_hand": 5})
    assert (await client.post("/v1/locations/near/closure", json={"reason": "lease_ended"})).status_code == 200
    assert [type(event).__name__ for event in await deliver(pool, handlers, a_hold())] == ["OrderRejected"]
    assert (await client.get("/v1/locations/near")).json()["state"] == "closed"
    again = await client.put("/v1/locations/near", json=SITE)
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:closed_for_good")


async def test_a_pause_until_yesterday_is_refused(client: httpx.AsyncClient) -> None:
    await put(client)
    past = {"reason": "rush_hour", "until": "2020-01-01T00:00:00Z"}
    answer = await client.post("/v1/locations/near/pause", json=past)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:past")


async def test_other_hours_leave_the_place_as_it_was(client: httpx.AsyncClient) -> None:
    await put(client, datum="GCJ-02", cut_off="21:00", radius_m=3_000)
    before = (await client.get("/v1/locations/near")).json()
    answer = await client.put("/v1/locations/near/hours", json={"opening_hours": HOURS, "cut_off": None})
    assert answer.status_code == 200
    assert answer.json() == before | {"opening_hours": HOURS, "cut_off": None}


async def test_no_hours_are_set_of_what_closed_for_good(client: httpx.AsyncClient) -> None:
    await put(client)
    await client.post("/v1/locations/near/closure", json={"reason": "lease_ended"})
    answer = await client.put("/v1/locations/near/hours", json={"daily_capacity": 3})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "closed_for_good")
