"""`lutong demo --keep`: three things are wrong; an operator finds and mends them in a real browser, by clicks alone."""

import pytest
from playwright.sync_api import Browser, Page, expect

from lutong_console.cli.demo.faults import REJECTING_STORE, Seeded
from tests.support.web_console import CHROMIUM_ONLY, Console, is_accessible, signed_in

pytestmark = [
    pytest.mark.timeout(300),  # the first test starts a suite, and waits for what partners do to it
    *CHROMIUM_ONLY,
]


def open_largest_group(page: Page, service: str) -> None:
    """Go to the largest group of a service; types of events name services, too, so only the first column tells."""
    of_service = page.get_by_role("cell", name=service, exact=True)
    page.locator("tr[data-row]", has=of_service).first.get_by_role("link").click()


def test_the_stuck_journey_goes_on_when_what_blocks_it_is_discarded(page: Page) -> None:
    page.locator('[data-service="feed"] [data-field="parked_records"] a').click()
    open_largest_group(page, "feed")
    page.locator("tr[data-row] a").first.click()
    page.get_by_role("link", name="Whose journey waits?").click()
    why = page.get_by_role("region", name="Why it does not go on")
    expect(why).to_contain_text("ServiceDiscovered waits in feed behind record #")
    assert is_accessible(page)
    journey = page.url
    why.get_by_role("link", name="Open the record").click()
    page.get_by_label("Reason").fill("cut off on its way; the partner was told")
    page.get_by_role("button", name="Discard it").click()
    page.get_by_role("status").get_by_role("link").click()
    page.get_by_label("Reason").fill("what waited may go on")
    page.get_by_role("button", name="Handle it again").click()
    expect(page.get_by_role("status")).to_contain_text("1 record went through")
    page.goto(journey)
    expect(page.get_by_role("heading", name="It has ended")).to_be_visible()


def test_a_parked_group_is_tried_discarded_and_redriven(page: Page, seeded: Seeded) -> None:
    page.get_by_role("link", name="Parked", exact=True).click()
    open_largest_group(page, "registry")
    page.get_by_role("button", name="Preview a redrive").click()
    expect(page.get_by_role("status")).to_contain_text(f"{len(seeded.accounts)} still fail")
    assert is_accessible(page)
    page.get_by_label("Reason").fill("cut off on their way")
    page.get_by_role("button", name="that fail").click()
    expect(page.get_by_role("heading", name="All went through")).to_be_visible()
    page.get_by_role("link", name="Back to what is parked").click()
    open_largest_group(page, "registry")
    page.get_by_role("button", name="Preview a redrive").click()
    expect(page.get_by_role("status")).to_contain_text("11 will apply")
    expect(page.get_by_role("status")).not_to_contain_text("fail")  # the second that was cut off has another cause
    redrive = page.locator("form", has=page.get_by_role("button", name="Redrive 11 records"))
    redrive.get_by_label("Reason").fill("what waited may go on")
    redrive.get_by_role("button").click()
    expect(page.get_by_role("heading", name="All went through")).to_be_visible()
    assert is_accessible(page)
    page.get_by_role("link", name="Back to what is parked").click()
    open_largest_group(page, "registry")
    page.get_by_role("button", name="Preview a redrive").click()
    expect(page.get_by_role("status")).to_contain_text("1 still fails")
    page.get_by_role("region", name="Records").get_by_role("link").click()
    expect(page.get_by_role("button", name="Discard it")).to_be_visible()  # the group's page has a reason, too
    page.get_by_label("Reason").fill("cut off on its way")
    page.get_by_role("button", name="Discard it").click()
    page.get_by_role("status").get_by_role("link").click()
    page.get_by_label("Reason").fill("what waited may go on")
    page.get_by_role("button", name="Handle it again").click()
    expect(page.get_by_role("status")).to_contain_text("went through")


def test_a_store_that_declines_everything_is_given_no_orders(page: Page, seeded: Seeded) -> None:
    page.get_by_role("link", name="Stores").click()
    row = page.locator("tr[data-row]", has_text=seeded.store)
    expect(row).to_contain_text("sold out")
    row.get_by_role("link").first.click()
    page.get_by_label("Reason").fill("shelf_is_wrong")
    page.get_by_role("button", name="Give it no orders for now").click()
    expect(page.locator("dl.record")).to_contain_text("paused")
    assert is_accessible(page)
    page.get_by_role("link", name="Audit").click()
    expect(page.locator("tr[data-row]", has_text="location.pause")).to_contain_text(REJECTING_STORE)


def test_a_clerk_serves_an_order_on_a_phone(browser: Browser, console: Console) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, locale="en-GB")
    page = signed_in(context, console)
    page.goto(f"{console.url}/stores/watsons/store-nanjing-west-road")
    order = page.locator(".cards > li")
    for step, then in (("Accept", "accepted"), ("Picked", "picked"), ("Handed over", "handed over")):
        order.get_by_role("button", name=step).click()
        expect(order.locator("strong").first).to_have_text(then)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert is_accessible(page)
    order.get_by_role("button", name="Delivered").click()
    expect(page.locator("main")).to_contain_text("No order is open here.")
    context.close()


def test_the_rejected_event_is_among_the_publishers(page: Page, seeded: Seeded) -> None:
    page.get_by_role("link", name="Publishers").click()
    row = page.locator("tr[data-row]", has_text=seeded.rejected_event).first
    expect(row).to_contain_text("not_found")
    assert is_accessible(page)
