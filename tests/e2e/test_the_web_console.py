"""Operators in a real browser: they sign in, follow a road, find what is parked and repair it. Debian's Chromium."""

import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from confluent_kafka import Producer
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lutong_console.targets import Suite
from lutong_local.stack import Stack
from tests.support.stacks import a_stack
from tests.support.web_console import CHROMIUM_ONLY, Console, a_browser, signed_in

PAGES: Final = (
    "/",
    "/pipeline/feed",
    "/journeys",
    "/parked",
    "/tail",
    "/publishers",
    "/audit",
    "/catalogue",
    "/nothing",
)
expect.set_options(timeout=30_000)  # a condition has as long as those of other tests

pytestmark = CHROMIUM_ONLY


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A suite of its own: what is parked here would be found by the verifier of others."""
    with a_stack(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def console(stack: Stack) -> Iterator[Console]:
    running = Console(stack).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(console: Console) -> Iterator[Browser]:
    """It is started last: beside its event loop, no other can run in this thread."""
    with a_browser() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, console: Console) -> Page:
    return signed_in(context, console)


def test_each_service_has_a_strip_that_is_live(page: Page) -> None:
    expect(page.locator("#strips tbody tr")).to_have_count(4)
    expect(page.locator('[data-service="feed"] .verdict')).to_contain_text("OK")


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/nothing"])
def test_a_stranger_gets_no_page_and_no_data(console: Console, path: str) -> None:
    page, data = [httpx.get(f"{console.url}{path}{query}", timeout=30) for query in ("", "?format=json")]
    assert (page.status_code, data.status_code) == (401, 401)
    assert "<table" not in page.text
    assert data.json() == {"message": "sign in first", "then": "lutong console"}


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])  # words and colours do not meet
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


def poison(stack: Stack, keys: list[str]) -> None:
    """Records that nobody understands, on a topic that feed and registry consume."""
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})  # no event loop: the browser's is running
    for key in keys:
        ids: dict[str, str | bytes | None] = {"content-type": "application/json", "ce_specversion": "1.0", "ce_id": key}
        producer.produce("lutong.feed.posts", b"{nonsense", key=key.encode(), headers=ids)
    assert producer.flush(20) == 0


@pytest.fixture
def parked_keys(stack: Stack) -> list[str]:
    """The keys of three such records."""
    keys = [f"post-{time.time_ns()}-{number}" for number in range(3)]
    poison(stack, keys)
    return keys


def wait_for_groups(page: Page, console: Console, *amounts: str) -> None:
    """Load the page again until groups of so many records are there; any group, when no amounts are given."""
    for _ in range(120):
        page.goto(f"{console.url}/parked")
        records = tuple(page.locator("tr[data-row] td.amount:nth-of-type(4)").all_inner_texts())
        if records and amounts in {records, ()}:
            return
        page.wait_for_timeout(250)  # a poll of the condition above
    raise AssertionError("nothing was parked")


@pytest.mark.usefixtures("parked_keys")
def test_an_operator_tries_a_group_and_discards_it(page: Page, console: Console) -> None:
    wait_for_groups(page, console, "3", "3")  # in both services
    for _ in range(2):
        page.locator("tr[data-row] a").first.click()
        page.get_by_role("button", name="Preview a redrive").click()
        expect(page.get_by_role("status")).to_contain_text("3 still fail")
        expect(page.get_by_role("button", name="Redrive")).to_have_count(0)
        page.get_by_label("Reason").fill("nobody published this")
        page.get_by_role("button", name="Discard 3 records that fail").click()
        expect(page.get_by_role("heading", level=2).first).to_have_text("All went through")
        expect(page.locator("tr[data-row]")).to_have_count(3)
        page.get_by_role("link", name="Back to what is parked").click()
    expect(page.locator("main")).to_contain_text("Nothing is parked.")
    page.goto(f"{console.url}/audit")
    expect(page.locator("tr[data-row]").first).to_contain_text("parked.discard")


@pytest.mark.usefixtures("parked_keys")
def test_a_refused_redrive_is_shown_beside_the_record(page: Page, console: Console) -> None:
    wait_for_groups(page, console, "3", "3")  # in both services
    page.locator("tr[data-row] a").first.click()
    page.locator("tr[data-row] a").first.click()
    page.get_by_label("Reason").fill("hoping")
    page.get_by_role("button", name="Handle it again").click()
    expect(page.get_by_role("alert")).to_contain_text("It stays parked: it failed again")
    expect(page.get_by_label("Reason")).to_have_value("hoping")
    page.get_by_role("button", name="Show the content").click()
    expect(page.locator("pre")).to_contain_text("{nonsense")
    found = {path: [each["id"] for each in Axe().run(page).response["violations"]] for path in [page.url]}
    assert found == {page.url: []}


@pytest.mark.usefixtures("parked_keys")
def test_who_may_only_look_has_no_button_and_no_way(context: BrowserContext, stack: Stack) -> None:
    reading = Console(stack, may_change=False).start()
    try:
        page = signed_in(context, reading)
        wait_for_groups(page, reading)
        page.locator("tr[data-row] a").first.click()
        group = page.url
        expect(page.get_by_role("button", name="redrive")).to_have_count(0)
        page.locator("tr[data-row] a").first.click()
        expect(page.get_by_role("button", name="Discard it")).to_have_count(0)
        session = reading.access.session(context.cookies()[0]["value"])
        assert session
        for path in (f"{page.url}/discard", f"{group}/preflight", f"{group}/redrive"):
            answer = page.request.post(path, form={"csrf": session.csrf, "reason": "by hand", "ids": "1"})
            assert answer.status == 403
    finally:
        reading.stop()


def test_what_was_rejected_is_shown_with_a_way_to_try_again(page: Page, console: Console, stack: Stack) -> None:
    event = {"specversion": "1.0", "id": "cms-1", "source": "/partner/cms", "type": "lutong.feed.post-published.v1"}
    body = event | {"data": {"post_id": "cms-1", "author_id": "nobody-at-all", "text": "你好"}}
    target = Suite.of(stack)
    answer = httpx.post(f"{target.urls['feed']}/v1/events", json=body, auth=target.auth, timeout=30)
    assert answer.json()["results"][0]["status"] == "rejected"
    page.goto(f"{console.url}/publishers")
    row = page.locator("tr[data-row]").first
    expect(row).to_contain_text("not_found")
    row.get_by_text("Try it again").click()
    expect(row.locator("pre")).to_contain_text("dry_run=true")
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []


def test_a_forged_form_changes_nothing(page: Page, console: Console) -> None:
    answer = page.request.post(f"{console.url}/parked/feed/1/discard", form={"csrf": "forged", "reason": "because"})
    assert answer.status == 403


def test_a_filter_that_does_not_parse_shows_where(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/tail?filter=merchnt:watsons")
    expect(page.get_by_role("alert")).to_contain_text("column 1: there is no field 'merchnt'")
    expect(page.get_by_label("Filter")).to_have_value("merchnt:watsons")
