"""A synthetic journey passes through every service as people's do, leaves nothing behind, and counts in no figure of the business."""

import asyncio
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import MERCHANT, Scenario, new_run
from lutong_console.probe.journey import NAMES, STEPS, Road, probe
from lutong_console.probe.prober import Prober
from lutong_console.probe.world import prepare, rights
from lutong_console.targets import Suite, call
from lutong_console.web.pages import SESSION_COOKIE
from lutong_contracts.synthetic import PROBE
from lutong_local.stack import Stack
from tests.support.command_line import Lutong
from tests.support.harness import until
from tests.support.troubles import frozen
from tests.support.web_console import Console

_MOVING = ("window", "since", "until")
"""What a report has of the moment at which it is asked for."""


async def left(client: httpx.AsyncClient, target: Suite) -> list[Any]:
    """The shelf, the credit line and the posts of the probe."""
    member = await call(client, "GET", f"{target.urls['membership']}/v1/members/{PROBE}")
    shelf = await call(client, "GET", f"{target.urls['inventory']}/v1/locations/{PROBE}/stock")
    posts = await call(client, "GET", f"{target.urls['feed']}/v1/accounts/{PROBE}/posts", auth=rights(target).member)
    return [member["lines"], shelf, posts["posts"]]


async def test_a_journey_goes_through_and_leaves_nothing(target: Suite, lutong: Lutong) -> None:
    assert lutong("probe").returncode == 0
    async with target.client(20) as client:
        before = await left(client, target)
        done = lutong("probe", "--json")
        assert done.returncode == 0, done.stdout
        assert [each["step"] for each in json.loads(done.stdout)["steps"]] == list(NAMES)
        (line,), (shelf,), posts = await left(client, target)
        assert before == [[line], [shelf], posts]
        assert (line["held_minor"], line["owed_minor"], shelf["reserved"], posts) == (0, 0, 0, [])
    verified = lutong("verify", "--json")
    assert verified.returncode == 0, verified.stdout


async def test_a_step_that_does_not_come_fails_under_its_name(stack: Stack, target: Suite, lutong: Lutong) -> None:
    assert lutong("probe").returncode == 0
    with frozen(stack, "membership"):
        done = lutong("probe", "--json", "--within", "2")
    document = json.loads(done.stdout)
    assert (done.returncode, document["failed"]) == (1, "hold")
    assert [each["step"] for each in document["steps"]] == list(NAMES[: NAMES.index("hold")])


class Overloaded(BaseHTTPRequestHandler):
    """Answers as a feed does that has too much to do."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def test_an_overloaded_feed_is_named_by_its_step(lutong: Lutong) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Overloaded) as feed:
        threading.Thread(target=feed.serve_forever, daemon=True).start()
        done = lutong.having(LUTONG_FEED_URL=f"http://127.0.0.1:{feed.server_port}")("probe", "--within", "5")
        feed.shutdown()
    assert (done.returncode, "publish" in done.stdout, "503" in done.stdout) == (1, True, True), done.stderr


def counted(prober: Prober) -> dict[str, float]:
    """Journeys that failed by step, and the age, as Prometheus takes them."""
    families = text_string_to_metric_families(prober.exposition)
    samples = [sample for family in families for sample in family.samples]
    failed = {each.labels["step"]: each.value for each in samples if each.name == "lutong_probe_failures_total"}
    return failed | {"age": next(each.value for each in samples if each.name == "lutong_probe_age_seconds")}


async def test_the_probe_of_a_console_counts_what_fails(stack: Stack, target: Suite) -> None:
    prober = Prober(target, every_s=0.2)
    running = asyncio.create_task(prober.run())
    try:

        async def came_through() -> bool:
            return prober.succeeded_at is not None

        async def failed() -> bool:
            return prober.last is not None and prober.last.failed is not None

        await until(came_through, "a journey came through")
        assert not sum(counted(prober)[step] for step in NAMES)
        succeeded_at = prober.succeeded_at
        with frozen(stack, "inventory"):
            await until(failed, "a journey failed", deadline_s=60)
            found = counted(prober)
        assert prober.last
        assert found[str(prober.last.failed)] == sum(found[step] for step in NAMES) == 1
        assert succeeded_at
        assert found["age"] > 1
    finally:
        running.cancel()


async def test_the_console_shows_its_probe_and_gives_its_metrics(stack: Stack) -> None:
    console = Console(stack, probe_every_s=1).start()
    session = console.access.enter(console.access.issue())
    assert session
    try:
        async with httpx.AsyncClient(base_url=console.url, cookies={SESSION_COOKIE: session.id}, timeout=30) as client:

            async def passed() -> bool:
                document = (await client.get("/invariants?format=json")).json()["probe"]
                return bool(document["last"] and document["last"]["passed"])

            await until(passed, "the page has a journey that came through")
            assert "came through all services" in (await client.get("/invariants")).text
            assert "lutong_probe_last_success_timestamp_seconds" in (await client.get("/invariants/metrics")).text
    finally:
        console.stop()


async def chosen_by_themselves(target: Suite, name: str, reader: str) -> set[str]:
    """Where a program stands without being asked for by its id."""
    feed, registry = target.urls["feed"], target.urls["registry"]
    asked = {
        "rankings": ("GET", f"{registry}/v1/rankings"),
        "search": ("GET", f"{registry}/v1/search?q={name}"),
        "suggestions": ("GET", f"{registry}/v1/suggestions?q={name}"),
        "for_you of the registry": ("GET", f"{registry}/v1/members/{reader}/programs?by=for_you"),
        "words of a post": ("POST", f"{registry}/v1/discoveries/previews"),
        **{
            each: ("GET", f"{feed}/v1/accounts/{reader}/placements/{each}") for each in ("square", "hottest", "for_you")
        },
    }
    async with target.client(20) as client:
        answers = {
            figure: await call(
                client, method, url, **({"json": {"texts": [f"How do I get {name}?"]}} if method == "POST" else {})
            )
            for figure, (method, url) in asked.items()
        }
    return {figure for figure, answer in answers.items() if f'"{name}"' in json.dumps(answer)}


async def active(target: Suite) -> int:
    """How many people opened a program in thirty days."""
    async with target.client(20) as client:
        found = await call(client, "GET", f"{target.urls['registry']}/v1/metrics/active")
    return int(found["trailing_30d"])


async def made(target: Suite, name: str) -> None:
    """A journey of which everybody may see the post, and which stays."""
    await prepare(target, name)
    async with target.client(20) as client:
        road = Road(client, target.urls, rights(target, name), name, "everybody")
        for step in STEPS[:-1]:
            await step(road)


async def test_nothing_leads_to_the_probe_and_nobody_counts_it(target: Suite, scenarios: dict[str, Scenario]) -> None:
    reader, ordinary = scenarios["z"].viewer, f"ordinary-{new_run()}"
    await call(scenarios["z"].client, "PUT", f"{target.urls['feed']}/v1/accounts/{reader}", json={"name": reader})
    people = await active(target)
    await made(target, PROBE)
    assert await chosen_by_themselves(target, PROBE, reader) == set()
    assert await active(target) == people
    await made(target, ordinary)  # the control: the same journey, under an id that is not reserved

    async def is_everywhere() -> bool:
        return len(await chosen_by_themselves(target, ordinary, reader)) == 8

    await until(is_everywhere, "an ordinary program is found, ranked and shown")
    assert await active(target) == people + 1


async def of_a_merchant(scenario: Scenario) -> dict[str, Any]:
    """The figures of a merchant and of one of its programs and posts."""
    asked = {
        "stores": ("inventory", f"/v1/merchants/{MERCHANT}/stores/report"),
        "sales": ("inventory", f"/v1/merchants/{MERCHANT}/sales"),
        "store uplift": ("inventory", f"/v1/merchants/{MERCHANT}/stores/uplift"),
        "member uplift": ("membership", f"/v1/merchants/{MERCHANT}/uplift"),
        "page views": ("registry", "/v1/programs/demo-watsons/traffic"),
        "entries of page views": ("registry", "/v1/programs/demo-watsons/traffic/entries"),
        "days": ("registry", "/v1/programs/demo-watsons/days"),
        "funnel": ("feed", f"/v1/posts/{scenario.post}/funnel"),
    }
    found = {name: await scenario.ask(service, "GET", path) for name, (service, path) in asked.items()}
    return {
        name: {key: value for key, value in answer.items() if key not in _MOVING}
        if isinstance(answer, dict)
        else answer
        for name, answer in found.items()
    }


async def test_figures_of_a_merchant_have_nothing_of_the_probe(target: Suite, scenarios: dict[str, Scenario]) -> None:
    shopper = scenarios["b"]
    await ROADS[1].walk(shopper)
    before = await of_a_merchant(shopper)
    await made(target, PROBE)
    assert await of_a_merchant(shopper) == before
    await ROADS[1].walk(scenarios["e"])  # the control: another order of this merchant
    after = await of_a_merchant(shopper)
    assert {name for name in before if after[name] != before[name]} >= {"stores", "sales", "days"}


async def test_a_suite_that_nobody_signs_for_fails_at_the_first_step(target: Suite) -> None:
    outcome = await probe(replace(target, issuer=None))
    assert (outcome.failed, outcome.steps) == ("publish", ())
    assert "probe_member_token" in outcome.why
