"""The whole suite, once for all end-to-end tests: four processes on a real Kafka and PostgreSQL."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario, new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.targets import Suite
from lutong_local.stack import Stack
from tests.support.command_line import Lutong
from tests.support.stacks import a_stack


@asynccontextmanager
async def walking(target: Suite) -> AsyncIterator[dict[str, Scenario]]:
    """A viewer for each road, by its letter, and z, a stranger; the world of the README around them."""
    run = new_run()
    async with target.client(20) as client:
        await build_world(client, target, run)
        letters = [road.letter for road in ROADS] + ["z"]
        yield {name: Scenario(client, target, lambda _step, _ms: None, f"{name}-{run}") for name in letters}


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("suite")
    with a_stack(directory) as running:
        yield running


@pytest.fixture
def target(stack: Stack) -> Suite:
    return Suite.of(stack)


@pytest.fixture
def lutong(stack: Stack) -> Lutong:
    """The command line, with the suite of these tests as the one that is meant."""
    return Lutong(os.environ | {"LUTONG_HOME": str(stack.directory.parent), "LUTONG_STACK": stack.directory.name})


@pytest_asyncio.fixture
async def scenarios(target: Suite) -> AsyncIterator[dict[str, Scenario]]:
    """Viewers in a world of this test's own."""
    async with walking(target) as viewers:
        yield viewers
