"""Who may see and do what in a merchant's workbench: nobody else's rows are shown, and who may only look has no button."""

import re
from typing import Final

import pytest
from playwright.sync_api import BrowserContext
from starlette.routing import Route

from lutong_chassis.auth import Principal
from tests.e2e.seeded.tea_shop import PAGES, SHOP, STORE, TeaShop
from tests.support.web_console import CHROMIUM_ONLY, Console, signed_in_as

pytestmark = [pytest.mark.timeout(300), *CHROMIUM_ONLY]

STRANGER: Final = Principal("zhou@other", "merchant", merchant_id="other")
VIEWER: Final = Principal("vic@example", "viewer")


def _paths(console: Console, method: str) -> list[str]:
    """The address of each route of the workbench that answers this method, with the shop's own ids."""
    ids = {
        "merchant": SHOP, "location": STORE, "sku": "longjing", "program": "tea-shop-card", "template": "tea-stalls",
        "account": SHOP, "push": "p-1", "promotion": "winter", "order": "ORDER", "order_id": "ORDER",
    }  # fmt: skip
    routes = [each for each in console.server.config.app.routes if isinstance(each, Route)]  # type: ignore[union-attr]
    mine = [each for each in routes if each.path.startswith(("/stores/", "/merchants/", "/orders/"))]
    verbs = {
        "slots": "open",
        "light-stores": "approve",
        "pushes": "recall",
        "services": "done",
        "capabilities": "grant",
    }
    found = []
    for route in mine:
        verb = next((verb for part, verb in verbs.items() if f"/{part}/" in route.path), "pause")
        path = re.sub(r"\{(\w+)\}", lambda name: (ids | {"verb": verb})[name[1]], route.path)  # noqa: B023  # used at once
        found += [path] if method in (route.methods or ()) else []
    return found


def test_a_foreign_merchant_gets_no_data_and_changes_nothing(
    context: BrowserContext, console: Console, shop: TeaShop
) -> None:
    session = signed_in_as(context, console, STRANGER)
    asked = context.request
    paths = [path.replace("ORDER", shop.orders[0]) for path in _paths(console, "GET")]
    assert len(paths) > 12
    for path in paths:
        answer = asked.get(f"{console.url}{path}?format=json")
        assert answer.status in {403, 404} or path.endswith("/import"), (path, answer.status)
        assert not {"梅家", "longjing", "tea-friends"} & set(
            re.findall(r"梅家|longjing|tea-friends", answer.text().replace(path, ""))
        ), path
    for path in _paths(console, "POST"):
        answer = asked.post(
            console.url + path, form={"csrf": session.csrf, "reason": "why_not", "version": "1"}, max_redirects=0
        )
        assert answer.status >= 400, (path, answer.status)


def test_a_viewer_sees_figures_and_no_button(context: BrowserContext, console: Console) -> None:
    session = signed_in_as(context, console, VIEWER)
    page = context.new_page()
    for path in PAGES:
        answer = page.goto(console.url + path)
        assert answer
        assert answer.status == (403 if "/stock" in path or "/slots" in path else 200), path
        assert page.locator("main form[method=post]").count() == 0, path
    for path in _paths(console, "POST"):
        assert context.request.post(console.url + path, form={"csrf": session.csrf}).status == 403, path
