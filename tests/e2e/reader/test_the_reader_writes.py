"""A reader writes, in a real browser: drafts, now and at a time; edits, deletes, keeps others apart. Debian's Chromium."""

from datetime import UTC, datetime, timedelta
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, expect

from lutong_console.reader.drafting import ZONE
from tests.support.reader_page import Read, read_as
from tests.support.web_console import CHROMIUM_ONLY

INJECTION: Final = '<script>alert(1)</script>"><img src=x onerror=alert(2)> \u202e倒 {{ 7*7 }}'


pytestmark = CHROMIUM_ONLY


def test_a_reader_deletes_their_post_and_reposts_show_it(page: Page, served: Read) -> None:
    served.staff("POST", "feed", "/v1/posts", author_id="reader-lin", text="晚上见", card="none", post_id="mine")
    again = {"author_id": "reader-chen", "text": "看", "parent_id": "mine", "post_id": "again"}
    served.staff("POST", "feed", "/v1/posts", **again)
    page.goto(f"{served.url}/posts/again")
    expect(page.locator(".root")).to_contain_text("晚上见")
    expect(page.get_by_text("Delete this post")).to_have_count(0)  # it is another's
    page.goto(f"{served.url}/posts/mine")
    page.get_by_text("Delete this post").click()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("林小满")
    expect(page.get_by_text("晚上见")).to_have_count(0)
    page.goto(f"{served.url}/posts/mine")
    expect(page.get_by_role("alert")).to_have_text("This post was deleted.")
    page.goto(f"{served.url}/posts/again")
    expect(page.locator(".root")).to_have_text("The original was deleted.")


def test_a_reader_edits_their_post_and_others_see_what_it_was(page: Page, served: Read) -> None:
    served.staff("POST", "feed", "/v1/posts", author_id="reader-lin", text="晚上喝查", card="none", post_id="typo")
    page.goto(f"{served.url}/posts/typo")
    page.get_by_text("Edit this post").click()
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Text").fill("晚上喝茶")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("晚上喝茶")
    page.get_by_role("link", name="edited").click()
    expect(page.locator("main .text")).to_have_text(["晚上喝茶", "晚上喝查"])
    assert Axe().run(page).response["violations"] == []


def test_a_reader_mutes_and_blocks_an_account(page: Page, served: Read) -> None:
    served.staff("POST", "feed", "/v1/posts", author_id="watsons", text="只给关注者看", card="none")
    for leave, again in (("Leave out of my timeline", "Show in my timeline again"), ("Block", "Unblock")):
        page.goto(served.url)
        expect(page.get_by_text("只给关注者看")).to_have_count(1)
        page.goto(f"{served.url}/accounts/watsons")
        page.get_by_role("button", name=leave, exact=True).click()
        expect(page.get_by_role("button", name=again)).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        page.goto(served.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Home")
        expect(page.get_by_text("只给关注者看")).to_have_count(0)
        page.goto(f"{served.url}/accounts/watsons")
        page.get_by_role("button", name=again).click()
    page.get_by_role("button", name="Follow", exact=True).click()  # what a block ended does not come back
    expect(page.get_by_role("button", name="Stop following")).to_be_visible()


def test_names_in_a_text_lead_on(page: Page, served: Read) -> None:
    text = "谢谢@reader-lin ，#公积金#。<b>@watsons</b> ann@example.cn \u202eabc"
    served.staff("POST", "feed", "/v1/posts", author_id="reader-wu", text=text, card="none", post_id="named")
    page.goto(f"{served.url}/posts/named")
    expect(page.locator("h1.text")).to_have_text("谢谢@reader-lin ，#公积金#。<b>@watsons</b> ann@example.cn abc")
    expect(page.locator("h1 a.span")).to_have_text(["@reader-lin", "#公积金#", "@watsons"])
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("link", name="@watsons").click()
    expect(page).to_have_url(f"{served.url}/accounts/watsons")
    page.go_back()
    page.get_by_role("link", name="#公积金#").click()
    expect(page.get_by_role("searchbox")).to_have_value("公积金")


def test_an_injection_string_is_shown_as_text(page: Page, served: Read) -> None:
    served.staff("POST", "feed", "/v1/posts", author_id="reader-chen", text=INJECTION, card="none")
    alerts: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(f"{served.url}/accounts/reader-chen")
    expect(page.locator(".text").first).to_contain_text("<script>alert(1)</script>")
    expect(page.locator(".text").first).to_contain_text("{{ 7*7 }}")
    assert alerts == []


def test_a_draft_is_kept_scheduled_and_published(page: Page, served: Read) -> None:
    page.get_by_role("link", name="Write").click()
    page.get_by_label("Text").fill("明天见")
    page.get_by_role("button", name="Keep").click()
    draft = page.get_by_role("region", name="Draft 1")
    expect(draft.get_by_label("Text")).to_have_text("明天见")
    draft.get_by_label("Publish at").fill("2020-01-01T08:00")
    draft.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("alert")).to_contain_text("This time is over already")
    page.goto(f"{served.url}/drafts")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).astimezone(ZONE).strftime("%Y-%m-%dT%H:%M")
    draft.get_by_label("Publish at").fill(tomorrow)
    draft.get_by_role("button", name="Keep").click()
    expect(page.get_by_text(f"Scheduled: {tomorrow.replace('T', ' ')}")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("region", name="Draft 1").get_by_role("button", name="Publish now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("明天见")
    page.goto(f"{served.url}/drafts")
    expect(page.get_by_text("You have no drafts.")).to_be_visible()


def test_a_reader_quotes_a_post_that_is_deleted_later(page: Page, served: Read) -> None:
    served.staff("POST", "feed", "/v1/posts", author_id="reader-chen", text="今晚看戏", card="none", post_id="play")
    page.goto(f"{served.url}/posts/play")
    page.get_by_text("Quote this post").click()
    page.get_by_label("Your words", exact=True).fill("同去")
    page.get_by_role("button", name="Publish now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("同去")
    expect(page.locator(".root")).to_contain_text("今晚看戏")
    assert Axe().run(page).response["violations"] == []
    served.staff("DELETE", "feed", "/v1/posts/play?reason=spam")
    page.reload()
    expect(page.locator(".root")).to_have_text("What is quoted here was deleted.")


def test_a_reader_chooses_who_sees_a_post(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/drafts")
    page.get_by_label("Text").fill("只写给自己")
    page.get_by_label("Who sees it").select_option("only_me")
    page.get_by_role("button", name="Keep").click()
    draft = page.get_by_role("region", name="Draft 1")
    expect(draft.get_by_label("Who sees it")).to_have_value("only_me")
    draft.get_by_role("button", name="Publish now").click()
    expect(page.locator(".by .mark")).to_have_text("Only me")
    mine = page.url
    read_as(page, "陈默")
    page.goto(mine)
    expect(page.get_by_role("alert")).to_have_text("This is not there, or not yours.")
    page.goto(served.url)
    read_as(page, "林小满")
    page.goto(mine)
    page.get_by_text("Change who sees this post").click()
    page.get_by_role("group").get_by_label("Who sees it").last.select_option("everybody")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Change").last.click()
    expect(page.locator(".by .mark")).to_have_count(0)
    read_as(page, "陈默")
    page.goto(mine)
    expect(page.get_by_role("heading", level=1)).to_have_text("只写给自己")


def test_a_reader_reposts_with_words_and_without(page: Page, served: Read) -> None:
    served.staff("POST", "feed", "/v1/posts", author_id="reader-chen", text="今晚观星", card="none", post_id="stars")
    for words, shown in (("", "转发微博"), ("同去", "同去")):
        page.goto(f"{served.url}/posts/stars")
        page.get_by_text("Repost this post").click()
        page.get_by_label("Your words, if any").fill(words)
        page.get_by_role("button", name="Repost", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(shown)
        expect(page.locator(".root")).to_contain_text("今晚观星")


def test_an_account_states_what_it_writes_about(page: Page, served: Read) -> None:
    page.goto(f"{served.url}/accounts/watsons")
    expect(page.locator("h1 .mark")).to_have_text("Verified enterprise")
    page.goto(f"{served.url}/accounts/reader-lin")
    expect(page.get_by_text("Writes about nothing in particular")).to_be_visible()
    page.get_by_text("Change what you write about").click()
    page.get_by_label("What you write about").select_option("food")
    assert Axe().run(page).response["violations"] == []
    page.locator("details.own").get_by_role("button", name="Change").click()
    expect(page.get_by_text("Writes about Food")).to_be_visible()


def test_a_draft_needs_no_javascript_and_is_dropped(browser: Browser, served: Read) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{served.url}/sign-in?ticket={served.access.issue()}")
    page.locator("main button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("首页")
    page.goto(f"{served.url}/drafts")
    page.locator("textarea").first.fill(INJECTION)
    page.get_by_role("button", name="存草稿").first.click()
    expect(page.get_by_role("region").locator("textarea")).to_contain_text("<script>alert(1)</script>")
    page.get_by_role("button", name="删除草稿").click()
    expect(page.get_by_text("还没有草稿。")).to_be_visible()
    context.close()
