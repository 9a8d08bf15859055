"""A suite is upgraded replica by replica while orders flow, taken back, and upgraded again: `make upgrade`."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_contracts.topics import SERVICES
from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, start, stop
from lutong_local.stack import Stack, down, prepare, start_infrastructure
from tests.chaos.world import bank, environment, is_settled
from tests.support.harness import until
from tests.support.looks import Look, collect, evaluate
from tests.upgrade.releases import BEFORE, NEW, Release, Replicas, before, replicas

ORDERS, PER_S = int(os.environ.get("ORDERS", "1200")), float(os.environ.get("PER_S", "2"))
QUIET_S = 300.0
_BUILD = """
import asyncio, sys
from pathlib import Path
from lutong_console.targets import Suite
from lutong_local.stack import load
from tests.chaos.world import build_and_wait

async def main() -> None:
    stack = load(Path(sys.argv[1]))
    async with Suite.of(stack).client(20) as client:
        print(await build_and_wait(client, stack, int(sys.argv[2])))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Release:
    found = before(tmp_path_factory.mktemp("release"))
    if found is None:
        pytest.skip(f"this checkout has no commit {BEFORE[:12]}: a shallow clone, or no repository")
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Kafka, PostgreSQL, topics and databases; no service."""
    running = Stack(tmp_path / "stack", {"bank": free_port()})
    running.directory.mkdir()
    start_infrastructure(running, lambda _: None, dies_with_parent=True)
    try:
        prepare(running, lambda _: None)
        yield running
    finally:
        down(running, lambda _: None, purge=True)


async def rows(stack: Stack, service: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.database_urls[service])
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


async def parked(stack: Stack) -> list[str]:
    """What is parked anywhere, with its reason."""
    sql = "SELECT reason, error FROM parked WHERE state IN ('parked', 'waiting')"
    return [
        f"{service}: {row['reason']}: {row['error']}" for service in SERVICES for row in await rows(stack, service, sql)
    ]


def load(release: Release, stack: Stack, post_id: str) -> Child:
    """Orders at a steady rate, from the release that clients have: they are upgraded last."""
    arguments = [str(stack.directory), post_id, str(ORDERS), str(PER_S), "1"]
    command = [
        sys.executable,
        "-P",
        "-m",
        "tests.chaos.load",
        *arguments,
    ]  # -P: that release's code, not that of this folder
    return start(
        Command(command, os.environ | release.environment, stack.directory / "load.log", dies_with_parent=True)
    )


def accepted(stack: Stack) -> list[dict[str, str]]:
    """What clients were told yes to."""
    return [json.loads(line) for line in (stack.directory / "history.ndjson").read_text().splitlines()]


@pytest.mark.timeout(3600)
async def test_an_upgrade_replica_by_replica_and_back_loses_nothing(old: Release, stack: Stack) -> None:
    lender = bank(stack)
    try:
        with replicas(stack, lambda _service: environment(stack)) as pair:
            await _upgrade(old, stack, pair)
    finally:
        stop(lender)


async def _upgrade(old: Release, stack: Stack, pair: Replicas) -> None:
    for service in SERVICES:
        pair.start(service, 1, old)
        pair.start(service, 2, old)
    assert (await rows(stack, "feed", "SELECT to_regclass('passed_over') IS NULL AS old"))[0]["old"]
    orders = load(old, stack, old.python("-c", _BUILD, str(stack.directory), str(ORDERS)))
    try:
        for release in (NEW, old, NEW):
            placed = len(accepted(stack)) if (stack.directory / "history.ndjson").exists() else 0
            pair.move(release)
            assert len(accepted(stack)) > placed, f"no orders flowed while it became {release.name}"
            assert orders.alive, "the load ended before the upgrade did: give more ORDERS"
        assert not (await rows(stack, "feed", "SELECT to_regclass('passed_over') IS NULL AS old"))[0]["old"]
        await until(lambda: ended(orders), "the load ends", QUIET_S + ORDERS / PER_S)
    finally:
        stop(orders)
    target = Suite.of(stack)
    async with target.client(20) as client:
        await until(lambda: _is_settled(client, stack), "every order has ended", QUIET_S)
    await until(lambda: nothing_parked(stack), f"nothing stays parked: {await parked(stack)}", QUIET_S)
    violations = evaluate(await still(target), history=accepted(stack))
    assert [f"{found.identity} {found.what}: {found.witness}" for found in violations] == []
    for service, count in (("feed", "rebuild_counters()"), ("registry", "rebuild_usage()")):
        wrong = (await rows(stack, service, f"SELECT {count} AS wrong"))[0]["wrong"]
        assert wrong == 0, (
            f"{service}: {wrong} counters differ from their facts: old and new counted something twice, or never"
        )
    assert len([line for line in accepted(stack) if line["kind"] == "order"]) > ORDERS * 0.9


async def still(target: Suite) -> Look:
    """The suite, once two looks at it agree."""
    before = ""

    async def agrees() -> Look | None:
        nonlocal before
        world = await collect(target, handled_types())
        before, last = world.digest, before
        return world if before == last else None

    found: Look = await until(agrees, "nothing moves any more", QUIET_S)
    return found


async def ended(process: Child) -> bool:
    return not process.alive


async def nothing_parked(stack: Stack) -> bool:
    return not await parked(stack)


async def _is_settled(client: httpx.AsyncClient, stack: Stack) -> bool:
    return await is_settled(client, stack)
