"""The verifier under load: what is in flight is not a violation, what stays broken is."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_console.verify.auditor import Auditor, Checked
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
