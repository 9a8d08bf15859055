"""Each alert fires on a running suite, and what its runbook tells an operator to type leads to the cause."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from subprocess import CompletedProcess
from typing import Any, Final

import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.targets import Suite
from lutong_local.stack import Stack
from tests.e2e.conftest import walking
from tests.runbooks import faults
from tests.runbooks.cases import ENDED, IN_CONTAINERS, KAFKA_AWAY, LATE, NOT_LET_IN, TOGETHER, Case
from tests.runbooks.scraping import Prometheus
from tests.support.alerts import ALERTS
from tests.support.command_line import Lutong
from tests.support.harness import until
from tests.support.stacks import a_stack
from tests.support.troubles import frozen
from tests.support.web_console import Console

pytestmark = [
    pytest.mark.timeout(3_000),
    # Connections of the console that its thread leaves behind.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

_WITHIN_S: Final = 1_200.0
_COMMAND_S: Final = 300.0
"""`lutong verify` waits a while for what does not settle."""
_one_at_a_time: Final = asyncio.Lock()
_NOT_HERE: Final = {
    "ConsumerStalled": "is for what nobody knows the cause of; tests/integration/chassis holds its metric",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(tmp_path_factory.mktemp("runbooks")) as running:
        yield running


@pytest.fixture(scope="module")
def console(stack: Stack) -> Iterator[Console]:
    """A console whose auditor and probe are quicker than those of a deployment."""
    running = Console(stack, probe_every_s=20)
    running.app.state.auditor.every_s = 120.0
    yield running.start()
    running.stop()


@pytest.fixture(scope="module")
def lutong(stack: Stack) -> Lutong:
    return Lutong(
        os.environ
        | {"LUTONG_HOME": str(stack.directory.parent), "LUTONG_STACK": stack.directory.name, "COLUMNS": "400"}
    )


async def _all_lead(cases: Sequence[Case], prometheus: Prometheus, lutong: Lutong) -> None:
    async def fires(case: Case) -> bool:
        return case.service in prometheus.firing.get(case.alert, ())

    async def typed(*arguments: str) -> CompletedProcess[str]:
        async with _one_at_a_time:
            return await asyncio.to_thread(lutong, *arguments, timeout_s=_COMMAND_S)

    async with asyncio.TaskGroup() as group:
        for case in cases:
            group.create_task(case.leads(partial(fires, case), typed, _WITHIN_S))


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_every_alert_has_a_case_or_a_reason() -> None:
    cases = {case.alert for case in (*TOGETHER, *KAFKA_AWAY, *LATE, *ENDED, *IN_CONTAINERS, NOT_LET_IN)}
    assert cases | _NOT_HERE.keys() == ALERTS.keys()
    assert not cases & _NOT_HERE.keys()


async def test_each_alert_fires_and_its_runbook_leads_to_the_cause(
    stack: Stack, console: Console, lutong: Lutong
) -> None:
    suite = Suite.of(stack)
    async with walking(suite) as people:
        await ROADS[1].walk(people["b"])
    prometheus = Prometheus(suite, console.url)
    async with _meanwhile(prometheus.run()):
        await until(partial(_scraped, prometheus, 2), "each service was scraped", deadline_s=180)
        await until(partial(_works, console), "the probe came through, and the auditor has looked", deadline_s=300)
        assert not any(prometheus.firing.values())  # the control: nothing fires on a suite that is well
        async with AsyncExitStack() as troubled:
            await faults.park(suite, stack)
            await faults.misplace(suite)
            await troubled.enter_async_context(faults.drifting(stack))
            await troubled.enter_async_context(faults.refused_by_the_database(stack, suite))
            await troubled.enter_async_context(faults.deadline_out_of_reach(stack, "inventory"))
            await troubled.enter_async_context(faults.deadline_refused(stack, "membership"))
            await troubled.enter_async_context(faults.dead_rows(stack, "inventory"))
            await troubled.enter_async_context(faults.table_locked(stack, "feed", "outbox"))
            await faults.publish_elsewhere(suite)
            await troubled.enter_async_context(_meanwhile(faults.publications(suite)))
            await troubled.enter_async_context(_meanwhile(faults.join_and_leave(suite, "lutong-inventory", 30)))
            await _all_lead(TOGETHER, prometheus, lutong)
        with frozen(stack, "kafka"):
            faults.long_unchecked(console.app.state.auditor)
            await faults.publish(suite, 150)
            await _all_lead(KAFKA_AWAY, prometheus, lutong)
        await _all_lead(LATE, prometheus, lutong)
        async with faults.killed(stack, "feed"):
            await _all_lead(ENDED, prometheus, lutong)


async def _works(console: Console) -> bool:
    return bool(console.app.state.prober.succeeded_at and console.app.state.auditor.last)


async def _scraped(prometheus: Prometheus, times: int) -> bool:
    return prometheus.scrapes >= times
