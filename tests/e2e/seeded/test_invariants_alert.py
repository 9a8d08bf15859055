"""The auditor of a console finds what another program did to a shelf: on its page, and in the metric that the alert asks for."""

import time
from collections.abc import Callable

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect
from prometheus_client.parser import text_string_to_metric_families

from lutong_chassis.testing import url_of
from lutong_local.stack import Stack
from tests.support.web_console import CHROMIUM_ONLY, Console, is_accessible

pytestmark = [pytest.mark.timeout(300), *CHROMIUM_ONLY]

_DRIFT = "UPDATE shelf SET on_hand = on_hand + %s WHERE location_id = 'store-lujiazui' AND sku = 'mask'"


def broken(console: Console) -> dict[str, float]:
    """What the metrics have, by identity."""
    answer = httpx.get(f"{console.url}/invariants/metrics", timeout=30).text
    families = {family.name: family.samples for family in text_string_to_metric_families(answer)}
    return {each.labels["identity"]: each.value for each in families.get("lutong_invariant_violations", ())}


def wait_for(page: Page, console: Console, condition: Callable[[dict[str, float]], bool]) -> None:
    """Have the auditor look until its metrics fulfil a condition."""
    ends_at_s = time.monotonic() + 120
    while not condition(broken(console)):
        assert time.monotonic() < ends_at_s, broken(console)
        page.goto(f"{console.url}/invariants")
        if (button := page.get_by_role("button", name="Check now")).count():
            button.click()
        page.wait_for_timeout(500)  # a poll of the condition above


def test_a_shelf_that_drifts_is_on_the_page_and_in_the_metric(page: Page, console: Console, stack: Stack) -> None:
    with psycopg.connect(url_of(stack.admin_url, "inventory"), autocommit=True) as session:
        session.execute(_DRIFT, (1,))
        try:
            wait_for(page, console, lambda found: found.get("V6", 0) > 0)
            page.goto(f"{console.url}/invariants")
            expect(page.locator("tr[data-row]", has_text="V6")).to_contain_text("store-lujiazui")
            assert is_accessible(page)
        finally:
            session.execute(_DRIFT, (-1,))
    wait_for(page, console, lambda found: found.get("V6") == 0)
