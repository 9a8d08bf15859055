"""What tests of membership share: the service, its settings, and two shops."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Service, settings
from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_membership import app
from lutong_membership.handlers import handlers
from tests.integration.membership.story import OBLIGED, a_member, a_shop
from tests.integration.membership.stub import Provider, running
from tests.support.builders import fulfilled

Choose = Callable[..., None]


@pytest.fixture
def service() -> Service:
    return app.service


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Choose]:
    """Set LUTONG_* variables by the rest of their names; settings are read anew, and again after the test."""

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"LUTONG_{name}", value)
        settings._chosen.cache_clear()

    yield set_variables
    settings._chosen.cache_clear()


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A plan that asks for three orders in thirty days and gives a tenth off; m-1 may join."""
    async with http_client(app.service, pool) as client:
        await a_shop(client, **OBLIGED)
        yield client


@pytest_asyncio.fixture
async def owing(pool: Pool, choose: Choose) -> AsyncIterator[httpx.AsyncClient]:
    """A shop, and m-1, who has goods for 177.00 and owes them; yen have a threshold of 2,000, roubles none."""
    choose(FOUR_EYES_ABOVE="CNY=10000,JPY=2000,KWD=4000")
    async with http_client(app.service, pool) as client:
        await a_shop(client)
        await a_member(pool, order="o-1", amount_minor=17_700)
        await deliver(pool, handlers, fulfilled("o-1", 17_700))
        yield client


@pytest.fixture(scope="module")
def stub_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("credit")) as url:
        yield url


@pytest_asyncio.fixture
async def provider(stub_url: str) -> AsyncIterator[Provider]:
    async with httpx.AsyncClient(trust_env=False) as client:
        stub = Provider(stub_url, client)
        await stub.forgets()
        yield stub
