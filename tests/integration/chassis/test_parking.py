"""Poison: kept with its reason, its key waits, everything else flows, redrive drains in order."""

import re
from pathlib import Path

import pytest

from tests.conftest import Infrastructure
from tests.integration.chassis.toy import SLOW_PLACE, Counted, Ignored
from tests.support.harness import RawRecord, Toy, a_record, a_toy, feed, until


async def poisoned(key: str, kind: str) -> RawRecord:
    _, value, headers = a_record(Counted(counter_id=key))
    vectors = {
        "bad_bytes": RawRecord(key, b"\xff\xfe not json", headers),
        "bad_header": RawRecord(key, value, [(n, b"\xff\xfe" if n == "ce_id" else v) for n, v in headers]),
        "unknown_type": RawRecord(
            key, value, [(n, b"com.example.never-heard-of.v1" if n == "ce_type" else v) for n, v in headers]
        ),
        "invalid": RawRecord(key, b'{"counter_id": "' + key.encode() + b'", "place": "everywhere"}', headers),
        "too_large": RawRecord(key, b'{"padding": "' + b"x" * 1_100_000 + b'"}', headers),
    }
    return vectors[kind]


@pytest.mark.parametrize("kind", ["bad_bytes", "bad_header", "unknown_type", "invalid"])
async def test_a_bad_record_is_parked_and_only_its_key_waits(
    kind: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        records = [a_record(Counted(counter_id="other", place=n)) for n in range(5)]
        await feed(
            toy.bootstrap,
            toy.consumed,
            [records[0], await poisoned("bad", kind), a_record(Counted(counter_id="bad", place=1)), *records[1:]],
        )

        async def others_flow() -> bool:
            return await toy.totals() == {"other": 5}

        await until(others_flow, "the other key is counted")

        async def key_waits() -> bool:
            return await toy.parked() == [("parked", kind, "bad"), ("waiting", "key_blocked", "bad")]

        await until(key_waits, "the bad record is parked and its successor waits")


async def test_discarding_a_bad_record_lets_its_successors_be_redriven_in_order(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        successors = [a_record(Counted(counter_id="bad", place=n)) for n in range(4)]
        await feed(toy.bootstrap, toy.consumed, [await poisoned("bad", "bad_bytes"), *successors])
        await all_wait(toy, 5)

        head = (await toy.rows("SELECT id FROM parked WHERE state = 'parked'"))[0]["id"]
        answer = await toy.post(f"/operations/parked/{head}/discard", reason="garbage")
        next_head = answer.json()["next_parked"]
        answer = await toy.post(f"/operations/parked/{next_head}/redrive", reason="what waited")

        assert answer.json() == {"redriven": 4, "next_parked": None}
        assert (await toy.rows("SELECT places FROM counter"))[0]["places"] == [0, 1, 2, 3]
        audit = await toy.rows("SELECT actor, action FROM audit ORDER BY id")
        assert [tuple(row) for row in audit] == [("olga", "parked.discard")] + [("olga", "parked.redrive")] * 4


async def test_a_handler_bug_parks_the_guilty_event_and_redrive_drains_in_order(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        poison = [a_record(Counted(counter_id="bad", place=n, poison=n == 2)) for n in range(6)]
        good = [a_record(Counted(counter_id=f"good-{n}", place=n)) for n in range(40)]
        await feed(toy.bootstrap, toy.consumed, [*good[:20], *poison, *good[20:]])
        await all_wait(toy, 4)

        async def others_flow() -> bool:
            return await toy.totals() == {"bad": 2} | {f"good-{n}": 1 for n in range(40)}

        await until(others_flow, "everything but the blocked key is counted")
        head = (await toy.rows("SELECT id, error FROM parked WHERE state = 'parked'"))[0]
        assert re.fullmatch(r"BuggyError at toy\.py:\d+", head["error"])

        refused = await toy.post(f"/operations/parked/{head['id']}/redrive", reason="hoping")
        assert refused.status_code == 409
        assert (await toy.parked())[0][0] == "parked"

        await toy.post("/v1/cure")
        answer = await toy.post(f"/operations/parked/{head['id']}/redrive", reason="fixed in 1.2")
        assert answer.json() == {"redriven": 4, "next_parked": None}
        assert (await toy.rows("SELECT places FROM counter WHERE counter_id = 'bad'"))[0]["places"] == [
            0,
            1,
            2,
            3,
            4,
            5,
        ]
        again = await toy.post(f"/operations/parked/{head['id']}/redrive", reason="double click")
        assert again.status_code == 404

        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="bad", place=6))])

        async def flows_again() -> bool:
            return (await toy.totals())["bad"] == 7

        await until(flows_again, "the key flows again")


async def test_the_error_of_a_parked_record_never_quotes_the_event(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        value = b'{"counter_id": "canary", "place": "call 13800138000"}'
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="canary"))._replace(value=value)])
        await all_wait(toy, 1)

        row = (await toy.rows("SELECT reason, error FROM parked"))[0]
        assert "13800138000" not in row["error"] + row["reason"] + toy.log.read_text()
        assert row["error"] == "place must be a whole number, not text"


async def all_wait(toy: Toy, count: int) -> None:
    """Wait until `count` records are parked or waiting."""

    async def parked() -> bool:
        return len(await toy.parked()) == count

    await until(parked, f"{count} records are parked or waiting")


async def test_events_that_nobody_handles_are_passed_over_also_behind_a_parked_record(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        ignored, good = a_record(Ignored(counter_id="bad")), a_record(Counted(counter_id="bad", place=1))
        await feed(toy.bootstrap, toy.consumed, [await poisoned("bad", "bad_bytes"), ignored, good])
        await all_wait(toy, 2)
        assert await toy.parked() == [("parked", "bad_bytes", "bad"), ("waiting", "key_blocked", "bad")]


async def test_an_event_that_always_takes_too_long_is_parked_and_others_flow(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STATEMENT_TIMEOUT_S="1", LUTONG_RETRY_DELAY_MAX_S="0.1")
        slow = a_record(Counted(counter_id="slow", place=SLOW_PLACE))
        good = [a_record(Counted(counter_id=f"good-{n}")) for n in range(3)]
        await feed(toy.bootstrap, toy.consumed, [good[0], slow, *good[1:]])

        async def others_flow() -> bool:
            return await toy.totals() == {f"good-{n}": 1 for n in range(3)}

        async def slow_is_parked() -> bool:
            return await toy.parked() == [("parked", "handler_error", "slow")]

        await until(others_flow, "everything but the slow event is counted")
        await until(slow_is_parked, "the slow event is parked")


async def test_an_event_that_waits_for_a_lock_is_never_parked(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """However often: it is not the event that is too much, unlike the slow one above."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STATEMENT_TIMEOUT_S="1", LUTONG_RETRY_DELAY_MAX_S="0.1")
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])
        await until(lambda: counted(toy, 1), "the counter is there")
        async with toy.pool.acquire() as session, session.transaction():
            await session.execute("SELECT FROM counter FOR UPDATE")
            await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])
            await until(
                lambda: toy.rows("SELECT FROM retrying"), "it was tried more often than what is too much may be"
            )
            assert await toy.parked() == []
        await until(lambda: counted(toy, 2), "it is counted once the lock is gone")


async def counted(toy: Toy, times: int) -> bool:
    return await toy.totals() == {"a": times}
