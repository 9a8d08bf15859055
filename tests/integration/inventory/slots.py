"""How tests ask for slots of the store that delivers by them."""

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from lutong_chassis.testing import a_member, a_merchant, bearer
from lutong_contracts.membership import CreditHeld
from tests.support.builders import a_hold

STAFF: Final = bearer(a_merchant("shop"))
HERE: Final = {"latitude": 31.23, "longitude": 121.47}
DAY: Final = (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=2)).date()
"""In the time to come also when midnight passes during the run."""


async def two_stores(client: httpx.AsyncClient) -> None:
    """Two stores with tea. The farther one delivers by slots, and is shut now."""
    minute = f"{datetime.now(ZoneInfo('Asia/Shanghai')) + timedelta(hours=12):%H}"
    hours = [{"days": [1, 2, 3, 4, 5, 6, 7], "opens": f"{minute}:00", "closes": f"{minute}:01"}]
    near = {"merchant_id": "shop", "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}
    far = near | {"name": "far", "latitude": 31.30, "opening_hours": hours, "cut_off": "00:00"}
    for name, site in (("near", near), ("far", far)):
        assert (await client.put(f"/v1/locations/{name}", json=site)).status_code == 200
        assert (await client.put(f"/v1/locations/{name}/stock/tea", json={"on_hand": 99})).status_code == 200


def an_order(hold_id: str, order_id: str = "o-1", member: str = "m-1") -> CreditHeld:
    return a_hold(order_id).model_copy(update={"slot_hold_id": hold_id, "member_id": member})


async def put(client: httpx.AsyncClient, capacity: int = 10, **more: Any) -> httpx.Response:
    slot = {"day": str(DAY), "opens": "15:00", "closes": "17:00", "capacity": capacity} | more
    return await client.post("/v1/locations/far/slots", json={"slots": [slot]}, headers=STAFF)


async def a_slot(client: httpx.AsyncClient, capacity: int = 10, **more: Any) -> str:
    answer = await put(client, capacity, **more)
    assert answer.status_code == 201, answer.text
    slots = (await client.get(f"/v1/locations/far/slots?day={DAY}")).json()
    return str(max(slots, key=lambda each: each["slot_id"])["slot_id"])


async def hold(client: httpx.AsyncClient, slot_id: str, member: str = "m-1", **place: float) -> httpx.Response:
    body = {"member_id": member, "destination": HERE | place}
    return await client.post(f"/v1/slots/{slot_id}/holds", json=body, headers=bearer(a_member(member)))


async def held(client: httpx.AsyncClient, slot_id: str, member: str = "m-1") -> str:
    answer = await hold(client, slot_id, member)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["hold_id"])


async def taken(client: httpx.AsyncClient, slot_id: str) -> tuple[int, int]:
    slots = (await client.get(f"/v1/locations/far/slots?day={DAY}")).json()
    return next((slot["held"], slot["booked"]) for slot in slots if slot["slot_id"] == slot_id)


def problem(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def nearby() -> dict[str, Any]:
    return {"merchant_id": "shop", **HERE, "day": str(DAY), "days": 1}
