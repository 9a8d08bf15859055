"""Operators in a real browser: they sign in, follow a road, find what is parked and repair it. Debian's Chromium."""

import gc
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from confluent_kafka import Producer
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from lutong_console.cli.commands.console import Server
from lutong_console.targets import Suite
from lutong_console.web.access import Access
from lutong_console.web.app import create
from lutong_local.stack import Stack, down, up

CHROMIUM: Final = shutil.which("chromium")
PAGES: Final = ("/", "/pipeline/feed", "/journeys", "/parked", "/tail", "/audit", "/catalogue", "/nothing")
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

expect.set_options(timeout=30_000)  # a condition has as long as those of other tests

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: apt-get install chromium"),
    # A browser keeps connections open that the server's event loop leaves behind when its thread ends.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Console:
    """A console that serves one stack from a thread."""

    def __init__(self, stack: Stack, *, may_change: bool = True) -> None:
        self.access = Access(may_change=may_change)
        self.server = Server(create(Suite.of(stack), "e2e", self.access), 0, self.access, as_json=True)
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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A suite of its own: what is parked here would be found by the verifier of others."""
    running = up(tmp_path_factory.mktemp("console"), lambda _: None, dies_with_parent=True)
    yield running
    down(running, lambda _: None, purge=True)


@pytest.fixture(scope="module")
def console(stack: Stack) -> Iterator[Console]:
    running = Console(stack).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(console: Console) -> Iterator[Browser]:
    """It is started last: beside its event loop, no other can run in this thread."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield made
    made.close()


def signed_in(context: BrowserContext, console: Console) -> Page:
    page = context.new_page()
    page.goto(f"{console.url}/sign-in?ticket={console.access.issue()}")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipeline")
    return page


@pytest.fixture
def page(context: BrowserContext, console: Console) -> Page:
    return signed_in(context, console)


def test_each_service_has_a_strip_that_is_live(page: Page) -> None:
    expect(page.locator("#strips tbody tr")).to_have_count(4)
    expect(page.locator('[data-service="feed"] .verdict')).to_contain_text("OK")


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/nothing"])
def test_a_stranger_gets_no_page_and_no_data(console: Console, path: str) -> None:
    page, data = httpx.get(console.url + path), httpx.get(f"{console.url}{path}?format=json")
    assert (page.status_code, data.status_code) == (401, 401)
    assert "<table" not in page.text
    assert data.json() == {"message": "sign in first", "then": "lutong console"}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_page_passes_axe(context: BrowserContext, page: Page, console: Console, language: str, theme: str) -> None:
    chosen = {"lutong_language": language, "lutong_theme": theme}
    context.add_cookies([{"name": name, "value": value, "url": console.url} for name, value in chosen.items()])
    found = {}
    for path in PAGES:
        page.goto(console.url + path)
        found[path] = [each["id"] for each in Axe().run(page).response["violations"]]
    assert found == {path: [] for path in PAGES}


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('main').innerHTML = '<img src=/static/icon.svg>'")
    assert "image-alt" in [each["id"] for each in Axe().run(page).response["violations"]]


def test_no_page_asks_another_host(context: BrowserContext, page: Page, console: Console) -> None:
    asked: set[str] = set()
    context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    for path in PAGES:
        page.goto(console.url + path)
    assert asked == {urlsplit(console.url).netloc}


def test_each_link_leads_to_a_page(page: Page, console: Console) -> None:
    waiting, seen = ["/"], set()
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith("/catalogue/"):
            continue
        seen.add(path)
        answer = page.goto(console.url + path)
        assert answer
        assert answer.ok, path
        waiting += page.eval_on_selector_all("a[href^='/']", "links => links.map(link => link.getAttribute('href'))")
    assert len(seen) >= len(PAGES) - 1


def test_each_page_is_also_json(page: Page, console: Console) -> None:
    for path in PAGES:
        answer = page.request.get(f"{console.url}{path}?format=json")
        assert answer.headers["content-type"] == "application/json", path
        assert answer.json()


def test_pages_work_without_javascript(browser: Browser, console: Console) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = signed_in(context, console)
    for path in ("/tail", "/parked", "/catalogue"):
        page.goto(console.url + path)
        expect(page.locator("main")).not_to_be_empty()
    context.close()


def test_eight_tabs_stay_alive(context: BrowserContext, page: Page, console: Console) -> None:
    tabs = [page, *(context.new_page() for _ in range(7))]
    for tab in tabs:
        tab.goto(f"{console.url}/tail")
    for tab in tabs:
        tab.goto(console.url)
        expect(tab.locator("#strips tbody tr")).to_have_count(4)


def test_the_language_is_switched_by_one_button(page: Page) -> None:
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("管道")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipeline")


def test_keys_lead_to_pages_and_rows(page: Page) -> None:
    page.wait_for_load_state()  # scripts of a page run before it is loaded
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Catalogue")
    page.wait_for_load_state()
    page.keyboard.press("j")
    expect(page.locator("tr.chosen")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.fixture
def parked_key(stack: Stack) -> str:
    """The key of a record that nobody understands, on a topic that the registry consumes."""
    key = f"post-{time.time_ns()}"
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})  # no event loop: the browser's is running
    headers: dict[str, str | bytes | None] = {"content-type": "application/json", "ce_specversion": "1.0", "ce_id": key}
    producer.produce("lutong.feed.posts", b"{nonsense", key=key.encode(), headers=headers)
    assert producer.flush(20) == 0
    return key


def wait_for_group(page: Page, console: Console) -> None:
    """Load the page again until a group is there."""
    for _ in range(60):
        page.goto(f"{console.url}/parked")
        if page.locator("tr[data-row]").count():
            return
        page.wait_for_timeout(250)  # a poll of the condition above
    raise AssertionError("nothing was parked")


@pytest.mark.usefixtures("parked_key")
def test_an_operator_finds_and_discards_what_is_parked(page: Page, console: Console) -> None:
    wait_for_group(page, console)
    while page.locator("tr[data-row]").count():
        page.locator("tr[data-row] a").first.click()
        page.get_by_label("Reason").fill("nobody published this")
        page.get_by_role("button", name="Discard it").click()
        expect(page.get_by_role("status")).to_contain_text("discard")
        page.goto(f"{console.url}/parked")
    expect(page.locator("main")).to_contain_text("Nothing is parked.")
    page.goto(f"{console.url}/audit")
    expect(page.locator("tr[data-row]").first).to_contain_text("parked.discard")


@pytest.mark.usefixtures("parked_key")
def test_who_may_only_look_has_no_button_and_no_way(context: BrowserContext, stack: Stack) -> None:
    reading = Console(stack, may_change=False).start()
    try:
        page = signed_in(context, reading)
        wait_for_group(page, reading)
        page.locator("tr[data-row] a").first.click()
        expect(page.get_by_role("button", name="Discard it")).to_have_count(0)
        session = reading.access.session(context.cookies()[0]["value"])
        assert session
        answer = page.request.post(f"{page.url}/discard", form={"csrf": session.csrf, "reason": "by hand"})
        assert answer.status == 403
    finally:
        reading.stop()


def test_a_forged_form_changes_nothing(page: Page, console: Console) -> None:
    answer = page.request.post(f"{console.url}/parked/feed/1/discard", form={"csrf": "forged", "reason": "because"})
    assert answer.status == 403


def test_a_filter_that_does_not_parse_shows_where(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/tail?filter=merchnt:watsons")
    expect(page.get_by_role("alert")).to_contain_text("column 1: there is no field 'merchnt'")
    expect(page.get_by_label("Filter")).to_have_value("merchnt:watsons")
