"""One suite with the demo's faults and a merchant of its own, a console, and a browser, for all tests of pages that need them."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import closing
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lutong_console.cli.demo.faults import Seeded, seed
from lutong_console.cli.demo.scenarios import new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.targets import Suite
from lutong_local.stack import Stack
from tests.e2e.seeded.tea_shop import TeaShop, open_tea_shop
from tests.support.stacks import a_stack
from tests.support.web_console import Console, a_browser, signed_in, signed_in_as

T = TypeVar("T")
expect.set_options(timeout=30_000)


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run it on an event loop of another thread: the browser's runs in this one."""
    done: list[T] = []
    thread = threading.Thread(target=lambda: done.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return done[0]


async def seeded_in(target: Suite) -> Seeded:
    async with target.client(30) as client:
        run = new_run()
        await build_world(client, target, run)
        return await seed(client, target, run)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(tmp_path_factory.mktemp("seeded")) as running:
        yield running


@pytest.fixture(scope="package")
def seeded(stack: Stack) -> Seeded:
    return apart(seeded_in(Suite.of(stack)))


@pytest.fixture(scope="package")
def shop(stack: Stack, seeded: Seeded) -> TeaShop:  # the demo's world is there before it
    return apart(open_tea_shop(Suite.of(stack)))


@pytest.fixture(scope="package")
def console(stack: Stack) -> Iterator[Console]:
    running = Console(stack).start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def browser(console: Console, seeded: Seeded, shop: TeaShop) -> Iterator[Browser]:  # all are started before it
    with a_browser() as running:
        yield running


def a_context(browser: Browser) -> BrowserContext:
    """A person's own cookies, on a desktop."""
    return browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with closing(a_context(browser)) as made:
        yield made


@pytest.fixture
def bench(context: BrowserContext, console: Console, shop: TeaShop) -> Page:
    """A page of the shop's owner, who is no staff of the platform."""
    signed_in_as(context, console, shop.owner)
    return context.new_page()


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """A page of an operator, who is nobody of `context`."""
    with closing(a_context(browser)) as made:
        yield signed_in(made, console)
