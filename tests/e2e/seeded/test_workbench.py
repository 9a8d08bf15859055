"""A merchant's people in a real browser: each page of the workbench does what its forms say, and shows nobody else's rows."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.seeded.tea_shop import COUNTER, PAGES, STORE, WORKBENCH, TeaShop
from tests.support.web_console import CHROMIUM_ONLY, Console, is_accessible, opened

pytestmark = [pytest.mark.timeout(300), *CHROMIUM_ONLY]


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
def test_each_page_passes_axe_and_is_also_json(
    bench: Page, console: Console, context: BrowserContext, language: str, theme: str
) -> None:
    chosen = {"lutong_language": language, "lutong_theme": theme}
    context.add_cookies([{"name": name, "value": value, "url": console.url} for name, value in chosen.items()])
    cookies = {str(each.get("name")): str(each.get("value")) for each in context.cookies()}
    for path in PAGES:
        assert is_accessible(opened(bench, console, path))
        expect(bench.locator("footer code").first).to_be_visible()  # the same in a terminal
        answer = httpx.get(console.url + path, headers={"accept": "application/json"}, cookies=cookies, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), path


def test_each_link_of_the_workbench_leads_to_a_page(bench: Page, console: Console) -> None:
    waiting, seen = ["/stores"], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        opened(bench, console, path)
        waiting += bench.eval_on_selector_all("a[href^='/']", "links => links.map(link => link.getAttribute('href'))")
    assert {urlsplit(path).path for path in PAGES} <= {urlsplit(path).path for path in seen}


def test_a_count_is_written_down_and_found_among_the_movements(bench: Page, console: Console) -> None:
    opened(bench, console, f"{COUNTER}/stock")
    bench.get_by_label("Goods (SKU)").fill("longjing")
    bench.get_by_label("On the shelf").fill("37")
    bench.get_by_label("Never promised").fill("3")
    bench.get_by_role("button", name="Save the count").click()
    row = bench.locator("tr[data-row]", has_text="longjing")
    expect(row.locator("td").nth(0)).to_have_text("37")
    row.get_by_role("link").click()
    expect(bench.locator("tr[data-row]").first).to_contain_text("counted")


def test_a_refused_count_loses_no_typed_text(bench: Page, console: Console) -> None:
    opened(bench, console, f"{COUNTER}/stock")
    bench.get_by_label("Goods (SKU)").fill("no such/sku")
    bench.get_by_label("On the shelf").fill("5")
    bench.get_by_role("button", name="Save the count").click()
    expect(bench.get_by_role("alert")).to_contain_text("That was refused")
    expect(bench.get_by_label("On the shelf")).to_have_value("5")


def test_a_file_is_taken_in_and_its_bad_rows_are_named(bench: Page, console: Console) -> None:
    opened(bench, console, f"{WORKBENCH}/import?kind=stock")
    rows = f"location_id,sku,on_hand\n{STORE},biluochun,12\n{STORE},maofeng,many\nnowhere-else,longjing,3\n"
    bench.get_by_label("CSV file").set_input_files(
        {"name": "monday.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    bench.get_by_role("button", name="Take the file in").click()
    expect(bench.get_by_role("status")).to_contain_text("1 taken, 0 taken before, 2 not taken")
    assert bench.locator("tr[data-row] th").all_inner_texts() == ["on_hand", "location_id"]
    assert is_accessible(bench)
    opened(bench, console, f"{COUNTER}/stock")
    expect(bench.locator("tr[data-row]", has_text="biluochun").locator("td").first).to_have_text("12")


def test_a_file_that_is_too_large_is_refused_unread(bench: Page, console: Console) -> None:
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in bench.context.cookies())
    head = (f"POST {WORKBENCH}/import HTTP/1.1", "Host: here", f"Cookie: {cookies}", "Content-Length: 5000001", "", "")
    with socket.create_connection(("127.0.0.1", urlsplit(console.url).port or 0), timeout=30) as connection:
        connection.sendall("\r\n".join(head).encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413")


def test_hours_and_slots_are_set_and_taken_back(bench: Page, console: Console) -> None:
    opened(bench, console, f"{COUNTER}/slots?day=2027-03-01")
    bench.get_by_text("Change the hours").click()
    bench.get_by_label("Opening hours").fill("1-5 09:00-21:00; 6,7 10:00-18:00")
    bench.get_by_role("button", name="Save the hours").click()
    expect(bench.locator("dl.record")).to_contain_text("1,2,3,4,5 09:00-21:00; 6,7 10:00-18:00")
    opened(bench, console, f"{COUNTER}/slots?day=2027-03-01")
    bench.get_by_text("Open slots").click()
    form = bench.locator("form", has=bench.get_by_role("button", name="Open these slots"))
    for name, value in (
        ("From this day", "2027-03-01"),
        ("For so many days", "2"),
        ("Begins", "15:00"),
        ("Ends", "17:00"),
    ):
        form.get_by_label(name).fill(value)
    form.get_by_label("Orders", exact=True).fill("8")
    form.get_by_role("button").click()
    expect(bench.get_by_role("heading", level=1)).to_contain_text("Hours and slots")
    opened(bench, console, f"{COUNTER}/slots?day=2027-03-01")
    expect(bench.locator("tr[data-row]")).to_have_count(2)
    bench.get_by_text("Close early").click()
    bench.get_by_label("No slot from this moment").fill("2027-03-02T00:00")
    bench.get_by_role("button", name="Take these slots back").click()
    expect(bench.get_by_role("status")).to_contain_text("1 slot was taken back")


def test_an_order_shows_its_plan_and_what_nobodys_coming_costs(bench: Page, console: Console, shop: TeaShop) -> None:
    opened(bench, console, COUNTER)
    expect(bench.locator(".cards > li")).to_have_count(len(shop.orders))
    expect(bench.locator(".cards > li").first).to_contain_text("2 × longjing")
    bench.get_by_role("link", name=shop.orders[0]).click()
    record = bench.locator("dl.record").last
    expect(record).to_contain_text("茶友 · version 1, as it was signed")
    expect(record).to_contain_text("CN¥15.00 is kept, the rest is given back")
    expect(bench.locator("main ol li")).to_have_count(1)  # why it is sourced there
    assert is_accessible(bench)


def test_a_clerk_hands_over_by_code_and_declines_on_a_phone(bench: Page, console: Console, shop: TeaShop) -> None:
    bench.set_viewport_size({"width": 390, "height": 844})
    opened(bench, console, COUNTER)
    card = bench.locator(".cards > li", has_text=shop.orders[0])
    for step, then in (("Accept", "accepted"), ("Picked", "picked"), ("Ready", "ready for pickup")):
        card.get_by_role("button", name=step, exact=True).click()
        expect(card.locator("strong").first).to_have_text(then)
    card.get_by_label("Code").fill("AAAAAAAA")
    card.get_by_role("button", name="Hand over").click()
    expect(bench.get_by_role("alert")).to_contain_text("That was refused")
    expect(card.get_by_label("Code")).to_have_value("AAAAAAAA")
    url = f"{console.target.urls['inventory']}/v1/orders/{shop.orders[0]}/pickup-code"
    code = httpx.post(url, auth=console.target.acting_as(shop.member), timeout=30).json()["code"]
    card.get_by_label("Code").fill(code)
    card.get_by_role("button", name="Hand over").click()
    expect(bench.locator(".cards > li")).to_have_count(1)
    other = bench.locator(".cards > li", has_text=shop.orders[1])
    other.get_by_label("Why not").select_option("damaged")
    other.get_by_role("button", name="Decline").click()
    expect(bench.locator("main")).to_contain_text("No order is open here.")
    assert bench.evaluate("document.documentElement.scrollWidth") <= 390
    opened(bench, console, f"{WORKBENCH}/figures")
    row = bench.locator("tr[data-row]", has_text="梅家茶铺")
    expect(row).to_contain_text("50.0%")  # of two, one was declined; with its interval
    expect(row).to_contain_text("–")


def test_a_plan_keeps_what_its_form_does_not_name(bench: Page, console: Console) -> None:
    opened(bench, console, f"{WORKBENCH}/plans")
    for name, value in (
        ("Plan", "tea-friends"),
        ("Name", "茶友"),
        ("Credit up to", "1200"),
        ("Discount, in per cent", "5"),
    ):
        bench.get_by_label(name, exact=True).fill(value)
    bench.get_by_label("Kept if nobody picks an order up").fill("9.90")
    bench.get_by_role("button", name="Write this version").click()
    row = bench.locator("tr[data-row]", has_text="tea-friends")
    expect(row).to_contain_text("CN¥9.90 is kept")
    expect(row).to_contain_text("CN¥1,200.00")
    expect(row.locator("td").nth(1)).to_have_text("2")


def test_a_plan_without_a_fee_gives_all_back(page: Page, console: Console) -> None:
    opened(page, console, "/merchants/watsons/plans")
    expect(page.locator("tr[data-row]", has_text="watsons-light")).to_contain_text("all is given back")


def test_coupons_are_opened_and_what_they_are_worth_never_changes(bench: Page, console: Console) -> None:
    opened(bench, console, f"{WORKBENCH}/coupons")
    for amount, seen in (("8", "CN¥8.00"), ("9", None)):
        bench.get_by_role("textbox", name="Coupons").fill("spring")
        bench.get_by_label("Off the price").fill(amount)
        for name in ("In all, at most", "A day, at most"):
            bench.get_by_label(name).fill("100")
        bench.get_by_role("button", name="Save these coupons").click()
        if seen:
            expect(bench.locator("tr[data-row]", has_text="spring")).to_contain_text(seen)
        else:
            expect(bench.get_by_role("alert")).to_contain_text("use another id")
