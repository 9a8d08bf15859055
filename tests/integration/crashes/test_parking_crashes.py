"""Setting aside and taking up again, killed and doubled: one record, effects once, in order, audited."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import httpx
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_chassis import database, envelope, parking
from lutong_chassis.envelope import Incoming
from lutong_chassis.redrive import redrive
from lutong_chassis.testing import an_admin, create_database, drop_database, http_client, migrate_database, settings_for
from lutong_contracts import Event
from tests.conftest import Infrastructure
from tests.integration.crashes.crashing_process import Command, Delivery, act, die, record_of, service_named
from tests.integration.crashes.test_crash_matrix import a_delivery, connected, everything
from tests.integration.membership.story import a_member
from tests.support.builders import GOOD_PROFILE, a_request
from tests.support.harness import until

SERVICE = service_named("membership")
WHY = {"reason": "what waited"}


@pytest_asyncio.fixture
async def url(infrastructure: Infrastructure) -> AsyncIterator[str]:
    """A membership with a plan and a good member."""
    name = f"parking_{uuid7().hex[-12:]}"
    url = await create_database(infrastructure.admin_url, name)
    try:
        await migrate_database(url, SERVICE.migrations)
        terms = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": 100_000}
        await act(SERVICE, url, Command("PUT", "/v1/plans/light", terms, "plan"))
        await act(SERVICE, url, Command("PUT", "/v1/members/m-1/profile", GOOD_PROFILE, "profile"))
        await signature(url)
        yield url
    finally:
        await drop_database(infrastructure.admin_url, name)


async def signature(url: str) -> None:
    """m-1 is under the plan: what they order is decided at once."""
    pool = await database.connect(settings_for(url))
    try:
        await a_member(pool)
    finally:
        await pool.close()


def poison(event: Event, offset: int) -> Delivery:
    return replace(a_delivery(event, offset), value="\N{REPLACEMENT CHARACTER} not json")


async def query(url: str, sql: str) -> list[asyncpg.Record]:
    async with connected(url) as observer:
        return await observer.fetch(sql)


async def test_a_hundred_crashes_between_parking_and_offsets_leave_a_hundred_parked_records(url: str) -> None:
    for n in range(100):
        bad = poison(a_request(f"o-{n}", viewer_id=f"m-{n}"), n)
        assert die("membership", url, ("parked_not_committed", "parked_not_offsets")[n % 2], bad) == -9
        await act(SERVICE, url, bad)
    parked = await query(url, 'SELECT state, "offset" FROM parked ORDER BY id')
    assert [tuple(row) for row in parked] == [("parked", n) for n in range(100)]


async def park_and_wait(url: str, count: int) -> int:
    """A bad record and `count` good ones behind it; gives the id of the first that waits, now parked in its place."""
    await act(SERVICE, url, poison(a_request("bad"), 0))
    for n in range(count):
        await act(SERVICE, url, a_delivery(a_request(f"o-{n}", 1_000), n + 1))
    head = (await query(url, "SELECT id FROM parked WHERE state = 'parked'"))[0]["id"]
    answer = await act(SERVICE, url, Command("POST", f"/operations/parked/{head}/discard", WHY))
    assert answer is not None
    successor: int = answer.json()["next_parked"]
    return successor


async def held_in_order(url: str) -> list[str]:
    rows = await query(url, "SELECT order_id FROM entry WHERE kind = 'hold' AND order_id <> 'first' ORDER BY entry_id")
    return [row["order_id"] for row in rows]


async def test_a_redrive_that_is_killed_anywhere_goes_on_where_it_was(url: str) -> None:
    head = await park_and_wait(url, 4)
    redrive = Command("POST", f"/operations/parked/{head}/redrive", WHY)
    async with connected(url) as observer:
        before = await everything(observer)
        for point in ("inbox_inserted", "after_state", "after_outbox"):
            assert die("membership", url, point, redrive) == -9
            assert await everything(observer) == before

    assert die("membership", url, "after_outbox:3", redrive) == -9
    assert await held_in_order(url) == ["o-0", "o-1"]
    head = (await query(url, "SELECT id FROM parked WHERE state = 'parked'"))[0]["id"]
    answer = await act(SERVICE, url, Command("POST", f"/operations/parked/{head}/redrive", WHY))
    assert answer is not None
    assert answer.json() == {"redriven": 2, "next_parked": None}
    assert await held_in_order(url) == ["o-0", "o-1", "o-2", "o-3"]
    assert len(await query(url, "SELECT FROM audit WHERE actor = 'ada' AND action = 'parked.redrive'")) == 4


async def test_a_redrive_on_a_connection_that_was_cut_is_tried_once_more(url: str) -> None:
    head = await park_and_wait(url, 1)
    pool = await database.connect(settings_for(url))
    tries = 0

    async def apply(tx: database.Tx, item: Incoming) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await tx.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
        await SERVICE.apply(tx, item)

    try:
        assert await redrive(pool, head, apply, an_admin(), "cut") == (1, None)
    finally:
        await pool.close()
    assert (tries, await held_in_order(url)) == (2, ["o-0"])


async def test_a_redrive_of_a_long_queue_answers_in_time_and_resumes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lutong_chassis.redrive.REDRIVE_S", 0.0)
    head: int | None = await park_and_wait(url, 3)
    rounds = []
    while head is not None:
        answer = await act(SERVICE, url, Command("POST", f"/operations/parked/{head}/redrive", WHY))
        assert answer is not None
        rounds.append(answer.json()["redriven"])
        head = answer.json()["next_parked"]
    assert rounds == [1, 1, 1]
    assert await held_in_order(url) == ["o-0", "o-1", "o-2"]


async def test_eight_redrives_at_once_have_their_effects_once_and_in_order(url: str) -> None:
    head = await park_and_wait(url, 20)
    pool = await database.connect(settings_for(url))
    try:
        async with http_client(SERVICE, pool) as client:

            async def click() -> httpx.Response:
                return await client.post(f"/operations/parked/{head}/redrive", json=WHY)

            answers = await asyncio.gather(*(click() for _ in range(8)))
    finally:
        await pool.close()
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 7
    assert await held_in_order(url) == [f"o-{n}" for n in range(20)]
    assert len(await query(url, "SELECT FROM audit WHERE action = 'parked.redrive'")) == 20


async def test_a_redrive_goes_on_beside_a_consumer_to_the_last_record(url: str) -> None:
    head = await park_and_wait(url, 4)
    record = record_of(a_delivery(a_request("o-4", 1_000), 5))
    pool = await database.connect(settings_for(url))
    try:
        async with database.transaction(pool) as tx:
            assert await parking.blocked_keys(tx, [parking.RecordKey(record.topic, record.key or b"")])
            redrive = Command("POST", f"/operations/parked/{head}/redrive", WHY)
            redriving = asyncio.create_task(act(SERVICE, url, redrive))

            async def the_last_comes_next() -> bool:
                return await held_in_order(url) == ["o-0", "o-1"]

            await until(the_last_comes_next, "those before the last are redriven while the consumer holds the key")
            await parking.park(tx, [parking.ParkCandidate(record, "waiting", "key_blocked", "", envelope.read(record))])
        answer = await redriving
    finally:
        await pool.close()
    assert answer is not None
    assert answer.json() == {"redriven": 5, "next_parked": None}
    assert await held_in_order(url) == [f"o-{n}" for n in range(5)]
