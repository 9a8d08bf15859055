"""A database of a publisher's own."""

from collections.abc import AsyncIterator

import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_chassis.testing import create_database, drop_database
from tests.conftest import Infrastructure


@pytest_asyncio.fixture
async def database_url(infrastructure: Infrastructure) -> AsyncIterator[str]:
    name = f"cms_{uuid7().hex[-12:]}"
    yield await create_database(infrastructure.admin_url, name)
    await drop_database(infrastructure.admin_url, name)
