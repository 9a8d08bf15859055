"""The verifier under load: what is in flight is not a violation, what stays broken is."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_console.verify.auditor import Auditor, Checked
from lutong_console.verify.collect import Watcher
from lutong_console.verify.command import Look
from lutong_local.stack import Stack
from tests.support.command_line import Lutong
from tests.support.harness import until


async def verify_under_load(lutong: Lutong, scenario: Scenario) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the violations of a live look, while posts are published and opened all the time."""
    looking = asyncio.create_task(asyncio.to_thread(lutong, "verify", "--live", "3", "--json"))
    while not looking.done():
        await scenario.publish("watsons", "面膜，先享后付", "demo-watsons")
        for _ in range(20):
            await scenario.tap()
    done = looking.result()
    return done.returncode, json.loads(done.stdout)["violations"]


@pytest.mark.timeout(180)
async def test_a_live_look_reports_only_what_stays_broken(
    target: Suite, scenarios: dict[str, Scenario], lutong: Lutong
) -> None:
    await ROADS[1].walk(scenarios["b"])
    assert await verify_under_load(lutong, scenarios["a"]) == (0, [])

    feed = await asyncpg.connect(target.database_urls["feed"])
    try:
        order_id = await feed.fetchval("SELECT order_id FROM service_request WHERE status = 'fulfilled' LIMIT 1")
        await feed.execute("UPDATE service_request SET status = 'sourced' WHERE order_id = $1", order_id)
        code, violations = await verify_under_load(lutong, scenarios["a"])
        assert (code, [(v["identity"], v["witness"]) for v in violations]) == (1, [("V5", f"order {order_id}")])
    finally:
        await feed.execute("UPDATE service_request SET status = 'fulfilled' WHERE order_id = $1", order_id)
        await feed.close()


@pytest.mark.timeout(180)
async def test_the_auditor_reports_what_stays_broken_between_two_looks(
    target: Suite, scenarios: dict[str, Scenario]
) -> None:
    await ROADS[1].walk(scenarios["b"])
    auditor = Auditor(target)  # pauses at first: a look under way when the next is asked for would be behind the change
    auditing = asyncio.create_task(auditor.run())

    async def looked_again(before: Checked | None) -> Checked:
        auditor.look_now()
        found: Checked = await until(lambda: _other(auditor, before), "the auditor has looked again", deadline_s=60)
        return found

    feed = await asyncpg.connect(target.database_urls["feed"])
    order_id = await feed.fetchval("SELECT order_id FROM service_request WHERE status = 'fulfilled' LIMIT 1")
    try:
        first = await looked_again(None)
        await feed.execute("UPDATE service_request SET status = 'sourced' WHERE order_id = $1", order_id)
        seen = await looked_again(first)
        confirmed = await looked_again(seen)
    finally:
        await feed.execute("UPDATE service_request SET status = 'fulfilled' WHERE order_id = $1", order_id)
        await feed.close()
        auditing.cancel()
    assert (first.is_first, seen.is_first) == (True, False)
    assert ("V5" in seen.counts, confirmed.counts) == (False, {"V5": 1})
    assert [violation.witness for violation in confirmed.witnesses] == [f"order {order_id}"]


async def _other(auditor: Auditor, before: Checked | None) -> Checked | None:
    return None if auditor.last is before else auditor.last


@contextmanager
def stopped(stack: Stack, service: str) -> Iterator[int]:
    """A service that reads nothing, as one that has just started and waits for its partitions; gives its process."""
    process = stack.children[service].pid
    os.kill(process, signal.SIGSTOP)
    try:
        yield process
    finally:
        os.kill(process, signal.SIGCONT)


class Continuing(Watcher):
    """Has a process go on once the first look is judged."""

    def __init__(self, process: int) -> None:
        self.process = process

    def judge(self, identity: str) -> None:
        if identity == "V2":
            os.kill(self.process, signal.SIGCONT)


async def order(scenario: Scenario) -> None:
    """Order, and wait until credit is held: what comes next is for inventory to read."""
    order_id = await scenario.order("mask", 1)
    membership = await asyncpg.connect(scenario.target.database_urls["membership"])
    try:
        await until(
            lambda: membership.fetchval("SELECT order_id FROM hold WHERE order_id = $1", order_id), "credit is held"
        )
    finally:
        await membership.close()


async def test_what_a_service_has_not_read_yet_is_waited_for(
    stack: Stack, target: Suite, scenarios: dict[str, Scenario]
) -> None:
    await scenarios["b"].publish("watsons", "面膜，先享后付", "demo-watsons")
    with stopped(stack, "inventory") as process:
        await order(scenarios["b"])
        seen = await Look(target, [], [], Continuing(process)).until_still(60)
    assert seen.findings.total == 0


async def test_what_a_service_never_reads_is_reported_at_the_deadline(
    stack: Stack, target: Suite, scenarios: dict[str, Scenario]
) -> None:
    await scenarios["c"].publish("watsons", "面膜，先享后付", "demo-watsons")
    with stopped(stack, "inventory"):
        await order(scenarios["c"])
        seen = await Look(target, [], [], Watcher()).until_still(8)
    found = {violation.what for violation in seen.findings.witnesses if violation.identity == "V2"}
    assert found == {"inventory: neither taken in nor set aside"}
