"""`lutong tail` of what is there already: all of it, in order of time, and to an end."""

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from uuid_utils.compat import uuid7

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_console.topic_reader import NOW, START, Span, records_of
from lutong_contracts import TOPICS
from tests.support.command_line import Lutong
from tests.support.harness import until

NAMES = [topic.name for topic in TOPICS]


class Position(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


async def read(target: Suite, span: Span) -> list[Position]:
    async with aclosing(records_of(target.kafka, NAMES, span, asyncio.Event())) as records:
        return [Position(record.topic, record.partition, record.offset) async for record in records]


@pytest.mark.timeout(300)  # twenty readers, one after the other
async def test_the_start_is_never_taken_for_the_end(target: Suite, scenarios: dict[str, Scenario]) -> None:
    await ROADS[0].walk(scenarios["a"])
    found = [len(await read(target, Span(START, NOW))) for _ in range(20)]
    assert min(found) >= len(ROADS[0].events)


async def test_several_topics_come_in_order_of_time(lutong: Lutong, scenarios: dict[str, Scenario]) -> None:
    for road in ROADS[:3]:
        await road.walk(scenarios[road.letter])
    done = lutong("tail", "--since", "start", "--until", "now")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    times = [record["at"] for record in found]
    assert (done.returncode, len({record["topic"] for record in found}) > 3) == (0, True)
    assert times == sorted(times)


@pytest.mark.parametrize("moment", ["now", "0s", "{now}"])
def test_tail_until_a_moment_ends(moment: str, lutong: Lutong) -> None:
    moment = moment.format(now=datetime.now(UTC).isoformat())
    done = lutong("tail", "--since", "start", "--key", "nosuch", "--until", moment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_tail_until_a_moment_to_come_ends_then(lutong: Lutong) -> None:
    moment = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    assert lutong("tail", "--since", "start", "--key", "nosuch", "--until", moment).returncode == 0


async def test_absolute_times_bound_what_is_shown(
    lutong: Lutong, target: Suite, scenarios: dict[str, Scenario]
) -> None:
    await ROADS[0].walk(scenarios["a"])
    between = datetime.now(UTC)
    await ROADS[0].walk(scenarios["b"])
    earlier = set(await read(target, Span(START, between)))
    later = set(await read(target, Span(between, NOW)))
    assert earlier
    assert later
    assert not earlier & later
    assert earlier | later == set(await read(target, Span(START, NOW)))
    done = lutong(
        "tail", "posts", "--since", between.isoformat(), "--until", "now", "--journey", scenarios["a"].journey
    )
    assert (done.returncode, done.stdout) == (0, "")


async def test_tail_shows_each_band_of_a_shelf_once(lutong: Lutong, scenarios: dict[str, Scenario]) -> None:
    """From the counts of a shop to the topic: one event for each change of the band, none for a unit back and forth."""
    sku = f"band-{uuid7().hex[-8:]}"
    for on_hand in (9, 5, 6, 5, 6, 5, 0, 9):
        await scenarios["a"].ask("inventory", "PUT", f"/v1/locations/store-lujiazui/stock/{sku}", on_hand=on_hand)
    words = ["in_stock", "limited_availability", "out_of_stock", "in_stock"]

    async def shown() -> bool:
        done = await asyncio.to_thread(
            lutong, "tail", "stock", "--since", "start", "--until", "now", "--key", f"store-lujiazui:{sku}"
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        found = [each["event"] for each in events if "adjusted" not in each["type"]]
        assert all(event["merchant_id"] == "watsons" for event in found)
        return [event["band"] for event in found] == words

    await until(shown, f"the topic has the bands {words}")
