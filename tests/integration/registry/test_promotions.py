"""Promotions: the feed has an allowance at a time of what a program earned, and what it answers is spent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer, deliver, http_client
from lutong_contracts import Event
from lutong_contracts.promotions import PaidSlotsClosed, PaidSlotsShown, SlotShown
from lutong_contracts.registry import ProgramResumed
from lutong_contracts.traffic import PromotionChanged, TrafficGranted, TrafficReserved, TrafficSettled
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from lutong_registry.traffic.domain.promotions import ALLOWANCE_PV
from tests.integration.registry.visiting import a_program, a_source, a_visit, balance, report

OWN = (PromotionChanged, TrafficGranted, TrafficSettled)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has earned 300 page views."""
    async with http_client(service, pool) as client:
        await a_program(client)
        await report(client, a_visit("ann", await a_source(client)))
        yield client


async def promote(client: httpx.AsyncClient, promotion_id: str = "winter", **changes: Any) -> httpx.Response:
    ends_at = datetime.now(UTC) + timedelta(days=3)
    body = {"program_id": "watsons", "placement": "home", "pv": 1000, "ends_at": ends_at.isoformat()} | changes
    return await client.put(f"/v1/promotions/{promotion_id}", json=body)


async def end(client: httpx.AsyncClient, promotion_id: str = "winter") -> dict[str, Any]:
    answer: dict[str, Any] = (await client.post(f"/v1/promotions/{promotion_id}/end")).raise_for_status().json()
    return answer


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    answer: list[dict[str, Any]] = (await client.get("/v1/programs/watsons/promotions")).raise_for_status().json()
    return answer[0]


async def go_on(pool: Pool) -> list[TrafficReserved]:
    """The registry consumes what it published for itself; gives the allowances of the feed, the latest last."""
    done = 0
    while True:
        rows = await pool.fetch("SELECT type, payload FROM outbox WHERE id > $1 ORDER BY id", 0)
        own = [event for row in rows if (event := _own(row["type"], row["payload"]))]
        if done == len(own):
            return [
                TrafficReserved.model_validate_json(row["payload"])
                for row in rows
                if row["type"] == TrafficReserved.type and "promotion_id" in row["payload"]
            ]
        await deliver(pool, handlers, *own[done:])
        done = len(own)


def _own(name: str, payload: str) -> Event | None:
    return next((kind.model_validate_json(payload) for kind in OWN if kind.type == name), None)


async def answer(pool: Pool, of: TrafficReserved, used: int) -> None:
    closed = PaidSlotsClosed(program_id="watsons", spend_id=of.spend_id, used=used)
    for _ in range(2):
        await deliver(pool, handlers, closed)


async def test_the_feed_has_one_allowance_at_a_time(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await promote(client)).json()["state"] == "open"
    (first,) = await go_on(pool)
    assert (first.pv, first.placement, first.promotion_id) == (ALLOWANCE_PV, "home", "winter")
    assert first.ends_at
    assert timedelta(minutes=59) < first.ends_at - datetime.now(UTC) < timedelta(minutes=61)
    await promote(client)
    assert len(await go_on(pool)) == 1
    await answer(pool, first, ALLOWANCE_PV)
    _, second = await go_on(pool)
    assert second.pv == 100
    assert ((await balance(client))["spent"], (await balance(client))["held"]) == (200, 100)
    assert (await shown(client))["used"] == 200


async def test_what_was_not_shown_goes_back_and_is_given_again(client: httpx.AsyncClient, pool: Pool) -> None:
    await promote(client, pv=150)
    (first,) = await go_on(pool)
    await answer(pool, first, 40)
    _, second = await go_on(pool)
    assert (first.pv, second.pv) == (150, 110)
    await answer(pool, second, 110)
    assert len(await go_on(pool)) == 2
    assert (await shown(client))["state"] == "over"
    assert (await balance(client))["available"] == 150


async def test_an_ended_promotion_waits_for_what_is_shown_still(client: httpx.AsyncClient, pool: Pool) -> None:
    await promote(client)
    (first,) = await go_on(pool)
    assert (await end(client))["state"] == "ended"
    assert (await end(client))["state"] == "ended"
    assert (await balance(client))["held"] == 200
    await answer(pool, first, 3)
    assert len(await go_on(pool)) == 1
    assert ((await balance(client))["available"], (await shown(client))["used"]) == (297, 3)
    assert (await promote(client)).status_code == 409
    assert (await promote(client, "spring")).status_code == 202


async def test_a_promotion_goes_on_when_more_is_earned(client: httpx.AsyncClient, pool: Pool) -> None:
    await promote(client)
    for _ in range(2):
        await answer(pool, (await go_on(pool))[-1], ALLOWANCE_PV)
    assert len(await go_on(pool)) == 2
    assert (await balance(client))["available"] == 0
    await report(client, a_visit("bo", await a_source(client)))
    assert (await go_on(pool))[-1].pv == ALLOWANCE_PV


async def test_nothing_is_given_of_what_may_not_be_promoted(client: httpx.AsyncClient, pool: Pool) -> None:
    await promote(client)
    await client.post("/v1/programs/watsons/suspension", json={"reason": "fraud_found"})
    assert await go_on(pool) == []
    assert (await promote(client)).json()["type"] == "urn:lutong:problem:program_suspended"
    await client.delete("/v1/programs/watsons/suspension")
    await deliver(pool, handlers, ProgramResumed(program_id="watsons"))
    assert len(await go_on(pool)) == 1


async def test_who_saw_it_earns_nothing_that_day(client: httpx.AsyncClient, pool: Pool) -> None:
    saw = (SlotShown(viewer_id="cy", served_at=datetime.now(UTC)),)
    event = PaidSlotsShown(program_id="watsons", spend_id="s-1", shown=saw)
    await deliver(pool, handlers, event)
    await deliver(pool, handlers, event)
    await report(client, a_visit("cy", await a_source(client)))
    assert (await balance(client))["granted"] == 300
    rows = await pool.fetch("SELECT visitor FROM traffic_shown")
    assert len(rows) == 1
    assert "cy" not in rows[0]["visitor"]


async def test_only_the_feed_settles_what_a_promotion_holds(client: httpx.AsyncClient, pool: Pool) -> None:
    await promote(client)
    (first,) = await go_on(pool)
    refused = await client.post(f"/v1/traffic-spends/{first.spend_id}/settlement", json={"used": 0})
    assert refused.json()["type"] == "urn:lutong:problem:of_a_promotion"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ends_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}, 422),
        ({"ends_at": (datetime.now(UTC) + timedelta(days=40)).isoformat()}, 422),
        ({"pv": 0}, 422),
        ({"placement": "hottest"}, 422),
        ({"program_id": "nothing"}, 404),
    ],
)
async def test_what_cannot_be_is_refused(client: httpx.AsyncClient, changes: dict[str, Any], status: int) -> None:
    assert (await promote(client, **changes)).status_code == status


async def test_a_placement_has_one_promotion_of_a_program(client: httpx.AsyncClient) -> None:
    await promote(client)
    refused = await promote(client, "spring")
    assert (refused.status_code, "end that one first" in refused.json()["detail"]) == (409, True)
    assert (await promote(client, "spring", placement="square")).status_code == 202
    assert (await promote(client, placement="for_you")).status_code == 409
    assert (await promote(client, pv=2000)).json()["pv"] == 2000


async def test_merchants_promote_their_own(client: httpx.AsyncClient) -> None:
    others, own = bearer(a_merchant("other")), bearer(a_merchant("watsons"))
    ends_at = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    body = {"program_id": "watsons", "placement": "home", "pv": 9, "ends_at": ends_at}
    assert (await client.put("/v1/promotions/p", json=body, headers=others)).status_code == 404
    assert (await client.put("/v1/promotions/p", json=body, headers=own)).status_code == 202
    assert (await client.post("/v1/promotions/p/end", headers=others)).status_code == 404
    assert (await client.get("/v1/programs/watsons/promotions", headers=others)).status_code == 404
