"""Visitors earn page views, and slots spend them, by the registry's own routes on a real PostgreSQL."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Answer, Problem, Tx, database
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver, events_published, http_client, in_transaction
from lutong_contracts.feed import AccountChanged
from lutong_contracts.traffic import TrafficExpiryDue, TrafficSpendLapsed
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from lutong_registry.traffic import visiting
from lutong_registry.traffic.bodies import ReportView
from lutong_registry.traffic.domain.visits import day_of
from lutong_registry.traffic.store import accounts as account_store
from tests.integration.registry.visiting import (
    a_program,
    a_source,
    a_visit,
    asked,
    balance,
    brute_force,
    many_visits,
    report,
)

VISITS = int(os.environ.get("VISITS", "6000"))
"""A million by hand: `VISITS=1000000 pytest …`."""


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await a_program(client)
        yield client


async def spend(client: httpx.AsyncClient, pv: int, spend_id: str = "slot-1", **more: str) -> httpx.Response:
    body = {"program_id": "watsons", "placement": "timeline", "pv": pv} | more
    return await client.put(f"/v1/traffic-spends/{spend_id}", json=body)


async def settle(client: httpx.AsyncClient, used: int | None, spend_id: str = "slot-1") -> httpx.Response:
    return await client.post(f"/v1/traffic-spends/{spend_id}/settlement", json={} if used is None else {"used": used})


async def test_a_visitor_earns_once_a_day_and_source(client: httpx.AsyncClient, pool: Pool) -> None:
    code = await a_source(client)
    assert await a_source(client) == code
    for _ in range(2):
        assert await report(client, a_visit("ann", code), a_visit("ann", code), a_visit("bo", code)) == {
            "taken": 3, "refused": [],
        }  # fmt: skip
    assert await balance(client) == {
        "program_id": "watsons", "granted": 600, "spent": 0, "expired": 0, "reversed": 0, "available": 600, "held": 0,
        "debt": 0,
    }  # fmt: skip
    kinds = [each.type.split(".")[2] for each in await events_published(pool) if "traffic" in each.type]
    assert kinds == ["traffic-granted"]
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT * FROM traffic_uv")
    assert not any("ann" in str(tuple(row)) for row in rows)


async def test_a_forged_source_is_refused_and_the_rest_is_taken(client: httpx.AsyncClient) -> None:
    code = await a_source(client)
    late, ahead = datetime.now(UTC) - timedelta(days=9), datetime.now(UTC) + timedelta(hours=1)
    forged = code[:-1] + ("0" if code[-1] != "0" else "1")
    visits = [a_visit("ann", forged), a_visit("ann", code), a_visit("bo", code, late), a_visit("bo", code, ahead)]
    answer = await report(client, *visits)
    assert answer["taken"] == 1
    assert [(each["pointer"], each["reason"]) for each in answer["refused"]] == [
        ("/body/visits/0/source", "forged_source"),
        ("/body/visits/2/at", "not_in_time"),
        ("/body/visits/3/at", "not_in_time"),
    ]
    assert "take it from the QR code" in answer["refused"][0]["detail"]
    assert (await balance(client))["granted"] == 300


async def test_members_report_their_own_visits(client: httpx.AsyncClient) -> None:
    code = await a_source(client)
    body = {"visits": [a_visit("ann", code), a_visit("bo", code)]}
    others = await client.post("/v1/visits/batch", json=body, headers=bearer(a_member("ann")))
    assert others.status_code == 404
    mine = await client.post("/v1/visits/batch", json={"visits": body["visits"][:1]}, headers=bearer(a_member("ann")))
    assert mine.status_code == 202


async def test_staff_and_who_came_by_a_slot_earn_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    code = await a_source(client)
    facts = {"kind": "enterprise", "merchant_id": "watsons", "revision": 1}
    await deliver(pool, handlers, AccountChanged(account_id="clerk", **facts))
    await report(client, a_visit("ann", code), a_visit("clerk", code), a_visit("cy", code, spend_id="slot-0"))
    await spend(client, 1, viewer_id="bo")
    await report(client, a_visit("bo", code), a_visit("dee", code, dwell_s=1))
    days = (await client.get("/v1/programs/watsons/traffic")).json()["days"]
    assert {day["outcome"]: day["visitors"] for day in days} == {
        "granted": 1,
        "own_staff": 1,
        "looped": 2,
        "bounced": 1,
    }


async def test_page_views_are_held_then_spent_or_given_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await report(client, a_visit("ann", await a_source(client)))
    for _ in range(2):
        assert (await spend(client, 100)).json()["available"] == 200
    assert (await settle(client, 60)).json()["state"] == "confirmed"
    assert (await settle(client, 60)).json()["available"] == 240
    assert (await settle(client, 61)).status_code == 409
    await spend(client, 240, "slot-2")
    refused = (await spend(client, 1, "slot-3")).json()
    assert (refused["type"], refused["available"]) == ("urn:lutong:problem:no_page_views", 0)
    lapsed = TrafficSpendLapsed(program_id="watsons", spend_id="slot-2")
    assert len(await deliver(pool, handlers, lapsed)) == 1
    assert await deliver(pool, handlers, lapsed, TrafficSpendLapsed(program_id="watsons", spend_id="slot-1")) == []
    assert (await settle(client, None, "slot-2")).status_code == 409
    assert (await balance(client))["available"] == 240
    kinds = [each["kind"] for each in (await client.get("/v1/programs/watsons/traffic/entries")).json()]
    assert kinds == ["grant", "reserve", "spend", "release", "reserve", "release"]


async def test_a_program_that_is_not_promoted_has_no_slots(client: httpx.AsyncClient) -> None:
    await report(client, a_visit("ann", await a_source(client)))
    await client.post("/v1/programs/watsons/suspension", json={"reason": "fraud_found"})
    assert (await spend(client, 1)).json()["type"] == "urn:lutong:problem:program_suspended"


async def test_page_views_end_and_may_be_taken_back(client: httpx.AsyncClient, pool: Pool) -> None:
    code = await a_source(client)
    await report(client, *(a_visit(name, code) for name in ("ann", "bo", "cy")))
    await spend(client, 800)
    await settle(client, 800)
    today = day_of(datetime.now(UTC))
    body = {"day": str(today), "source_id": "qr-1", "reason": "fraud_found"}
    for _ in range(2):
        after = (await client.post("/v1/programs/watsons/traffic/reversals", json=body)).json()
        assert (after["reversed"], after["debt"], after["available"]) == (100, 800, 0)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await report(client, *(a_visit(name, code, yesterday) for name in ("ann", "bo", "cy")))
    assert (await balance(client))["debt"] == 0
    assert (await balance(client))["available"] == 100
    async with in_transaction(pool) as tx:
        await tx.execute("UPDATE traffic_lot SET expires_at = now() - interval '1 second'")
    due = TrafficExpiryDue(program_id="watsons", day=today)
    assert len(await deliver(pool, handlers, due)) == 1
    assert await deliver(pool, handlers, due) == []
    assert (await balance(client))["expired"] == 100


async def test_a_rule_is_for_days_to_come(client: httpx.AsyncClient) -> None:
    today = day_of(datetime.now(UTC))
    refused = await client.post("/v1/traffic-rules", json={"effective_from": str(today), "pv_per_uv": 100})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/effective_from")
    tomorrow = {"effective_from": str(today + timedelta(days=1)), "pv_per_uv": 100}
    assert (await client.post("/v1/traffic-rules", json=tomorrow)).status_code == 201
    assert [rule["pv_per_uv"] for rule in (await client.get("/v1/traffic-rules")).json()] == [300, 100]


async def test_a_source_stays_with_its_program(client: httpx.AsyncClient) -> None:
    await a_source(client)
    await a_program(client, "rival")
    body = {"program_id": "rival", "kind": "campaign"}
    assert (await client.put("/v1/traffic-sources/qr-1", json=body)).status_code == 409
    assert len((await client.get("/v1/programs/watsons/traffic-sources")).json()) == 1


async def _load(client: httpx.AsyncClient, pool: Pool) -> tuple[int, dict[str, int], int]:
    """Many visits in batches, four at once; gives what the rule grants, what the registry has, and how many were refused."""
    await a_program(client, "rival")
    codes = {}
    for number in range(5):
        program = "watsons" if number < 3 else "rival"
        codes[await a_source(client, f"qr-{number}", program)] = program
    async with in_transaction(pool) as tx:
        await tx.execute("UPDATE traffic_account SET secret = 'the same'")
    codes = {await a_source(client, f"qr-{number}", program): program for number, program in enumerate(codes.values())}
    now = datetime.now(UTC)
    visits = list(many_visits(VISITS, list(codes), now, Random(24)))
    truth = brute_force(visits, codes, "the same", now)
    answers: list[Answer | Problem] = []

    async def hand_in(place: int) -> None:
        async with database.transaction(pool) as tx:
            answers.extend(await visiting.report_visits([asked(visits[place : place + 500])], tx))

    for place in range(0, VISITS, 2000):
        await asyncio.gather(*(hand_in(at) for at in range(place, min(place + 2000, VISITS), 500)))
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT outcome, count(*) AS n FROM traffic_uv GROUP BY 1")
        total = await tx.fetchval("SELECT sum(granted)::bigint FROM traffic_account")
    outcomes = {row["outcome"]: row["n"] for row in rows}
    reports = [answer.body for answer in answers if isinstance(answer, Answer)]
    refused = sum(len(each.refused) for each in reports if isinstance(each, ReportView))
    assert refused == truth.refused
    assert sum(outcomes.values()) == truth.granted + truth.others
    return truth.granted, outcomes, total


@pytest.mark.timeout(0)
async def test_unique_visitors_are_those_counted_one_by_one(client: httpx.AsyncClient, pool: Pool) -> None:
    unique, outcomes, granted = await _load(client, pool)
    assert unique > VISITS / 8
    assert outcomes["granted"] == unique
    assert granted == 300 * unique


async def test_without_the_lock_visitors_earn_twice(
    client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test before."""
    read = account_store.accounts

    async def unlocked(tx: Tx, program_ids: list[str], *, lock: bool = False) -> object:
        return await read(tx, program_ids, lock=lock and False)

    monkeypatch.setattr(account_store, "accounts", unlocked)
    unique, _, granted = await _load(client, pool)
    assert granted != 300 * unique


async def test_slots_at_once_spend_what_there_is(client: httpx.AsyncClient, pool: Pool) -> None:
    await report(client, a_visit("ann", await a_source(client)))
    answers = await asyncio.gather(*(spend(client, 10, f"slot-{n}") for n in range(64)))
    assert Counter(answer.status_code for answer in answers) == {202: 30, 409: 34}
    assert await balance(client) | {"available": 0, "held": 300} == await balance(client)
