"""A shop with two stores and a flagship, and how tests ask about it."""

import httpx

from lutong_contracts import Event

SITES = [("near", "store", 31.24, 121.48), ("far", "store", 31.40, 121.60), ("flagship", "flagship", 31.10, 121.40)]


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
