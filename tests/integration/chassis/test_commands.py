"""Commands in batches on a real PostgreSQL: one that goes wrong at any place of a batch leaves all others as they were."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import Response
from pydantic import BaseModel

from lutong_chassis import (
    Answer,
    Ask,
    Asked,
    Handlers,
    Problem,
    Service,
    Tx,
    allowed,
    audited,
    not_audited,
    routes,
)
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, http_client
from tests.integration.chassis import toy
from tests.integration.conftest import PoolOf
from tests.support.harness import until

SIZE: Final = 5
"""Commands of one batch."""

handlers = Handlers()
router = routes("tally")
batches: list[list[str]] = []
trouble: list[Exception] = []
"""What the next batches meet, one each."""


class Tally(NamedTuple):
    """Count once, and keep how it was meant."""

    name: str
    how: str


class Unrecorded(NamedTuple):
    """Count once, and leave nothing on record."""

    name: str


class Wanted(BaseModel):
    """What to count. `how` says what becomes of it."""

    name: str
    how: str = "well"


class MisbehavedError(Exception):
    """A bug in the handler."""


@handlers.on(Tally)
async def tally(batch: Sequence[Asked[Tally]], tx: Tx) -> list[Answer | Problem]:
    """Enter each name once; raise, refuse or break as they ask for."""
    batches.append([asked.command.how for asked in batch])
    if trouble:
        raise trouble.pop(0)
    ways = {asked.command.how for asked in batch}
    if "raises" in ways:
        raise MisbehavedError
    good = [asked.command.name for asked in batch if asked.command.how != "refused"]
    await tx.execute("INSERT INTO counter (counter_id, total, places) SELECT *, 1, '{}' FROM unnest($1::text[])", good)
    if "cannot be stored" in ways:
        await tx.fetchval("SELECT ($1::text)::integer", "a word")
    return [
        Problem(409, "not_wanted", "no")
        if asked.command.how == "refused"
        else Answer({"name": asked.command.name}, [asked.causes(toy.Totalled(counter_id=asked.command.name, total=1))],
                    [Change("tally.enter", f"counter:{asked.command.name}")])
        for asked in batch
    ]  # fmt: skip


@handlers.on(Unrecorded)
async def forget_the_record(batch: Sequence[Asked[Unrecorded]], tx: Tx) -> list[Answer | Problem]:
    """A bug: nothing is on record of what staff changes."""
    names = [asked.command.name for asked in batch]
    await tx.execute("INSERT INTO counter (counter_id, total, places) SELECT *, 1, '{}' FROM unnest($1::text[])", names)
    return [Answer({}) for _ in batch]


@router.post("/v1/tallies", status_code=201)
@allowed("operator", "member")
@audited("tally.enter", own="member")
async def enter(wanted: Wanted, ask: Ask) -> Response:
    """Count once."""
    return await ask(Tally(wanted.name, wanted.how))


@router.post("/v1/unrecorded")
@allowed("operator", "member")
@audited("tally.enter", own="member")
async def enter_unrecorded(wanted: Wanted, ask: Ask) -> Response:
    """Count once, off the record."""
    return await ask(Unrecorded(wanted.name))


@router.post("/v1/twice")
@allowed("operator")
@not_audited("it fails")
async def ask_twice(wanted: Wanted, ask: Ask) -> Response:
    """A bug: two commands under one key."""
    await ask(Tally(wanted.name, "well"))
    return await ask(Tally(wanted.name + "-again", "well"))


service = Service("toy", handlers=handlers, routes=router, migrations=Path(toy.__file__).parent / "toy_migrations")


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    batches.clear()
    trouble.clear()
    return await pool_of(service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        yield client


async def ask(client: httpx.AsyncClient, name: str, how: str = "well", **headers: str) -> httpx.Response:
    return await client.post("/v1/tallies", json={"name": name, "how": how}, headers=headers)


async def together(client: httpx.AsyncClient, *hows: str) -> list[httpx.Response]:
    """Commands that go into one batch: they wait behind one that is held up by a lock."""
    return await asyncio.gather(
        *(ask(client, f"n-{n}", how, **{"idempotency-key": f"k-{n}"}) for n, how in enumerate(hows))
    )


async def done(pool: Pool) -> dict[str, list[Any]]:
    """What is left of commands, in every table that they write."""
    queries = {
        "counted": "SELECT counter_id FROM counter ORDER BY 1",
        "rows": "SELECT key FROM outbox WHERE type LIKE '%totalled%' ORDER BY id",
        "kept": "SELECT key FROM idempotency ORDER BY 1",
        "recorded": "SELECT subject FROM audit ORDER BY id",
    }
    return {what: [row[0] for row in await pool.fetch(sql)] for what, sql in queries.items()}


def all_but(place: int | None) -> dict[str, list[Any]]:
    good = [n for n in range(SIZE) if n != place]
    names = [f"n-{n}" for n in good]
    return {
        "counted": names,
        "rows": names,
        "kept": [f"k-{n}" for n in good],
        "recorded": [f"counter:{n}" for n in names],
    }


async def test_commands_that_come_together_share_one_transaction(client: httpx.AsyncClient, pool: Pool) -> None:
    answers = await together(client, *["well"] * SIZE)
    assert [(answer.status_code, answer.json()["name"]) for answer in answers] == [(201, f"n-{n}") for n in range(SIZE)]
    assert await done(pool) == all_but(None)
    assert len(batches) == 1
    assert await pool.fetchval("SELECT count(DISTINCT written_at) FROM outbox") == 1


WRONG: Final = {"refused": 409, "raises": 500, "cannot be stored": 422}


@pytest.mark.parametrize("place", range(SIZE))
@pytest.mark.parametrize(("how", "status"), WRONG.items())
async def test_one_that_goes_wrong_anywhere_leaves_all_others_as_they_were(
    how: str, status: int, place: int, client: httpx.AsyncClient, pool: Pool
) -> None:
    answers = await together(client, *(how if n == place else "well" for n in range(SIZE)))
    assert [answer.status_code for answer in answers] == [status if n == place else 201 for n in range(SIZE)]
    assert await done(pool) == all_but(place)
    assert (await ask(client, f"n-{place}", **{"idempotency-key": f"k-{place}"})).status_code == 201


async def test_a_body_that_is_malformed_never_gets_into_a_batch(client: httpx.AsyncClient, pool: Pool) -> None:
    bad = client.post("/v1/tallies", json={"name": 5})
    answers = await asyncio.gather(*(ask(client, f"n-{n}", **{"idempotency-key": f"k-{n}"}) for n in range(SIZE)), bad)
    assert [answer.status_code for answer in answers] == [201] * SIZE + [422]
    assert await done(pool) == all_but(None)


async def test_an_answer_is_given_again_under_its_key(client: httpx.AsyncClient, pool: Pool) -> None:
    first, again = [await ask(client, "n-0", **{"idempotency-key": "k"}) for _ in range(2)]
    other = await ask(client, "n-1", **{"idempotency-key": "k"})
    assert (first.content, first.headers["lutong-journey"]) == (again.content, again.headers["lutong-journey"])
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert (other.status_code, other.json()["type"]) == (422, "urn:lutong:problem:key_reused")
    assert (await done(pool))["counted"] == ["n-0"]


async def test_two_replicas_that_get_one_key_do_it_once(client: httpx.AsyncClient, pool: Pool) -> None:
    """The second waits for the first at the key, finds its answer, and undoes what it did itself."""
    async with pool.acquire() as other, other.transaction():
        await other.execute(
            "INSERT INTO idempotency SELECT $1, 'k', 'another body', 201, 'application/json', 'theirs'",
            f"{Principal('ada', 'admin').identity} POST /v1/tallies",
        )
        asked = asyncio.create_task(ask(client, "n-0", **{"idempotency-key": "k"}))
        waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'transactionid' AND datname = current_database())"
        await until(lambda: pool.fetchval(waits), "the command waits at its key")
    assert (await asked).json()["type"] == "urn:lutong:problem:key_reused"
    assert (await done(pool))["counted"] == []


@pytest.mark.parametrize(
    ("error", "status", "tries"),
    [
        (asyncpg.ConnectionDoesNotExistError("cut"), 201, 2),
        (asyncpg.DeadlockDetectedError("deadlock"), 201, 2),
        (asyncpg.TooManyConnectionsError("full"), 503, 1),
    ],
    ids=["reconnects", "deadlock", "full"],
)
async def test_trouble_that_is_nobodys_fault_is_tried_again_or_reaches_all(
    error: Exception, status: int, tries: int, client: httpx.AsyncClient, pool: Pool
) -> None:
    trouble.append(error)
    answers = await together(client, *["well"] * SIZE)
    assert {answer.status_code for answer in answers} == {status}
    assert len(batches) == tries
    assert (await done(pool))["counted"] == ([f"n-{n}" for n in range(SIZE)] if status == 201 else [])


async def test_a_change_of_staff_that_is_not_on_record_does_not_commit(client: httpx.AsyncClient, pool: Pool) -> None:
    async with http_client(service, pool, a_member("bo")) as member:
        answers = await asyncio.gather(
            client.post("/v1/unrecorded", json={"name": "staff"}), member.post("/v1/unrecorded", json={"name": "own"})
        )
    assert [answer.status_code for answer in answers] == [500, 200]
    assert (await done(pool))["counted"] == ["own"]


async def test_a_request_asks_for_one_command(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await client.post("/v1/twice", json={"name": "n-0"})).status_code == 500
    assert (await done(pool))["counted"] == ["n-0"]


async def test_naming_a_journey_of_others_starts_an_own_one(client: httpx.AsyncClient, pool: Pool) -> None:
    first = await ask(client, "n-0")
    journey = first.headers["lutong-journey"]
    async with http_client(service, pool, a_member("bo")) as bo:
        theirs, new = await asyncio.gather(
            ask(bo, "n-1", **{"lutong-journey": journey}), ask(bo, "n-2", **{"lutong-journey": "j-new"})
        )
        staff = await ask(client, "n-3", **{"lutong-journey": journey})
    assert theirs.headers["lutong-journey"] not in {journey, "j-new"}
    assert (new.headers["lutong-journey"], staff.headers["lutong-journey"]) == ("j-new", journey)
    rows = await pool.fetch("SELECT key, correlation_id FROM outbox WHERE type LIKE '%totalled%' ORDER BY key")
    assert [row["correlation_id"] for row in rows] == [
        answer.headers["lutong-journey"] for answer in (first, theirs, new, staff)
    ]
