"""Slots on a real PostgreSQL: held before credit is asked for, booked with the order, released once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Answer, Asked
from lutong_chassis.commands import Claim
from lutong_chassis.database import Pool, new_cause
from lutong_chassis.testing import a_member, a_viewer, bearer, deliver, http_client, in_transaction
from lutong_contracts.inventory import (
    AcceptanceLapsed,
    LocationDeclined,
    OrderRejected,
    OrderSourced,
    SlotAnswerLapsed,
    SlotHoldLapsed,
)
from lutong_contracts.values import Place
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from lutong_inventory.slots.domain.commands import HoldSlot
from lutong_inventory.slots.domain.slots import OverbookedError
from lutong_inventory.slots.handlers import hold_slots
from lutong_inventory.slots.store.places import Taken, take_places
from tests.integration.inventory.shop import names
from tests.integration.inventory.slots import (
    DAY,
    STAFF,
    a_slot,
    an_order,
    held,
    hold,
    nearby,
    problem,
    put,
    taken,
    two_stores,
)
from tests.support.builders import a_cancellation, a_hold


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory in which the farther of two stores delivers by slots, and is shut now."""
    async with http_client(service, pool) as client:
        await two_stores(client)
        yield client


async def expire(pool: Pool, hold_id: str) -> None:
    """Let the time of a hold pass, without waiting for it."""
    await pool.execute("UPDATE slot_hold SET expires_at = now() - interval '1 second' WHERE hold_id = $1", hold_id)


async def test_an_order_goes_to_the_location_of_its_slot(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client)
    hold_id = await held(client, slot_id)
    assert await taken(client, slot_id) == (1, 0)
    published = await deliver(pool, handlers, an_order(hold_id), a_hold("o-2"))
    sourced = {event.order_id: event for event in published if isinstance(event, OrderSourced)}
    assert (sourced["o-1"].location_id, sourced["o-2"].location_id) == ("far", "near")
    window = sourced["o-1"].window
    assert window is not None
    assert window.starts_at == datetime.combine(DAY, datetime.min.time(), ZoneInfo("Asia/Shanghai")).astimezone(
        UTC
    ) + timedelta(hours=15)
    assert sourced["o-1"].accept_by == window.starts_at
    assert sourced["o-2"].window is None
    assert "SlotBooked" in names(published)
    assert await taken(client, slot_id) == (0, 1)
    order = (await client.get("/v1/orders/o-1")).json()
    assert order["window_ends_at"] == window.ends_at.isoformat().replace("+00:00", "Z")
    (decision,) = (await client.get("/v1/orders/o-1/explain")).json()["decisions"]
    assert "booked its slot" in decision["why"]["en"]
    assert "预约" in decision["why"]["zh"]


async def test_64_buyers_get_exactly_ten_places(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client, 10)
    answers = await asyncio.gather(*(hold(client, slot_id, f"m-{n}") for n in range(64)))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 54
    assert {problem(answer) for answer in answers if answer.status_code == 409} == {"slot_full"}
    assert await taken(client, slot_id) == (10, 0)


async def test_64_transactions_give_exactly_ten_places(client: httpx.AsyncClient, pool: Pool) -> None:
    """As replicas would: each buyer is asked for in a transaction of its own."""
    slot_id, here = await a_slot(client, 10), Place(latitude=31.23, longitude=121.47)

    async def buy(member: str) -> bool:
        asked = Asked(HoldSlot(slot_id, member, here), a_member(member), new_cause(), Claim("", None, ""))
        async with in_transaction(pool) as tx:
            (answer,) = await hold_slots([asked], tx)
        return isinstance(answer, Answer)

    assert sum(await asyncio.gather(*(buy(f"m-{n}") for n in range(64)))) == 10
    assert await taken(client, slot_id) == (10, 0)


async def test_the_table_refuses_an_eleventh_place(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client, 1)
    await held(client, slot_id)
    with pytest.raises(OverbookedError):
        async with in_transaction(pool) as tx:
            await take_places(tx, {slot_id: Taken(slot_id, 1, 0)})


async def test_expiry_and_order_have_one_winner(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client)
    for n in range(12):
        hold_id = await held(client, slot_id)
        lapse = SlotHoldLapsed(slot_id=slot_id, hold_id=hold_id)
        if n % 3 == 0:
            await expire(pool, hold_id)
        both = await asyncio.gather(
            deliver(pool, handlers, an_order(hold_id, f"o-{n}")), deliver(pool, handlers, lapse)
        )
        found = [name for events in both for name in names(events)]
        assert found.count("SlotBooked") + found.count("SlotReleased") == 1
        assert ("OrderRejected" in found) == (n % 3 == 0)
    assert await taken(client, slot_id) == (0, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"member": "m-2"}, "slot_unknown"),
        ({"hold_id": "ghost"}, "slot_unknown"),
    ],
)
async def test_an_order_with_a_place_of_others_is_rejected(
    change: dict[str, str], reason: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    slot_id = await a_slot(client)
    order = an_order(**({"hold_id": await held(client, slot_id)} | change))
    (rejected,) = await deliver(pool, handlers, order)
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == reason
    assert await taken(client, slot_id) == (1, 0)


async def test_two_orders_do_not_share_a_place(client: httpx.AsyncClient, pool: Pool) -> None:
    hold_id = await held(client, await a_slot(client))
    published = await deliver(pool, handlers, an_order(hold_id), an_order(hold_id, "o-2"))
    assert [event.order_id for event in published if isinstance(event, OrderRejected)] == ["o-2"]
    (rejected,) = await deliver(pool, handlers, an_order(hold_id, "o-3"))
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "slot_taken"


async def test_a_place_is_released_once_however_the_order_ends(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client)
    holds = [await held(client, slot_id, f"m-{n}") for n in range(5)]
    await deliver(pool, handlers, *[an_order(each, f"o-{n}", f"m-{n}") for n, each in enumerate(holds)])
    assert await taken(client, slot_id) == (0, 5)
    declined = LocationDeclined(order_id="o-0", merchant_id="shop", location_id="far", reason="sold_out")
    late = AcceptanceLapsed(order_id="o-1", location_id="far")
    for event in (declined, late, a_cancellation("o-2"), declined, late, a_cancellation("o-2")):
        await deliver(pool, handlers, event)
    assert (await client.post("/v1/orders/o-3/cancellation", json={})).status_code == 202
    assert await taken(client, slot_id) == (0, 1)
    stock = (await client.get("/v1/locations/far/stock")).json()
    assert stock[0]["reserved"] == 1
    ended = [(await client.get(f"/v1/orders/o-{n}")).json()["state"] for n in range(5)]
    assert ended == ["cancelled"] * 4 + ["sourced"]


async def test_an_order_without_goods_leaves_its_place(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client)
    hold_id = await held(client, slot_id)
    order = an_order(hold_id).model_copy(update={"lines": a_hold("x", ("nothing", 1)).lines})
    published = await deliver(pool, handlers, order)
    assert sorted(names(published)) == ["OrderRejected", "SlotReleased"]
    assert await taken(client, slot_id) == (0, 0)


async def test_cut_off_is_judged_when_the_order_comes(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id = await a_slot(client)
    hold_id = await held(client, slot_id)
    minute = "floor(extract(epoch FROM now() AT TIME ZONE 'Asia/Shanghai' - day) / 60)::integer"
    await pool.execute(f"UPDATE slot SET cut_off = {minute} WHERE slot_id = $1", slot_id)
    (rejected,) = await deliver(pool, handlers, an_order(hold_id))
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "slot_cut_off"
    assert problem(await hold(client, slot_id, "m-2")) == "slot_cut_off"
    reader = bearer(a_viewer())
    (offered,) = (await client.get("/v1/slots", params=nearby(), headers=reader)).json()
    assert (offered["reason"], offered["left"]) == ("slot_cut_off", 9)
    assert "截单" in offered["why"]["zh"]


async def test_a_store_that_closes_early_asks_its_members(client: httpx.AsyncClient, pool: Pool) -> None:
    slot_id, evening = await a_slot(client), await a_slot(client, opens="12:00", closes="14:00")
    booked = [await held(client, slot_id, f"m-{n}") for n in range(2)]
    await held(client, slot_id, "m-9")
    await deliver(pool, handlers, *[an_order(each, f"o-{n}", f"m-{n}") for n, each in enumerate(booked)])
    four = f"{DAY}T16:00:00+08:00"
    body = {"starts_at": four, "reason": "closes_early"}
    answer = await client.post("/v1/locations/far/slots/withdrawals", json=body, headers=STAFF)
    assert answer.json() == {"slots": 1, "asked": ["o-0", "o-1"]}
    assert await taken(client, slot_id) == (0, 2)
    assert problem(await hold(client, slot_id, "m-3")) == "slot_withdrawn"
    other = await held(client, evening, "m-0")
    rebooked = await client.put(
        "/v1/orders/o-0/slot", json={"member_id": "m-0", "hold_id": other}, headers=bearer(a_member("m-0"))
    )
    assert (rebooked.status_code, rebooked.json()["slot_id"]) == (200, evening)
    lapses = [SlotAnswerLapsed(order_id=f"o-{n}", slot_id=slot_id) for n in range(2)]
    published = await deliver(pool, handlers, *lapses)
    assert sorted(names(published)) == ["OrderCancelled", "SlotReleased"]
    assert [(await client.get(f"/v1/orders/o-{n}")).json()["state"] for n in range(2)] == ["sourced", "cancelled"]
    assert (await taken(client, slot_id), await taken(client, evening)) == ((0, 0), (0, 1))
    again = await client.post("/v1/locations/far/slots/withdrawals", json=body, headers=STAFF)
    assert again.json() == {"slots": 0, "asked": []}


async def test_bad_slots_are_refused_with_a_sentence(client: httpx.AsyncClient) -> None:
    yesterday = str(DAY - timedelta(days=4))
    assert problem(await put(client, day=yesterday)) == "slot_past"
    assert problem(await put(client, area="nowhere")) == "no_area"
    assert problem(await put(client, cut_off="16:00")) == "bad_cut_off"
    assert (await put(client, capacity=-1)).status_code == 422
    assert problem(await hold(client, "ghost")) == "not_found"
    slot_id = await a_slot(client)
    assert problem(await hold(client, slot_id, latitude=39.9)) == "out_of_area"
    for _ in range(3):
        await held(client, slot_id)
    assert problem(await hold(client, slot_id)) == "too_many_holds"
    assert problem(await put(client, 2)) == "places_taken"
    far_off = await a_slot(client, day=str(DAY + timedelta(days=30)))
    assert problem(await hold(client, far_off, "m-2")) == "slot_too_early"


async def test_a_slot_delivers_within_its_area_only(client: httpx.AsyncClient) -> None:
    corners = [
        {"latitude": 31.2, "longitude": 121.4},
        {"latitude": 31.2, "longitude": 121.5},
        {"latitude": 31.3, "longitude": 121.5},
    ]
    line = await client.put("/v1/locations/far/areas/inner", json={"corners": [corners[0], corners[1], corners[0]]})
    assert problem(line) == "bad_area"
    area = await client.put("/v1/locations/far/areas/inner", json={"corners": corners}, headers=STAFF)
    assert area.json() == {"area": "inner", "corners": 3}
    slot_id = await a_slot(client, area="inner")
    await held(client, slot_id)
    assert problem(await hold(client, slot_id, "m-2", longitude=121.41, latitude=31.29)) == "out_of_area"
    offered = (await client.get("/v1/slots", params=nearby())).json()
    assert [(each["slot_id"], each["left"], each["reason"]) for each in offered] == [(slot_id, 9, None)]
    assert (await client.get("/v1/slots", params=nearby() | {"longitude": 121.41, "latitude": 31.29})).json() == []


async def test_a_place_is_given_back_once(client: httpx.AsyncClient) -> None:
    slot_id = await a_slot(client)
    hold_id = await held(client, slot_id)
    path, body = f"/v1/slot-holds/{hold_id}/release", {"member_id": "m-1"}
    other = await client.post(path, json={"member_id": "m-2"}, headers=bearer(a_member("m-2")))
    assert other.status_code == 404
    for _ in range(2):
        answer = await client.post(path, json=body, headers=bearer(a_member("m-1")))
        assert answer.json() == {"hold_id": hold_id, "state": "released"}
    assert await taken(client, slot_id) == (0, 0)
