"""Commands of one batch on a real PostgreSQL: one that goes wrong at any place has its own answer, and the others theirs."""

import asyncio
from typing import Any, Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import shelf, step, stock, summary
from tests.support.builders import a_hold

SIZE: Final = 4
FULL: Final = 10**9
"""Three times as many units are more than a shelf can say."""


def a_delivery(sku: str, **other: object) -> dict[str, Any]:
    return {"location_id": "near", "sku": sku, "kind": "received", "units": 5, **other}


WRONG: Final = {
    "refused": (a_delivery("tea", kind="cleared"), 409, "not_held_back"),
    "malformed": (a_delivery("tea", units="five"), 422, "invalid"),
    "raises": (a_delivery("full", units=FULL), 422, "unstorable"),
}


async def move(client: httpx.AsyncClient, movement: dict[str, Any]) -> httpx.Response:
    return await client.post("/v1/stock/movements", json={"movements": [movement]})


@pytest.mark.parametrize("how", WRONG)
async def test_one_wrong_command_leaves_the_others_alone(client: httpx.AsyncClient, how: str) -> None:
    movement, status, kind = WRONG[how]
    await stock(client, near_full=FULL)
    assert (await move(client, a_delivery("full", units=FULL))).status_code == 201
    for place in range(SIZE):
        good = [a_delivery(f"sku-{place}-{each}") for each in range(SIZE - 1)]
        answers = await asyncio.gather(*(move(client, each) for each in (*good[:place], movement, *good[place:])))
        wrong = answers.pop(place)
        assert (wrong.status_code, wrong.json()["type"]) == (status, f"urn:lutong:problem:{kind}")
        assert [(answer.status_code, answer.json()) for answer in answers] == [(201, {"moved": 1, "broken": []})] * 3
        assert [await shelf(client, "near", each["sku"]) for each in good] == [(5, 0)] * 3
    assert await shelf(client, "near", "full") == (2 * FULL, 0)
    await summary(client)


async def test_two_counts_of_a_shelf_are_decided_in_order(client: httpx.AsyncClient, pool: Pool) -> None:
    """The second finds the shelf as the first left it: an order whose promise broke is not declined twice."""
    await stock(client, near_tea=5)
    await deliver(pool, handlers, a_hold(), a_hold("o-2"))
    count = "/v1/locations/near/stock/tea"
    answers = await asyncio.gather(*(client.put(count, json={"on_hand": units}) for units in (1, 0, 3)))
    assert [(a.json()["on_hand"], a.json()["broken"]) for a in answers] == [(1, ["o-2"]), (0, ["o-1"]), (3, [])]
    assert await shelf(client, "near") == (3, 0)
    await summary(client)


async def test_steps_of_one_order_follow_each_other_in_one_batch(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    await deliver(pool, handlers, a_hold())
    answers = await asyncio.gather(*(step(client, name) for name in ("accepted", "accepted", "picked", "fulfilled")))
    assert [answer.status_code for answer in answers] == [200, 409, 200, 409]
    assert (await client.get("/v1/orders/o-1")).json()["state"] == "picked"


async def test_refunds_of_one_order_together_never_exceed_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    await deliver(pool, handlers, a_hold())
    for name in ("accepted", "picked", "handed_over", "fulfilled"):
        await step(client, name)
    paid_minor = (await client.get("/v1/orders/o-1")).json()["amount_minor"]
    bodies = [{"refund_id": each, "amount_minor": paid_minor} for each in ("r-1", "r-2", "r-1")]
    reason = {"lutong-reason": "it broke"}
    answers = await asyncio.gather(
        *(client.post("/v1/orders/o-1/refunds", json=body, headers=reason) for body in bodies)
    )
    assert [answer.status_code for answer in answers] == [201, 409, 201]
    assert (await client.get("/v1/orders/o-1")).json()["refunded_minor"] == paid_minor
