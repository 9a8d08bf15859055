"""What a redrive would do, compared with what it then does; and parked records by what they have in common."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count

import asyncpg
import httpx
import pytest

from lutong_chassis import parking
from lutong_chassis.database import Pool
from lutong_chassis.envelope import MalformedError
from lutong_chassis.parking import ParkCandidate, StoredRecord
from lutong_chassis.redrive import redrive
from lutong_chassis.testing import a_viewer, an_operator, http_client, in_transaction
from tests.integration.chassis import toy
from tests.integration.chassis.toy import BuggyError, Counted, Ignored
from tests.integration.conftest import PoolOf
from tests.support.harness import RawRecord, a_record

_offsets = count()


@pytest.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(toy.service)


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """An operator of the toy, whose bug is not fixed."""
    toy.bug["fixed"] = False
    async with http_client(toy.service, pool) as made:
        yield made
    toy.bug["fixed"] = False


def stopped(record: RawRecord, state: str = "parked", error: str = "BuggyError at toy.py:99") -> ParkCandidate:
    """A record of the toy's topic that was set aside."""
    key, value, headers = record
    at = round(datetime.now(UTC).timestamp() * 1000)
    stored = StoredRecord(toy.CONSUMED.name, 0, next(_offsets), at, key.encode(), value, tuple(headers))
    return ParkCandidate(stored, state, "key_blocked" if state == "waiting" else "handler_error", error)


async def park(pool: Pool, *records: ParkCandidate) -> None:
    async with in_transaction(pool) as tx:
        await parking.park(tx, records)


def a_thousand() -> list[ParkCandidate]:
    """A thousand heads: most can be handled now, others fail, are copies or nobody's; behind some, others wait."""
    made: list[ParkCandidate] = []
    for number in range(1_000):
        key = f"c-{number}"
        kind = (
            "copy" if number % 50 == 7 else "poison" if number % 40 == 3 else "bytes" if number % 100 == 5 else "good"
        )
        if kind == "copy":  # the id of the head before it, under another key: a copy once that one is handled
            made.append(stopped(a_record(Counted(counter_id=key), event_id=f"e-{number - 1}")))
        elif kind == "bytes":
            made.append(stopped(a_record(Counted(counter_id=key))._replace(value=b"{nonsense")))
        elif number % 100 == 9:
            made.append(stopped(a_record(Ignored(counter_id=key))))
        else:
            made.append(stopped(a_record(Counted(counter_id=key, poison=kind == "poison"), event_id=f"e-{number}")))
        if number % 20 == 1:
            waiting = [
                Counted(counter_id=key, place=place, poison=place == 2 and number % 40 == 1) for place in range(4)
            ]
            made += [stopped(a_record(event), "waiting") for event in waiting]
    return made


async def heads(client: httpx.AsyncClient) -> list[int]:
    return [row["id"] for row in (await client.get("/operations/parked", params={"limit": 1000})).json()]


async def foreseen(client: httpx.AsyncClient, ids: Sequence[int]) -> dict[int, dict[str, object]]:
    """What the preflight answers, by id; it is asked until nothing is left."""
    found: dict[int, dict[str, object]] = {}
    rest = list(ids)
    while rest:
        answer = (await client.post("/operations/parked/preflight", json={"ids": rest})).json()
        found |= {each["id"]: each for each in answer["foreseen"]}
        assert len(answer["rest"]) < len(rest)
        rest = answer["rest"]
    return found


async def redrive_all(pool: Pool, ids: Sequence[int]) -> None:
    """Redrive heads in earnest, each with what waits behind it, until one fails."""
    for parked_id in ids:
        head: int | None = parked_id
        try:
            while head is not None:
                head = (await redrive(pool, head, toy.service.apply, an_operator(), "a test")).successor
        except (BuggyError, MalformedError):
            continue


async def done(pool: Pool, ids: Sequence[int]) -> dict[int, tuple[bool, int, int | None]]:
    """By head: whether it went, how many behind it followed, and which of those stopped."""
    rows = await pool.fetch("SELECT id, key, state FROM parked ORDER BY id")
    by_key: dict[bytes, list[asyncpg.Record]] = {}
    for row in rows:
        by_key.setdefault(row["key"], []).append(row)
    found = {}
    for head, *behind in by_key.values():
        stopped = [row["id"] for row in behind if row["state"] == "parked"]
        followed = sum(row["state"] == "redriven" for row in behind)
        found[head["id"]] = (head["state"] == "redriven", followed, stopped[0] if stopped else None)
    assert sorted(found) == sorted(ids)
    return found


async def test_preflight_foresees_what_redrive_then_does(client: httpx.AsyncClient, pool: Pool) -> None:
    await park(pool, *a_thousand())
    ids = await heads(client)
    assert len(ids) == 1_000
    seen = await foreseen(client, ids)
    await redrive_all(pool, ids)
    through = {"applies", "applied_before", "passed_over"}
    assert {
        parked_id: (each["outcome"] in through, each["behind"], each["stops_at"]) for parked_id, each in seen.items()
    } == await done(pool, ids)
    # All kinds were there, or nothing was proved.
    assert Counter(each["outcome"] for each in seen.values()) == {
        "applies": 935,
        "fails": 35,
        "applied_before": 20,
        "passed_over": 10,
    }
    assert Counter(each["stops_at"] is not None for each in seen.values())[True] == 25


async def test_preflight_leaves_no_trace(client: httpx.AsyncClient, pool: Pool) -> None:
    await park(pool, stopped(a_record(Counted(counter_id="a"))), stopped(a_record(Counted(counter_id="a")), "waiting"))
    sql = """
        SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM counter), (SELECT count(*) FROM outbox),
               (SELECT count(*) FROM stream), (SELECT last_value FROM outbox_id), (SELECT count(*) FROM audit),
               (SELECT array_agg(state || attempts ORDER BY id) FROM parked)
    """
    before = await pool.fetchrow(sql)
    seen = await foreseen(client, await heads(client))
    assert [(each["outcome"], each["behind"]) for each in seen.values()] == [("applies", 1)]
    assert await pool.fetchrow(sql) == before
    await redrive_all(pool, list(seen))
    assert await pool.fetchrow(sql) != before  # in earnest, each of these tells


async def test_preflight_shows_that_a_bug_is_fixed(client: httpx.AsyncClient, pool: Pool) -> None:
    await park(pool, stopped(a_record(Counted(counter_id="a", poison=True))))
    ids = await heads(client)
    assert [each["outcome"] for each in (await foreseen(client, ids)).values()] == ["fails"]
    toy.bug["fixed"] = True
    assert [each["outcome"] for each in (await foreseen(client, ids)).values()] == ["applies"]


async def test_preflight_waits_for_no_lock(client: httpx.AsyncClient, pool: Pool) -> None:
    await park(pool, *(stopped(a_record(Counted(counter_id=key))) for key in ("held", "free")))
    await pool.execute("INSERT INTO counter (counter_id, total, places) VALUES ('held', 1, '{0}')")
    async with in_transaction(pool) as tx:
        await tx.execute("SELECT FROM counter WHERE counter_id = 'held' FOR UPDATE")
        seen = await foreseen(client, await heads(client))
    assert [each["outcome"] for each in seen.values()] == ["busy", "applies"]


async def test_a_record_that_was_settled_meanwhile_is_named(client: httpx.AsyncClient) -> None:
    assert [each["outcome"] for each in (await foreseen(client, [17])).values()] == ["not_parked"]


async def test_who_may_only_look_gets_no_preflight(pool: Pool) -> None:
    async with http_client(toy.service, pool, a_viewer()) as looking:
        assert (await looking.post("/operations/parked/preflight", json={"ids": [1]})).status_code == 403


async def test_records_with_one_cause_are_one_group(client: httpx.AsyncClient, pool: Pool) -> None:
    def a_note(key: str, merchant: str, error: str) -> ParkCandidate:
        value = f'{{"counter_id": "{key}", "merchant_id": "{merchant}"}}'.encode()
        return stopped(a_record(Counted(counter_id=key))._replace(value=value), error=error)

    await park(
        pool,
        a_note("a", "watsons", "KeyError 'order-17' at handlers.py:88"),
        a_note("b", "watsons", "KeyError 'order-18' at handlers.py:88"),
        stopped(a_record(Counted(counter_id="b")), "waiting"),
        a_note("c", "watsons", "TypeError at handlers.py:88"),
        a_note("d", "mannings", "KeyError 'order-17' at handlers.py:88"),
    )
    groups = (await client.get("/operations/parked/groups")).json()
    found = [(each["cause"], each["merchant_id"], each["records"], each["waiting"]) for each in groups]
    assert found == [
        ("KeyError … at handlers.py:…", "watsons", 2, 1),
        ("TypeError at handlers.py:…", "watsons", 1, 0),
        ("KeyError … at handlers.py:…", "mannings", 1, 0),
    ]
    assert groups[0]["type"] == Counted.type
    answer = await client.get("/operations/parked", params={"group": groups[0]["group"]})
    assert [row["key"] for row in answer.json()] == ["a", "b"]
    assert answer.headers["lutong-total"] == "2"


async def test_a_group_is_made_of_whatever_was_parked(client: httpx.AsyncClient, pool: Pool) -> None:
    odd = a_record(Counted(counter_id="a"))
    await park(
        pool,
        stopped(odd._replace(value=None, headers=[])),
        stopped(odd._replace(key="b", value=b"\xff\x00\\", headers=[("ce_type", b'a"\\\xff'), ("\udcff", None)])),
    )
    groups = (await client.get("/operations/parked/groups")).json()
    assert sum(each["records"] for each in groups) == 2
    assert {each["type"] for each in groups} == {None}
