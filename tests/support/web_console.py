"""Pages of a stack, served from a thread, and a browser that asks nobody else."""

import gc
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from starlette.applications import Starlette

from lutong_chassis.auth import Principal
from lutong_console.cli.commands.console import Server
from lutong_console.targets import Suite
from lutong_console.web.access import Access, Session
from lutong_console.web.app import create
from lutong_console.web.pages import SESSION_COOKIE
from lutong_local.stack import Stack

CHROMIUM: Final = shutil.which("chromium")
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""So that the browser asks nobody but the pages."""


CHROMIUM_ONLY: Final = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: apt-get install chromium"),
    # A browser keeps connections open that the server's event loop leaves behind when its thread ends.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""The marks of every file of tests that needs a browser."""


class Served:
    """An application that is served from a thread."""

    def __init__(self, app: Starlette, access: Access) -> None:
        self.access = access
        self.server = Server(app, 0, access, as_json=True)
        self.thread = threading.Thread(target=self.server.run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def start(self) -> Self:
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            threading.Event().wait(0.05)  # a poll of the condition in this loop
        assert self.server.started
        return self

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        gc.collect()  # what it leaves behind is warned of here, not in another file's test


class Console(Served):
    """A console that serves one stack."""

    def __init__(self, stack: Stack, *, may_change: bool = True, name: str = "e2e", probe_every_s: float = 0) -> None:
        access = Access(may_change=may_change)
        self.target = Suite.of(stack)
        self.app = create(self.target, name, access, probe_every_s=probe_every_s)
        super().__init__(self.app, access)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A Chromium. Start it last: beside its event loop, no other can run in this thread."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield running
        running.close()


def is_accessible(page: Page) -> bool:
    """Whether axe finds nothing; what it found is in the error."""
    found = [(each["id"], each["nodes"][0]["html"]) for each in Axe().run(page).response["violations"]]
    assert found == [], (page.url, found)
    return True


def signed_in_as(context: BrowserContext, console: Console, who: Principal) -> Session:
    """Let a person of an issuer in, with the rights that it vouches for."""
    session = console.access.admit(who, console.target.acting_as(who))
    context.add_cookies([{"name": SESSION_COOKIE, "value": session.id, "url": console.url}])
    return session


def signed_in(context: BrowserContext, console: Console) -> Page:
    page = context.new_page()
    page.goto(f"{console.url}/sign-in?ticket={console.access.issue()}")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipeline")
    return page


def opened(page: Page, console: Console, path: str) -> Page:
    """A page at an address of the console, which answers."""
    answer = page.goto(console.url + path)
    assert answer
    assert answer.status == 200, (path, page.locator("main").inner_text())
    return page
