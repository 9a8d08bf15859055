"""The whole suite behind one PgBouncer in transaction mode: a road from an order to its money, and what is left of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario, new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_local.ports import free_port
from lutong_local.stack import Stack, down, up
from tests.support.harness import until
from tests.support.looks import collect, evaluate
from tests.support.pgbouncer import PgBouncer, needs_pgbouncer, pgbouncer


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Four services that know PostgreSQL by a pooler, which has three sessions for each of them."""
    needs_pgbouncer()
    started: list[PgBouncer] = []
    with ExitStack() as opened:

        def behind(stack: Stack, service: str) -> dict[str, str]:
            if not started:
                urls = stack.database_urls.values()
                started.append(opened.enter_context(pgbouncer(tmp_path / "pgbouncer", *urls, port=free_port())))
            url = stack.database_urls[service]
            return {"LUTONG_DATABASE_URL": started[0].through(url), "LUTONG_DATABASE_DIRECT_URL": url}

        running = up(tmp_path / "stack", lambda _: None, dies_with_parent=True, environment_of=behind)
        try:
            yield running
        finally:
            down(running, lambda _: None, purge=True)


@pytest.mark.timeout(180)
async def test_a_whole_road_behind_pgbouncer_breaks_nothing(stack: Stack) -> None:
    target = Suite.of(stack)
    async with target.client(20) as client:
        code = new_run()
        await build_world(client, target, code)
        road = ROADS[0]
        await road.walk(Scenario(client, target, lambda _step, _ms: None, f"{road.letter}-{code}"))

    async def is_whole() -> bool:
        return not evaluate(await collect(target, handled_types()))

    await until(is_whole, "the suite is at rest and every identity holds")
