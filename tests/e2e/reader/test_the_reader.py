"""A reader in a real browser: a post, its card, home, the square, what is counted. Debian's Chromium."""

from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from lutong_local.processes import wait
from lutong_local.stack import start_service, stop_service, wait_until_ready
from tests.support.reader_page import Read, read_as, signed_in
from tests.support.web_console import CHROMIUM_ONLY

PAGES: Final = (
    "/",
    "/?order=newest",
    "/square",
    "/square?in=hottest",
    "/posts/reader-masks",
    "/posts/reader-fund",
    "/accounts/watsons",
    "/search?q=公积金",
    "/rankings",
    "/rankings?by=growth&category=food",
    "/orders",
    "/drafts",
    "/none",
)

pytestmark = CHROMIUM_ONLY


def test_a_card_shows_what_can_be_promised(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/posts/reader-masks")
    expect(page.locator(".promise").first).to_contain_text("People's Square: ")
    expect(page.locator(".promise").first).to_contain_text(" km")
    stop_service(served.stack, "inventory")  # a card is no worse for it
    try:
        page.reload()
        expect(page.locator(".promise")).to_have_count(0)
        expect(page.get_by_role("button", name="Join and order")).to_be_visible()
    finally:
        start_service(served.stack, "inventory", dies_with_parent=True)
        wait_until_ready(served.stack, ("inventory",), lambda _: None)


def test_the_timeline_shows_a_card_that_solves(page: Page) -> None:
    page.get_by_role("link", name="公积金提取").click()
    page.get_by_role("button", name="Open the mini-program").click()
    page.get_by_role("button", name="Get it done").click()
    page.wait_for_url("**/posts/reader-fund?solved=1")  # a page that is still on its way cannot be loaded again

    for _ in range(120):
        page.reload()
        if page.get_by_text("solved by 1").count() == 1:
            return
        page.wait_for_timeout(250)  # a poll of the condition above: pages take time from what is waited for
    raise AssertionError("the post does not count who solved it")


def test_cards_of_home_show_what_is_where_and_change(page: Page, served: Read) -> None:
    """A store that pauses is one row of the feed: its cards show the next one, or what there is instead, and then it again."""
    masks = page.locator("article", has_text="面膜")
    until_home_shows(page, served, masks.locator(".live"), "In stock, at a store ")
    expect(masks.locator(".promise")).to_contain_text(" km")
    paused = list[str]()
    try:
        while (shown := served.live("reader-masks"))["state"] == "live":
            paused.append(where := shown["location_id"])
            served.staff("POST", "inventory", f"/v1/locations/{where}/pause", reason="rush_hour")
            assert wait(lambda store=where: served.live("reader-masks")["location_id"] != store)  # type: ignore[misc]  # mypy cannot type a lambda's default
        until_home_shows(page, served, masks.locator(".live"), "The store near you takes no orders just now")
        expect(masks.locator(".live.degraded")).to_have_count(1)
    finally:
        for store in paused:
            served.staff("DELETE", "inventory", f"/v1/locations/{store}/pause")
    until_home_shows(page, served, masks.locator(".live"), "In stock, at a store ")


def until_home_shows(page: Page, served: Read, where: Locator, words: str) -> None:
    """Load home until it shows some words."""
    for _ in range(120):
        page.goto(served.url)
        found = where.first.inner_text() if where.count() else ""
        if words in found:
            return
        page.wait_for_timeout(250)  # a poll of the condition above
    raise AssertionError(f"{words!r} is not in {found!r}")


def test_home_states_why_and_can_be_the_newest_first(browser: Browser, served: Read) -> None:
    """Without JavaScript, too: a switch of links, and the reason below each post."""
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    try:
        page = signed_in(context, served)
        expect(page.get_by_role("link", name="What matters to you first")).to_have_attribute("aria-current", "true")
        post = page.locator("article", has_text="面膜")
        post.get_by_text("Why is this here?").click()
        expect(post.locator(".why p")).to_be_visible()
        expect(post.locator(".why meter")).to_have_count(6)
        page.get_by_role("link", name="Newest first").click()
        expect(page.get_by_role("link", name="Newest first")).to_have_attribute("aria-current", "true")
        expect(page.locator("article").first).to_be_visible()
        expect(page.locator(".why")).to_have_count(0)
    finally:
        context.close()


def test_the_square_shows_programs_by_posts(page: Page, served: Read) -> None:
    page.get_by_role("link", name="Mini-programs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mini-programs")
    expect(page.locator("article .title", has_text="公积金")).to_have_count(1)
    for name in ("Used lately", "Hottest", "For you"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("link", name=name)).to_have_attribute("aria-current", "true")
    staff = served.staff("GET", "feed", "/v1/posts/reader-masks")
    brand = {"name": "屈臣氏", "kind": "enterprise", "program_ids": [staff["card"]["program_id"]]}
    served.staff("PUT", "feed", "/v1/accounts/watsons", **brand)
    page.goto(f"{served.url}/accounts/watsons")
    expect(page.get_by_role("heading", name="Mini-programs")).to_be_visible()
    assert Axe().run(page).response["violations"] == []


def test_a_paid_place_is_labelled_and_explained(page: Page, served: Read) -> None:
    source = served.staff("PUT", "registry", "/v1/traffic-sources/qr-1", program_id="demo-watsons", kind="store_qr")
    visit = {"source": source["code"], "at": datetime.now(UTC).isoformat(), "dwell_s": 9}
    served.staff("POST", "registry", "/v1/visits/batch", visits=[visit | {"visitor_id": "v-1"}])
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    promotion = {"program_id": "demo-watsons", "placement": "home", "pv": 200, "ends_at": until}
    served.staff("PUT", "registry", "/v1/promotions/winter", **promotion)
    for number in range(3):
        served.staff("POST", "feed", "/v1/posts", author_id="zheliban", text=f"公告 {number}", card="none")
    read_as(page, "吴桐")
    page.goto(f"{served.url}/accounts/watsons")
    page.get_by_role("button", name="Stop following").click()
    expect(page.get_by_role("button", name="Follow", exact=True)).to_be_visible()
    paid = page.locator(".post", has=page.locator(".mark", has_text="Paid"))
    for _ in range(60):
        page.goto(served.url)
        if paid.count():
            break
    expect(paid.locator(".card")).to_be_visible()
    paid.locator("summary").click()
    expect(paid.locator(".why p")).to_contain_text("pays for this place")
    assert Axe().run(page).response["violations"] == []


def test_home_shows_what_a_followed_account_pushed(page: Page, served: Read) -> None:
    page.goto(served.url)
    pushed = page.get_by_role("region", name="From accounts that you follow")
    expect(pushed).to_contain_text("换季护肤周")
    expect(pushed).to_contain_text("屈臣氏 · ")
    pushed.get_by_role("link", name="换季护肤周").click()
    expect(page).to_have_url(f"{served.url}/accounts/watsons")
    page.get_by_role("button", name="Stop following").click()
    for _ in range(120):
        page.goto(served.url)
        if not pushed.count():
            break
        page.wait_for_timeout(250)  # a poll of the condition above: the registry consumes it
    expect(pushed).to_have_count(0)
    page.goto(f"{served.url}/accounts/watsons")
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.get_by_role("button", name="Stop following")).to_be_visible()


def test_what_is_opened_is_ranked(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/posts/reader-fund")
    page.get_by_role("button", name="Open the mini-program").click()
    expect(page.get_by_role("button", name="Get it done")).to_be_visible()
    for _ in range(120):
        page.goto(f"{served.url}/rankings")
        if "公积金提取" in page.locator("main").inner_text():
            break
        page.wait_for_timeout(250)  # a poll of the condition above
    ranked = page.locator("ol.list li", has_text="公积金提取")
    expect(ranked).to_contain_text("1 person")
    ranked.get_by_role("link").click()
    expect(page.locator("ol.list")).to_contain_text("公积金提取")


def test_what_is_looked_at_and_opened_is_counted_once(page: Page, served: Read) -> None:
    """The module sends what was in view; the link alone counts what is opened, also in a browser without JavaScript."""
    before = served.counts("reader-fund")
    page.goto(served.url)
    with page.expect_response("**/interactions"):
        page.locator("article", has_text="公积金").scroll_into_view_if_needed()
    page.get_by_role("link", name="公积金提取").click()
    page.wait_for_url("**/posts/reader-fund*")
    page.reload()
    page.go_back()
    for _ in range(120):
        found = served.counts("reader-fund")
        more = {kind: found[kind] - before[kind] for kind in found}
        if more["impression"] >= 1 and more["open"] == 1:
            return
        page.wait_for_timeout(250)  # a poll of the condition above
    raise AssertionError(f"counted {more}")


def test_without_javascript_what_is_opened_counts(browser: Browser, served: Read) -> None:
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    try:
        page = signed_in(context, served)
        before = served.counts("reader-masks")
        page.locator("article", has_text="面膜").locator(".card a").click()
        for _ in range(120):
            if served.counts("reader-masks")["open"] == before["open"] + 1:
                break
            page.wait_for_timeout(250)  # a poll of the condition above
        assert served.counts("reader-masks")["open"] == before["open"] + 1
        page.goto(served.url)
        page.locator("article", has_text="面膜").get_by_role("button", name="Less of this").click()
        expect(page.get_by_role("status")).to_have_text("Noted: less of this.")
    finally:
        context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_gets_no_page(served: Read, path: str) -> None:
    answer = httpx.get(served.url + path, timeout=30)
    assert answer.status_code == (404 if path == "/none" else 401)
    assert [word for word in ("林小满", "屈臣氏", "<article") if word in answer.text] == []


def test_a_form_of_another_session_changes_nothing(page: Page, served: Read) -> None:
    where = f"{served.url}/accounts/watsons/follow"
    answer = page.request.post(where, form={"csrf": "guessed", "follow": "no"})
    assert answer.status == 403
    page.goto(f"{served.url}/accounts/watsons")
    expect(page.get_by_role("button", name="Stop following")).to_be_visible()


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])  # words and colours do not meet
def test_each_page_passes_axe(context: BrowserContext, page: Page, served: Read, language: str, theme: str) -> None:
    chosen = {"lutong_language": language, "lutong_theme": theme}
    context.add_cookies([{"name": name, "value": value, "url": served.url} for name, value in chosen.items()])
    elsewhere: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(served.url) else elsewhere.append(request.url))
    wrong = []
    for path in PAGES:
        page.goto(served.url + path)
        found = Axe().run(page).response["violations"]
        wrong += [(path, violation["id"], violation["nodes"][0]["html"]) for violation in found]
    assert (wrong, elsewhere) == ([], [])
