"""A reader's orders in a real browser: join and order, the road live, pickup by code. Debian's Chromium."""

import httpx
from playwright.sync_api import Browser, Page, expect

from lutong_local.processes import wait
from tests.support.reader_page import Read, order, read_as, signed_in
from tests.support.web_console import CHROMIUM_ONLY

pytestmark = CHROMIUM_ONLY


def test_an_order_is_followed_live_to_the_door(page: Page, served: Read) -> None:
    order_id = order(page, served)
    expect(page.locator("[aria-current=step]")).to_contain_text("Accepted by the store")
    served.steps(order_id, "accepted")
    expect(page.locator("[aria-current=step]")).to_contain_text("Packed")  # nobody reloads the page
    served.steps(order_id, "picked", "handed_over", "fulfilled")
    expect(page.locator(".road .done")).to_have_count(7)
    expect(page.get_by_text("To pay later")).to_be_visible()
    page.goto(f"{served.url}/orders")
    expect(page.get_by_role("link", name="屈臣氏轻会员 · CN¥59.00").first).to_be_visible()


def test_an_order_from_home_is_credited_to_it(page: Page, served: Read) -> None:
    page.goto(served.url)
    page.locator("article", has_text="面膜").locator(".card a").click()
    page.get_by_label("Join the light membership").check()
    page.get_by_role("button", name="Join and order").click()
    page.wait_for_url("**/orders/*")
    for _ in range(120):
        found = served.staff("GET", "feed", "/v1/posts/reader-masks/funnel")
        if any(each["placement"] == "home" and each["held"] for each in found["placements"]):
            return
        page.wait_for_timeout(250)  # a poll of the condition above
    raise AssertionError(f"no order is credited to home: {found['placements']}")


def test_a_pickup_is_handed_over_by_its_code(page: Page, served: Read) -> None:
    order_id = order(page, served, pickup=True)
    expect(page.locator("[aria-current=step]")).to_contain_text("Accepted by the store")
    served.steps(order_id, "accepted", "picked", "ready_for_pickup")
    page.get_by_role("button", name="Show the code for pickup").click()
    code = page.locator(".code strong").inner_text()
    location_id = served.staff("GET", "inventory", f"/v1/orders/{order_id}")["location_id"]
    served.staff("POST", "inventory", f"/v1/orders/{order_id}/collection", code=code, location_id=location_id)
    page.goto(f"{served.url}/orders/{order_id}")
    expect(page.locator(".road .done").last).to_contain_text("Picked up")


def test_an_order_at_a_till_goes_to_a_sealed_door(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/posts/reader-masks?till=store-lujiazui")
    expect(page.get_by_text("You order at store-lujiazui")).to_be_visible()
    expect(page.locator(".rules")).to_contain_text("do not pick up in time costs nothing")
    page.get_by_text("To my door").click()
    page.get_by_label("Name", exact=True).fill("林小满")
    page.get_by_label("Phone").fill("+86 138 0013 8000")
    page.get_by_label("Address").fill("人民大道 200 号 3 楼")
    page.get_by_label("Join the light membership").check()
    page.get_by_role("button", name="Join and order").click()
    page.wait_for_url("**/orders/*")
    order_id = page.url.rpartition("/")[2]
    expect(page.locator("[aria-current=step]")).to_contain_text("Accepted by the store")
    at = served.staff("GET", "inventory", f"/v1/orders/{order_id}")["location_id"]
    served.steps(order_id, "accepted")
    look = {"location_id": at, "reason": "courier_booked"}
    assert served.staff("POST", "inventory", f"/v1/orders/{order_id}/address", **look)["text"] == "人民大道 200 号 3 楼"
    served.steps(order_id, "picked", "handed_over", "fulfilled")
    for _ in range(120):
        sales = served.staff("GET", "inventory", "/v1/locations/store-lujiazui/sales")
        if [each["reason"] for each in sales if each["order_id"] == order_id] == ["till"]:
            return
        page.wait_for_timeout(250)  # a poll of the condition above
    raise AssertionError(f"the sale is not that of the till: {sales}")


def test_an_order_from_a_deleted_post_is_still_listed(page: Page, served: Read) -> None:
    program_id = served.staff("GET", "feed", "/v1/posts/reader-masks")["card"]["program_id"]
    post = {"post_id": "gone-soon", "author_id": "watsons", "text": "补水面膜", "program_id": program_id}
    served.staff("POST", "feed", "/v1/posts", **post)
    assert wait(lambda: served.staff("GET", "feed", "/v1/posts/gone-soon")["card"]["state"] == "active")
    order_id = order(page, served, post_id="gone-soon")
    served.staff("DELETE", "feed", "/v1/posts/gone-soon?reason=spam")
    page.goto(f"{served.url}/orders")
    expect(page.locator(f'a[href="/orders/{order_id}"]')).to_have_text("屈臣氏轻会员 · CN¥59.00")


def test_who_has_no_credit_reads_so(page: Page, served: Read) -> None:
    read_as(page, "吴桐")
    order(page, served)
    expect(page.locator(".road .failed")).to_contain_text("No credit")


def test_an_order_of_another_reader_is_not_there(page: Page, served: Read) -> None:
    order_id = order(page, served)
    page.goto(served.url)
    read_as(page, "陈默")
    page.goto(f"{served.url}/orders/{order_id}")
    expect(page.get_by_role("alert")).to_have_text("This is not there, or not yours.")


def test_a_form_sent_twice_orders_once(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/posts/reader-masks")
    form = {name: page.locator(f'form.order input[name="{name}"]').input_value() for name in ("csrf", "key")}
    form |= {"offer": "mask 5900", "units": "1", "mode": "delivery", "spot": "people", "consent": "yes"}
    where = f"{served.url}/posts/reader-masks/orders"
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    answers = [httpx.post(where, data=form, cookies=cookies, timeout=30) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]


def test_another_price_than_shown_is_refused(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/posts/reader-masks")
    page.evaluate("document.querySelector('input[name=offer]').value = 'mask 1'")
    page.get_by_label("Join the light membership").check()
    page.get_by_role("button", name="Join and order").click()
    expect(page.get_by_role("alert")).to_contain_text("The price has changed since you saw it.")


def test_an_order_needs_no_javascript(browser: Browser, served: Read) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = signed_in(context, served)
    order(page, served)
    expect(page.locator(".road .done").nth(2)).to_contain_text("Store found")  # the page asks again by itself
    context.close()
