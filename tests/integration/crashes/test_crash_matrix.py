"""Every command and every handler of every service, killed at every boundary: all of it happens once, or none."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import pytest
from fastapi.routing import APIRoute

from lutong_chassis import Service
from lutong_chassis.testing import create_database, drop_database, migrate_database
from lutong_contracts import Event
from tests.conftest import Infrastructure
from tests.integration.crashes.crashing_process import Command, Delivery, act, die, service_named
from tests.integration.crashes.scenarios import CHAPTERS, STORIES
from tests.integration.crashes.steps import Meanwhile
from tests.support.harness import a_record

BEFORE_COMMIT_OF_A_COMMAND: Final = ("before_transaction", "after_state", "after_outbox", "before_commit")
BEFORE_COMMIT_OF_A_HANDLER: Final = (
    "consumer_fetched",
    "before_transaction",
    "inbox_inserted",
    *BEFORE_COMMIT_OF_A_COMMAND[1:],
)
BEHIND_COMMIT: Final = "after_commit"


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("masters")  # the vault of inventory is open
@pytest.mark.parametrize("chapter", CHAPTERS)
async def test_whatever_dies_wherever_it_happens_once_or_not_at_all(
    chapter: str, infrastructure: Infrastructure
) -> None:
    name, first = CHAPTERS[chapter]
    service = service_named(name)
    last = next((begin for story, begin in CHAPTERS.values() if story == name and begin > first), len(STORIES[name]))
    database_name = f"matrix_{chapter}"
    url = await create_database(infrastructure.admin_url, database_name)
    try:
        await migrate_database(url, service.migrations)
        known: dict[str, Any] = {}
        async with connected(url) as observer:
            for number, step in enumerate(STORIES[name][:last]):
                if isinstance(step, Meanwhile):
                    await observer.execute(step.sql)
                    continue
                what = step(known) if callable(step) else step
                place = Place(service, url, observer)
                known |= await (let_be if number < first else die_everywhere)(place, number, what)
    finally:
        await drop_database(infrastructure.admin_url, database_name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where things die: what is killed, and a connection that looks at what is left."""

    service: Service
    url: str
    observer: asyncpg.Connection

    def die(self, point: str, step: Command | Delivery) -> int:
        return die(self.service.name, self.url, point, step)

    async def everything(self) -> list[tuple[str, str]]:
        return await everything(self.observer)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that only looks."""
    observer = await asyncpg.connect(url, statement_cache_size=0)
    try:
        yield observer
    finally:
        await observer.close()


async def everything(observer: asyncpg.Connection) -> list[tuple[str, str]]:
    """All rows of all tables, with the table's name."""
    tables = await observer.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    rows = " UNION ALL ".join(f"SELECT '{name}', whole::text FROM {name} AS whole" for (name,) in tables)
    return sorted(tuple(row) for row in await observer.fetch(rows))


async def die_everywhere(place: Place, number: int, what: Command | Event) -> dict[str, Any]:
    """Let one step die at each boundary, then let it be; gives what a command was answered."""
    step = replace(what, key=f"step-{number}") if isinstance(what, Command) else a_delivery(what, number)
    points = BEFORE_COMMIT_OF_A_COMMAND if isinstance(what, Command) else BEFORE_COMMIT_OF_A_HANDLER
    before = await place.everything()
    for point in points:
        assert place.die(point, step) == -9, f"{step} did not reach {point}"
        assert await place.everything() == before, f"{step} left a trace when it died at {point}"

    assert place.die(BEHIND_COMMIT, step) == -9, f"{step} did not reach {BEHIND_COMMIT}"
    after = await place.everything()
    assert after != before, f"{step} was lost"
    answer = await act(place.service, place.url, step)
    assert await place.everything() == after, f"{step} happened twice"
    if answer is None:
        assert place.die("committed_not_offsets", step) == -9
        assert await place.everything() == after, f"{step} happened again"
        return {}
    assert answer.status_code < 300, answer.text
    assert answer.headers["idempotency-replayed"] == "true"
    body = answer.json() if answer.content else {}
    return body if isinstance(body, dict) else {}


async def let_be(place: Place, number: int, what: Command | Event) -> dict[str, Any]:
    """Let a step of an earlier chapter be; gives what a command was answered."""
    step = replace(what, key=f"step-{number}") if isinstance(what, Command) else a_delivery(what, number)
    answer = await act(place.service, place.url, step)
    body = answer.json() if answer and answer.content else {}
    return body if isinstance(body, dict) else {}


def a_delivery(event: Event, offset: int) -> Delivery:
    key, value, headers = a_record(event)
    timestamp = round(datetime.now(UTC).timestamp() * 1000)
    readable = [(name, (header or b"").decode("latin-1")) for name, header in headers]
    return Delivery(event.topic.name, offset, timestamp, key, (value or b"").decode(), readable)


KEYLESS: Final = frozenset(
    {
        ("POST", "/v1/agreements/{agreement_id}/rights/{right_id}/codes"),
        ("POST", "/v1/members/{member_id}/addresses"),
        ("POST", "/v1/orders/{order_id}/address"),
        ("POST", "/v1/orders/{order_id}/pickup-code"),
    }
)
"""Commands that take no Idempotency-Key, as their answers are kept nowhere: asked again they give another answer."""
QUESTIONS: Final = frozenset(
    {
        ("POST", "/v1/availability"),
        ("POST", "/v1/discoveries/previews"),
        ("POST", "/v1/merchants/{merchant_id}/sourcing-rules/what-if"),
    }
)
"""They have a body and change nothing: there is nothing to lose, and nothing that happens twice."""
NAMES: Final = (
    "order_id",
    "agreement_id",
    "coupon_id",
    "proposal_id",
    "repayment_id",
    "hold_id",
    "transfer_id",
    "code",
)
"""What steps need to know of answers before."""


@pytest.mark.parametrize("name", STORIES)
def test_the_stories_tell_of_every_handler_and_every_command(name: str) -> None:
    service = service_named(name)
    known = dict.fromkeys(NAMES, "x-1")
    story = [step for step in STORIES[name] if not isinstance(step, Meanwhile)]
    steps = [step(known) if callable(step) else step for step in story]
    commands = [step for step in steps if isinstance(step, Command)]
    routes = {
        (method, route.path): re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path) + "$")
        for route in service.routes.routes
        if isinstance(route, APIRoute)
        for method in set(route.methods or ()) - {"GET", "HEAD"}
    }
    covered = {
        route
        for route, pattern in routes.items()
        if any(command.method == route[0] and pattern.match(command.path) for command in commands)
    }
    assert set(routes) - KEYLESS - QUESTIONS == covered
    assert {type(step) for step in steps if isinstance(step, Event)} == set(service.handlers.by_type)
