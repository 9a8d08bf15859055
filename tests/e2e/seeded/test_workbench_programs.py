"""Mini-programs of a merchant in a real browser: services, capabilities, promotions, visitors, pushes and light stores."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from lutong_chassis.auth import Principal
from tests.e2e.seeded.tea_shop import SHOP, STORE, WORKBENCH, TeaShop
from tests.support.web_console import CHROMIUM_ONLY, Console, is_accessible, opened, signed_in_as

pytestmark = [pytest.mark.timeout(300), *CHROMIUM_ONLY]

OPERATOR: Final = Principal("olga@platform", "operator")


def test_a_service_is_done_for_less_and_given_back_on_a_phone(bench: Page, console: Console, shop: TeaShop) -> None:
    bench.set_viewport_size({"width": 390, "height": 844})
    opened(bench, console, f"{WORKBENCH}/services")
    done, failed = (bench.locator(".cards > li", has_text=order) for order in shop.lessons)
    done.get_by_label("Reference").fill("lesson-1")
    done.get_by_label("Amount, if it is less").fill("1000.00")
    done.get_by_role("button", name="Done", exact=True).click()
    expect(bench.get_by_role("alert")).to_contain_text("10000 minor units are held")
    expect(done.get_by_label("Reference")).to_have_value("lesson-1")
    done.get_by_label("Amount, if it is less").fill("80.00")
    done.get_by_role("button", name="Done", exact=True).click()
    expect(bench.locator(".cards > li")).to_have_count(1)
    failed.get_by_label("Why not").fill("teacher_is_ill")
    failed.get_by_role("button", name="It cannot be done").click()
    expect(bench.locator("main")).to_contain_text("No service is in this state.")
    opened(bench, console, f"{WORKBENCH}/services?state=done")
    expect(done).to_contain_text("Paid: CN¥80.00")
    assert is_accessible(bench)
    for name, value in (("Number of the refund", "back-1"), ("Amount", "15.00"), ("Reason", "too short")):
        done.get_by_label(name).fill(value)
    done.get_by_role("button", name="Give it back").click()
    expect(done).to_contain_text("taken back: CN¥15.00")
    assert bench.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_operator_revokes_what_a_program_may_use(
    bench: Page, console: Console, context: BrowserContext, shop: TeaShop
) -> None:
    assert shop.lessons  # they were ordered with what is granted
    path = f"{WORKBENCH}/programs/tea-lessons"
    opened(bench, console, path)
    expect(bench.get_by_role("button", name="Revoke")).to_have_count(0)  # its merchant only looks
    signed_in_as(context, console, OPERATOR)
    opened(bench, console, path)
    credit = bench.locator("tr[data-row]", has_text="credit")
    for verb, state in (("Revoke", "declared, not granted"), ("Grant", "granted")):
        credit.get_by_label("Reason").fill("complaints")
        credit.get_by_role("button", name=verb, exact=True).click()
        expect(credit.locator("td").first).to_have_text(state)
    assert is_accessible(bench)


def test_fifty_light_stores_are_made_in_three_steps(bench: Page, console: Console, page: Page) -> None:
    opened(bench, console, f"{WORKBENCH}/light-stores")
    for name, value in (("Template", "tea-stalls"), ("Title", "梅家茶铺 {store_name}"), ("Keywords", "茶, {city}茶")):
        bench.get_by_label(name, exact=True).fill(value)
    bench.get_by_role("button", name="Hand it in for review").click()
    expect(bench.locator("tr[data-row]")).to_contain_text("an operator looks at it")
    template = bench.url
    page.goto(template)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("li[aria-current]")).to_contain_text("Take the stores in from a file")
    opened(bench, console, f"{WORKBENCH}/import?kind=stores")
    stores = ["location_id,merchant_id,name,latitude,longitude"]
    stores += [f"stall-{n:02},{SHOP},{n:02} 号摊,30.{2500 + n},120.{2100 + n}" for n in range(50)]
    lights = ["template_id,store_id,name,city"] + [f"tea-stalls,stall-{n:02},{n:02} 号摊,杭州" for n in range(50)]
    for kind, rows in (("stores", stores), ("light-stores", lights)):
        bench.get_by_label("What the rows are").select_option(kind)
        content = "\n".join(rows).encode()
        bench.get_by_label("CSV file").set_input_files(
            {"name": f"{kind}.csv", "mimeType": "text/csv", "buffer": content}
        )
        bench.get_by_role("button", name="Take the file in").click()
        expect(bench.get_by_role("status")).to_contain_text("50 taken, 0 taken before, 0 not taken")
    bench.goto(template)
    expect(bench.locator("li[aria-current]")).to_contain_text("Bring a version to them")
    bench.get_by_label("Watch each stage for").fill("0")
    bench.get_by_role("button", name="Bring it to the stores").click()
    expect(bench.get_by_role("heading", name="Rollout of version 1")).to_be_visible()
    assert is_accessible(bench)


def test_a_push_is_tried_scheduled_and_cancelled(bench: Page, console: Console) -> None:
    opened(bench, console, f"{WORKBENCH}/accounts/{SHOP}")
    left = bench.locator("dl.record dd strong").first
    expect(left).to_have_text("1")
    for name, value in (
        ("Leads to the mini-program", "tea-shop-card"),
        ("Title", "春茶上新"),
        ("Text", "明前龙井到店。"),
    ):
        bench.get_by_label(name).fill(value)
    bench.get_by_role("button", name="Save the draft").click()
    card = bench.locator(".cards > li", has_text="春茶上新")
    card.get_by_role("button", name="Try it").click()
    expect(bench.get_by_role("status")).to_contain_text("reach 1 follower now; 1 are left")
    expect(left).to_have_text("1")
    card.get_by_role("button", name="Hand it in").click()
    expect(left).to_have_text("0")
    expect(bench.locator("dl.record")).to_contain_text(re.compile(r"More from\s*20\d\d-"))
    card.get_by_role("button", name=re.compile("Cancel it|Recall it")).first.click()
    expect(card).to_contain_text(re.compile("cancelled|recalled"))
    assert is_accessible(bench)


def test_a_source_of_visitors_gets_a_code(bench: Page, console: Console) -> None:
    opened(bench, console, f"{WORKBENCH}/programs/tea-shop-card")
    bench.get_by_label("Source").fill("lane-9-counter")
    bench.locator("#f-location_id").fill(STORE)
    bench.get_by_role("button", name="Make a code").click()
    expect(bench.locator("tr", has_text="lane-9-counter").locator("code")).to_contain_text("~")


def test_a_promotion_is_begun_given_more_and_ended(bench: Page, console: Console) -> None:
    opened(bench, console, f"{WORKBENCH}/programs/tea-shop-card")
    bench.get_by_role("link", name="Promotions: places of the feed").click()
    expect(bench.get_by_text("Nothing is promoted yet.")).to_be_visible()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    for views in ("300", "450"):
        bench.get_by_label("Promotion", exact=True).fill("winter")
        bench.get_by_label("Page views at most").fill(views)
        bench.get_by_label("Until (Shanghai)").fill(tomorrow)
        bench.get_by_role("button", name="Promote it").click()
        expect(bench.locator("tr[data-row] td.amount")).to_have_text([views, "0", views])
    assert is_accessible(bench)
    bench.get_by_label("Promotion", exact=True).fill("another")
    bench.get_by_label("Page views at most").fill("1")
    bench.get_by_label("Until (Shanghai)").fill(tomorrow)
    bench.get_by_role("button", name="Promote it").click()
    expect(bench.get_by_role("alert")).to_contain_text("use a fresh id, or end that one first")
    expect(bench.get_by_label("Promotion", exact=True)).to_have_value("another")
    bench.get_by_role("button", name="End winter").click()
    expect(bench.locator("tr[data-row]")).to_contain_text("ended")
    assert is_accessible(bench)
