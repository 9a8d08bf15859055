"""What an operator at a terminal sees: what does not move, what was set aside, what does not answer; and how to go on."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from lutong_chassis.testing import url_of
from lutong_console.targets import Suite
from lutong_contracts.feed import PostPublished
from lutong_contracts.topics import POSTS
from lutong_local.stack import Stack, load, start_service, stop_service, wait_until_ready
from tests.support.command_line import Lutong
from tests.support.harness import RawRecord, a_record, feed, until
from tests.support.troubles import failing_for, frozen


async def run(lutong: Lutong, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(lutong, *arguments)


STUCK_AFTER_S = 3


@pytest.fixture
def impatient_registry(stack: Stack) -> Iterator[None]:
    """The registry, started again so that it reports a batch as stuck after seconds, not a minute."""
    _start_again(stack, {"LUTONG_STUCK_TIMEOUT_S": str(STUCK_AFTER_S)})
    try:
        yield
    finally:
        _start_again(stack, {})


def _start_again(stack: Stack, environment: dict[str, str]) -> None:
    stop_service(stack, "registry")
    start_service(stack, "registry", environment, dies_with_parent=True)
    wait_until_ready(stack, ("registry",), lambda _: None)


def a_post(post_id: str) -> RawRecord:
    return a_record(PostPublished(post_id=post_id, author_id="partner", text="tea"))


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("impatient_registry")
async def test_a_batch_that_cannot_move_is_named_skipped_and_gone(lutong: Lutong, stack: Stack, target: Suite) -> None:
    stuck, behind = f"stuck-{uuid7().hex[-8:]}", f"behind-{uuid7().hex[-8:]}"
    async with failing_for(stack, stuck):
        await feed(target.kafka.bootstrap, POSTS.name, [a_post(stuck), a_post(behind)])

        async def lasts() -> bool:
            rows = await stuck_rows(target)
            # What was polled with it has gone on, but for the feed's answer to it, which has its key and may be there already.
            alone = [row["guilty"] is not None for row in rows] == [True]
            began = [datetime.fromisoformat(row["since"]) for row in rows]
            return alone and datetime.now(UTC) - min(began) > timedelta(seconds=STUCK_AFTER_S)

        await until(lasts, "the registry tries it alone, for longer than that", deadline_s=60)
        findings = json.loads((await run(lutong, "doctor", "--json")).stdout)
        (finding,) = [each for each in findings if "registry tries the same batch for" in each["what"]]
        assert "DeadlockDetectedError 40P01" in finding["what"]
        pieces = json.loads((await run(lutong, "status", "--json")).stdout)
        (piece,) = [piece for piece in pieces if piece["piece"] == "registry"]
        assert (piece["state"], "DeadlockDetectedError" in piece["wrong"]) == ("stuck", True)
        place = finding["what"].rpartition(", ")[2]
        topic, partition, offset = place.replace("@", "/").split("/")
        assert f"lutong parked skip {topic} {partition} {offset} --service registry" in finding["then"]

        wrong = await run(lutong, "parked", "skip", topic, partition, str(int(offset) + 999), "--reason", "a typo")
        assert (wrong.returncode, f"it tries {place}" in wrong.stderr) == (1, True)
        done = await run(lutong, "parked", "skip", topic, partition, offset, "--reason", "its post deadlocks")
        assert (done.returncode, done.stdout.split()[0]) == (0, "registry"), done.stderr

        async def went_on() -> bool:
            return await stuck_rows(target) == []

        await until(went_on, "nothing is tried again any more", deadline_s=60)


async def stuck_rows(target: Suite) -> list[dict[str, Any]]:
    async with target.client(20) as client:
        rows: list[dict[str, Any]] = (await client.get(f"{target.urls['registry']}/operations/consumer")).json()[
            "stuck"
        ]
        return rows


async def parked_posts(target: Suite, count: int) -> str:
    """So many bad records of as many keys, parked by the registry; gives what their keys begin with."""
    prefix = f"bad-{uuid7().hex[-8:]}"
    records = [a_post(f"{prefix}-{n}")._replace(value=b"call 13800138000") for n in range(count)]
    await feed(target.kafka.bootstrap, POSTS.name, records)

    async def parked() -> bool:
        async with target.client(20) as client:
            answer = await client.get(f"{target.urls['registry']}/operations/parked")
            return int(answer.headers["lutong-total"]) == count

    await until(parked, f"{count} are parked", deadline_s=60)
    return prefix


@pytest.mark.timeout(300)
async def test_what_was_set_aside_is_listed_counted_shown_and_revealed(
    lutong: Lutong, stack: Stack, target: Suite
) -> None:
    prefix = await parked_posts(target, 130)
    listed = await run(lutong, "parked", "list", "--service", "registry", "--reason", "bad_bytes")
    assert "registry: 100 of 130; --all lists all" in listed.stderr
    assert listed.returncode == 1
    row = json.loads((await run(lutong, "parked", "list", "--service", "registry", "--json")).stdout)[0]
    assert (row["service"], row["source"], row["type"], row["topic"], row["reason"]) == (
        "registry", "/test", PostPublished.type, POSTS.name, "bad_bytes",
    )  # fmt: skip
    assert row["key"].startswith(prefix)
    assert row["offset"] >= 0
    doctor = await run(lutong, "doctor")
    assert "registry: 130 records are parked" in doctor.stdout

    shown = await run(lutong, "parked", "show", "registry", str(row["id"]))
    assert "13800138000" not in shown.stdout
    assert "ce_source" in shown.stdout
    usage = await run(lutong, "parked", "show", "registry", str(row["id"]), "--reveal")
    assert (usage.returncode, "--reason" in usage.stderr) == (2, True)
    revealed = await run(
        lutong, "parked", "show", "registry", str(row["id"]), "--reveal", "--reason", "to tell the partner"
    )
    assert "call 13800138000" in revealed.stdout
    unknown = await run(lutong, "parked", "show", "registry", "999999")
    assert unknown.returncode == 1
    connection = await asyncpg.connect(url_of(stack.admin_url, "registry"))
    try:
        audit = await connection.fetch("SELECT subject, reason FROM audit WHERE action = 'parked.reveal'")
    finally:
        await connection.close()
    assert [tuple(each) for each in audit] == [(f"parked:{row['id']}", "to tell the partner")]

    with frozen(stack, "membership"):
        some = await run(lutong, "parked", "list", "--json")
        assert (some.returncode, "membership: " in some.stderr) == (3, True)
        first = next(each for each in json.loads(some.stdout) if each["service"] == "registry")
        assert first["id"] == row["id"]

    async with target.client(20) as client:
        for each in json.loads((await run(lutong, "parked", "list", "--all", "--json")).stdout):
            url = f"{target.urls[each['service']]}/operations/parked/{each['id']}/discard"
            await client.post(url, json={"reason": "of a test"})
    assert (await run(lutong, "parked", "list")).returncode == 0


@pytest.mark.parametrize(("piece", "wrong"), [("kafka", "does not answer"), ("postgres", "does not answer")])
async def test_status_asks_and_does_not_look_at_ports(lutong: Lutong, stack: Stack, piece: str, wrong: str) -> None:
    with frozen(stack, piece):
        done = await run(lutong, "status", "--json")
    pieces = {each["piece"]: each for each in json.loads(done.stdout)}
    assert (done.returncode, pieces[piece]["state"]) == (1, "not ready")
    assert wrong in pieces[piece]["wrong"]

    async def well_again() -> bool:
        return (await run(lutong, "status", "--json")).returncode == 0

    await until(well_again, "everything is well again", deadline_s=60)


async def test_one_service_is_restarted_and_the_others_go_on(lutong: Lutong, stack: Stack) -> None:
    def pids() -> dict[str, int]:
        return {piece["piece"]: piece["pid"] for piece in json.loads(lutong("status", "--json").stdout)}

    before = await asyncio.to_thread(pids)
    done = await run(lutong, "restart", "inventory", "--json")
    if (changed := load(stack.directory)) is not None:  # the fixture that stops this stack must know the new process
        stack.children["inventory"] = changed.children["inventory"]
    assert (done.returncode, json.loads(done.stdout)["restarted"]) == (0, "inventory"), done.stderr
    after = await asyncio.to_thread(pids)
    assert {piece for piece in after if after[piece] != before[piece]} == {"inventory"}
    assert (await run(lutong, "restart", "kafka")).returncode == 2
