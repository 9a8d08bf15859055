"""Pages stay usable when there is much to show: rows are bounded on each, and nothing is left out."""

from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Page, expect

from lutong_chassis.testing import url_of
from lutong_local.stack import Stack
from tests.integration.inventory.test_operations_at_scale import EVENTS, FILL_JOURNEY, FILL_PARKED, KINDS, PARKED
from tests.support.web_console import CHROMIUM_ONLY, Console, is_accessible

pytestmark = [pytest.mark.timeout(300), *CHROMIUM_ONLY]


@pytest.fixture
def crowded(stack: Stack) -> Iterator[None]:
    """Membership has parked very much, and consumed much on one journey; afterwards it has not."""
    with psycopg.connect(url_of(stack.admin_url, "membership"), autocommit=True) as session:
        for statement, values in ((FILL_PARKED, (PARKED, KINDS)), (FILL_JOURNEY, (EVENTS,))):
            for place, value in enumerate(values, start=1):
                statement = statement.replace(f"${place}", str(value))  # noqa: PLW2901  # psycopg writes places otherwise
            session.execute(statement.encode())
        yield
        session.execute("DELETE FROM parked WHERE event_id LIKE 'scale-%'")
        session.execute("DELETE FROM inbox WHERE correlation_id = 'long'")


@pytest.mark.usefixtures("crowded")
def test_much_that_is_parked_comes_page_by_page(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/parked")
    rows = page.locator("tr[data-row]", has=page.get_by_role("cell", name="membership", exact=True))
    expect(rows).to_have_count(KINDS)
    rows.first.get_by_role("link").click()
    records = page.get_by_role("region", name="Records").locator("tr[data-row]")
    expect(records).to_have_count(100)
    first = records.first.inner_text()
    page.get_by_role("link", name="Next page").click()
    expect(records).to_have_count(100)
    assert records.first.inner_text() != first
    page.goto(f"{console.url}/journeys/long")
    pages = page.get_by_role("navigation", name="Pages of events")
    expect(pages).to_contain_text("Events 1 to 500 of 5,000")
    pages.get_by_role("link", name="Next page").click()
    expect(pages).to_contain_text("Events 501 to 1,000 of 5,000")
    expect(page.locator(".timeline tbody tr")).to_have_count(500)
    assert is_accessible(page)
