"""The four services, each with a world of acme's and ann's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from lutong_chassis.testing import http_client
from tests.integration.conftest import PoolOf
from tests.integration.crashes.crashing_process import service_named
from tests.integration.security.matrix import SERVICES
from tests.integration.security.world import World

WorldOf = Callable[[str], Awaitable[World]]


@pytest_asyncio.fixture
async def world_of(pool_of: PoolOf, masters: pytest.MonkeyPatch) -> AsyncIterator[WorldOf]:
    """Gives the world of a service. Inventory has a master key."""
    del masters  # set

    async with AsyncExitStack() as stack:

        async def build(name: str) -> World:
            service = service_named(name)
            pool = await pool_of(service)
            admin = await stack.enter_async_context(http_client(service, pool))
            world = World(service, pool, admin)
            await SERVICES[name][0](world)
            return world

        yield build
