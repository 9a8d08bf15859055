"""A migrated database per test, copied from a template that is migrated once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_chassis import Service, database
from lutong_chassis import settings as chassis_settings
from lutong_chassis.database import Pool
from lutong_chassis.testing import create_database, drop_database, migrate_database, settings_for
from tests.conftest import Infrastructure

PoolOf = Callable[[Service], Awaitable[Pool]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def templates(infrastructure: Infrastructure) -> AsyncIterator[dict[str, str]]:
    """Names of template databases by service, filled as they are needed and dropped at the end."""
    names: dict[str, str] = {}
    yield names
    for name in names.values():
        await drop_database(infrastructure.admin_url, name)


@pytest_asyncio.fixture
async def pool_of(infrastructure: Infrastructure, templates: dict[str, str]) -> AsyncIterator[PoolOf]:
    """Gives a pool on a fresh database of a service; dropped when the test ends."""
    async with AsyncExitStack() as stack:

        async def fresh(service: Service) -> Pool:
            if service.name not in templates:
                template = f"template_{service.name}_{uuid7().hex[-8:]}"
                url = await create_database(infrastructure.admin_url, template)
                await migrate_database(url, service.migrations)
                templates[service.name] = template
            name = f"test_{service.name}_{uuid7().hex[-12:]}"
            url = await create_database(infrastructure.admin_url, name, template=templates[service.name])
            stack.push_async_callback(drop_database, infrastructure.admin_url, name)
            pool = await database.connect(settings_for(url))
            stack.push_async_callback(pool.close)
            return pool

        yield fresh


@pytest_asyncio.fixture
async def pool(service: Service, pool_of: PoolOf) -> Pool:
    """A fresh database of the service that a folder is about: its conftest says which one."""
    return await pool_of(service)


@pytest.fixture
def masters(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A vault with a master key. Settings are read once, and again after `forget_settings`."""
    monkeypatch.setenv("LUTONG_VAULT_KEY", "ab" * 32)
    forget_settings()
    yield monkeypatch
    monkeypatch.undo()
    forget_settings()


def forget_settings() -> None:
    """Have the settings of this process read anew when they are asked for next."""
    chassis_settings._chosen.cache_clear()
