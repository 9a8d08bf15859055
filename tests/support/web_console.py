"""The web console of a stack, served from a thread, and a browser that asks nobody else."""

import gc
import shutil
import threading
from typing import Final

from playwright.sync_api import BrowserContext, Page, expect

from lutong_console.cli.commands.console import Server
from lutong_console.targets import Suite
from lutong_console.web.access import Access
from lutong_console.web.app import create
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
"""So that the browser asks nobody but the console."""


class Console:
    """A console that serves one stack from a thread."""

    def __init__(self, stack: Stack, *, may_change: bool = True, name: str = "e2e") -> None:
        self.access = Access(may_change=may_change)
        self.server = Server(create(Suite.of(stack), name, self.access), 0, self.access, as_json=True)
        self.thread = threading.Thread(target=self.server.run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def start(self) -> "Console":
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            threading.Event().wait(0.05)  # a poll of the condition in this loop
        assert self.server.started
        return self

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        gc.collect()  # what it leaves behind is warned of here, not in another file's test


def signed_in(context: BrowserContext, console: Console) -> Page:
    page = context.new_page()
    page.goto(f"{console.url}/sign-in?ticket={console.access.issue()}")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipeline")
    return page
