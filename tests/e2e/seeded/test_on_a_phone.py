"""No page is wider than a phone: tables scroll in their own frames, and long words break."""

import pytest
from playwright.sync_api import Page

from lutong_console.cli.demo.faults import Seeded
from tests.support.web_console import CHROMIUM_ONLY, Console
from tools.screenshots import PHONE, Scene, addresses

pytestmark = [pytest.mark.timeout(600), *CHROMIUM_ONLY]  # thirty pages, one after the other


def widths(page: Page, console: Console, paths: dict[str, str]) -> dict[str, int]:
    """How wide pages are, by name; only of those that are wider than the window."""
    found = {}
    for name, path in paths.items():
        page.goto(console.url + path)
        found[name] = int(page.evaluate("document.documentElement.scrollWidth"))
    return {name: width for name, width in found.items() if width > PHONE["width"]}


def test_no_page_is_wider_than_a_phone(page: Page, console: Console, seeded: Seeded) -> None:
    paths = addresses(page, Scene(console, seeded))
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a mapping of this shape
    assert widths(page, console, paths) == {}


def test_the_control_a_page_that_is_too_wide_is_found(page: Page, console: Console) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # the same
    page.goto(console.url)
    page.evaluate("document.querySelector('h1').style.width = '500px'")
    assert int(page.evaluate("document.documentElement.scrollWidth")) > PHONE["width"]
