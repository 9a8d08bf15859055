"""The page of the feed over a stack of its own, for a real browser: signing in, changing people, ordering, and the staff behind it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from lutong_console.reader import world
from lutong_console.reader.app import create
from lutong_console.reader.people import SPOTS
from lutong_console.targets import Suite
from lutong_console.web.access import Access
from lutong_local.stack import Stack
from tests.support.stacks import a_stack
from tests.support.web_console import Served


class Read(Served):
    """The page of one stack; and its staff, who take orders a step further."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.target, access = stack, Suite.of(stack), Access()
        super().__init__(create(self.target, stack.signer, access), access)

    def staff(self, method: str, service: str, path: str, **body: object) -> Any:  # noqa: ANN401  # JSON
        """Ask as an operator."""
        url = f"{self.target.urls[service]}{path}"
        with httpx.Client(auth=self.target.auth, trust_env=False, timeout=30) as client:
            answer = client.request(method, url, json=body or None, headers={"lutong-reason": "a test"})
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def live(self, post_id: str) -> dict[str, Any]:
        """What the card of a post shows live at the first place of the demo."""
        here = next(iter(SPOTS.values()))
        with httpx.Client(auth=self.target.auth, trust_env=False, timeout=30) as client:
            headers = {"lutong-place": f"{here.latitude},{here.longitude}"}
            found: dict[str, Any] = client.get(f"{self.target.urls['feed']}/v1/posts/{post_id}", headers=headers).json()
        live: dict[str, Any] = found["card"]["live"]
        return live

    def counts(self, post_id: str) -> Counter[str]:
        """What readers did with a post, by kind, over all placements."""
        found: Counter[str] = Counter(impression=0, open=0)
        for each in self.staff("GET", "feed", f"/v1/posts/{post_id}/interactions"):
            found[each["kind"]] += each["times"]
        return found

    def steps(self, order_id: str, *steps: str) -> None:
        location_id = self.staff("GET", "inventory", f"/v1/orders/{order_id}")["location_id"]
        for step in steps:
            self.staff("POST", "inventory", f"/v1/orders/{order_id}/steps", step=step, location_id=location_id)


@contextmanager
def reading(directory: Path) -> Iterator[Read]:
    """The page, over a suite with the demo of the reader."""
    with a_stack(directory) as stack:
        asyncio.run(world.build(Suite.of(stack)))
        running = Read(stack).start()
        yield running
        running.stop()


def signed_in(context: BrowserContext, served: Read) -> Page:
    page = context.new_page()
    page.goto(f"{served.url}/sign-in?ticket={served.access.issue()}")
    page.get_by_role("button", name="Read the feed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    return page


def read_as(page: Page, name: str) -> None:
    """Sign in as another of the demo people, and be back."""
    page.get_by_label("Reading as").select_option(label=name)
    with page.expect_navigation():
        page.get_by_role("button", name="Change").click()


def order(page: Page, served: Read, *, pickup: bool = False, post_id: str = "reader-masks") -> str:
    """Join and order from the card of a post; gives the order."""
    page.goto(f"{served.url}/posts/{post_id}")
    if pickup:
        page.get_by_label("I pick it up").check()
    page.get_by_label("Join the light membership").check()
    page.get_by_role("button", name="Join and order").click()
    page.wait_for_url("**/orders/*")
    return page.url.rpartition("/")[2]
