"""`make screenshots`: pages of the web console on the seeded demo, in two languages and two themes, with Chromium.

Those of the README go to docs/screenshots. `--all DIR` writes every page to a folder as well, for a look at each.
"""

import argparse
import asyncio
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from lutong_console.cli.demo.faults import Seeded, seed
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario, new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.targets import Suite
from lutong_local import stack as local
from tests.support.web_console import CHROMIUM, QUIET, Console, signed_in

ROOM: Final = Path(__file__).parents[1] / "docs" / "screenshots"
BYTES_MAX: Final = 150_000
"""A README is loaded by people on the road, too."""

_SHOWN: Final = ("journey", "group")
_VARIANTS: Final = tuple((language, theme) for language in ("en", "zh") for theme in ("light", "dark"))
_ON_A_PHONE: Final = (("en", "light"), ("zh", "dark"))
_VIEW: Final = {"width": 1120, "height": 640}
PHONE: Final = {"width": 390, "height": 844}


class Scene(NamedTuple):
    """A console, and what is wrong with the suite that it shows."""

    console: Console
    seeded: Seeded


async def seeded_in(target: Suite) -> Seeded:
    """Traffic, and the faults of the demo."""
    async with target.client(30) as client:
        run = new_run()
        await build_world(client, target, run)
        for road in ROADS:
            await road.walk(Scenario(client, target, lambda _step, _ms: None, viewer=f"{road.letter}-{run}"))
        return await seed(client, target, new_run())


def apart(work: Coroutine[Any, Any, Seeded]) -> Seeded:
    """Run it on an event loop of another thread: the browser's runs in this one."""
    done: list[Seeded] = []
    thread = threading.Thread(target=lambda: done.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return done[0]


@contextmanager
def demonstrated() -> Iterator[Scene]:
    """A console on a suite with the faults of the demo; gone with the block."""
    with tempfile.TemporaryDirectory() as directory:
        stack = local.up(Path(directory) / "demo", lambda _: None, dies_with_parent=True)
        try:
            seeded = apart(seeded_in(Suite.of(stack)))
            console = Console(stack, name="demo", probe_every_s=60).start()
            try:
                yield Scene(console, seeded)
            finally:
                console.stop()
        finally:
            local.down(stack, lambda _: None, purge=True)


def addresses(page: Page, scene: Scene) -> dict[str, str]:
    """Pages by name. Those of a group and of a journey are found as a person would find them."""
    console, seeded = scene
    page.goto(f"{console.url}/parked")
    group = page.locator("tr[data-row]", has_text="registry").get_by_role("link").first.get_attribute("href")
    page.goto(f"{console.url}{group}")
    record = page.locator("tr[data-row] a").first.get_attribute("href")
    return {
        "pipeline": "/",
        "partitions": "/pipeline/registry",
        "journeys": "/journeys",
        "journey": f"/journeys?id={seeded.stuck_post}",
        "parked": "/parked",
        "group": str(group),
        "record": str(record),
        "tail": "/tail?filter=type%3Aorder",
        "stores": "/stores?merchant=watsons",
        "store": f"/stores/watsons/{seeded.store}",
        "stock": f"/stores/watsons/{seeded.store}/stock",
        "slots": f"/stores/watsons/{seeded.store}/slots",
        "order": seeded_order(page, scene),
        "figures": "/merchants/watsons/figures",
        "plans": "/merchants/watsons/plans",
        "coupons": "/merchants/watsons/coupons",
        "programs": "/merchants/watsons/programs",
        "program": "/merchants/watsons/programs/demo-watsons",
        "promotions": "/merchants/watsons/programs/demo-watsons/promotions",
        "services": "/merchants/shanghai-water/services?state=done",
        "light_stores": "/merchants/watsons/light-stores",
        "accounts": "/merchants/watsons/accounts",
        "files": "/merchants/watsons/import",
        "rankings": "/rankings",
        "invariants": "/invariants",
        "publishers": "/publishers",
        "audit": "/audit",
        "catalogue": "/catalogue",
        "event_type": "/catalogue/lutong.feed.post-published.v1",
        "problem": "/nothing",
    }


def seeded_order(page: Page, scene: Scene) -> str:
    """The page of an order that a store has, as a clerk finds it."""
    page.goto(f"{scene.console.url}/stores/watsons/store-nanjing-west-road")
    return str(page.locator(".cards a").first.get_attribute("href"))


def show(page: Page, console: Console, name: str, path: str) -> None:
    """Open a page; a group is shown with what a redrive would do."""
    page.goto(console.url + path)
    if name == "group":
        page.locator("form.action button").first.click()
        page.locator("#foreseen").wait_for()


def take(
    browser: Browser, console: Console, pages: Mapping[str, str], variant: tuple[str, str], room: Path, *, whole: bool
) -> list[Path]:
    """Screenshots of pages in one language and one theme; `whole` pages, on a phone too, or what a window shows."""
    language, theme = variant
    context = browser.new_context(viewport=_VIEW, locale="en-GB")  # type: ignore[arg-type]  # a mapping of this shape
    page = signed_in(context, console)
    chosen = {"lutong_language": language, "lutong_theme": theme}
    context.add_cookies([{"name": name, "value": value, "url": console.url} for name, value in chosen.items()])
    made = []
    for name, path in pages.items():
        show(page, console, name, path)
        made.append(room / f"{name}-{language}-{theme}.png")
        page.screenshot(path=made[-1], full_page=whole)
    if whole and variant in _ON_A_PHONE:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # the same
        for name, path in pages.items():
            show(page, console, name, path)
            page.screenshot(path=room / f"{name}-phone-{language}-{theme}.png", full_page=True)
    context.close()
    return made


def main() -> None:
    """Take them, and refuse what is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page in every variant, into this folder")
    everything: Path | None = parser.parse_args().all
    if CHROMIUM is None:
        raise SystemExit("there is no chromium on the path: apt-get install chromium")
    ROOM.mkdir(parents=True, exist_ok=True)
    with demonstrated() as scene, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        context = browser.new_context(locale="en-GB")
        found = addresses(signed_in(context, scene.console), scene)
        context.close()
        shown = {name: found[name] for name in _SHOWN}
        made = [path for each in _VARIANTS for path in take(browser, scene.console, shown, each, ROOM, whole=False)]
        if everything:
            everything.mkdir(parents=True, exist_ok=True)
            for each in _VARIANTS:
                take(browser, scene.console, found, each, everything, whole=True)
        browser.close()
    print(f"{len(made)} screenshots in {ROOM}")  # noqa: T201  # a tool
    if large := [path.name for path in made if path.stat().st_size > BYTES_MAX]:
        raise SystemExit(f"larger than {BYTES_MAX} bytes: {', '.join(large)}")


if __name__ == "__main__":
    main()
