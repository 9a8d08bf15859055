"""The page of the feed over a suite of its own, and a reader in Debian's Chromium, on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.reader_page import Read, reading, signed_in
from tests.support.web_console import a_browser

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    with reading(tmp_path_factory.mktemp("reader")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(served: Read) -> Iterator[Browser]:
    """It is started last: beside its event loop, no other can run in this thread."""
    with a_browser() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, served: Read) -> Page:
    return signed_in(context, served)
