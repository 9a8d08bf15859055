"""What operators look at stays usable when there is much of it: 100,000 parked records, and a journey of 5,000 events."""

from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.testing import http_client
from lutong_console.cli.commands.journey import journey_of
from lutong_console.parked_records import groups_of, parked_of
from lutong_console.targets import Suite
from lutong_inventory.app import service

PARKED: Final = 100_000
EVENTS: Final = 5_000
KINDS: Final = 20
INVENTORY: Final = Suite({"inventory": ""}, KafkaAccess("nowhere:9"), {})
FILL_PARKED: Final = """
    INSERT INTO parked (state, topic, partition, "offset", recorded_at, key, value, headers, event_id, type, reason, error)
    SELECT 'parked', 'lutong.feed.posts', n % 12, n, now(), convert_to('post-' || n, 'UTF8'),
           convert_to('{"post_id": "post-' || n || '", "merchant_id": "shop-' || n % 4 || '"}', 'UTF8'), convert_to('[]', 'UTF8'), 'scale-' || n,
           'lutong.feed.post-published.v1', 'handler_failed', 'cannot be read: field ' || chr(97 + n % $2::int / 4) || ' at ' || n
      FROM generate_series(1, $1::int) AS n
"""
FILL_JOURNEY: Final = """
    INSERT INTO inbox (source, id, type, topic, partition, "offset", key, correlation_id, occurred_at, received_at)
    SELECT '/lutong/feed', 'e-' || n, 'lutong.feed.post-published.v1', 'lutong.feed.posts', n % 12, n, 'post-' || n % 40, 'long',
           now(), now() + n / 3 * interval '1 ms'
      FROM generate_series(1, $1::int) AS n
"""


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        yield client


async def test_a_hundred_thousand_parked_records_are_read_page_by_page(client: httpx.AsyncClient, pool: Pool) -> None:
    await pool.execute(FILL_PARKED, PARKED, KINDS)
    groups = await groups_of(client, "")
    assert (sum(each["records"] for each in groups), len(groups)) == (PARKED, KINDS)
    name, after, seen = groups[0]["group"], 0, []
    for _ in range(3):
        rows, total = await parked_of(client, "", {"group": name, "after": after})
        assert (len(rows), total) == (100, groups[0]["records"])
        seen += [row["id"] for row in rows]
        after = seen[-1]
    assert seen == sorted(set(seen))


async def test_a_journey_of_five_thousand_events_is_whole(client: httpx.AsyncClient, pool: Pool) -> None:
    await pool.execute(FILL_JOURNEY, EVENTS)
    steps = await journey_of(client, INVENTORY, "long")
    assert len({step.event_id for step in steps}) == EVENTS
    one_key = await journey_of(client, INVENTORY, "long", "post-7")
    assert len(one_key) == EVENTS // 40


async def test_a_page_of_a_journey_is_bounded_and_its_mark_is_checked(client: httpx.AsyncClient, pool: Pool) -> None:
    await pool.execute(FILL_JOURNEY, EVENTS)
    first = await client.get("/operations/journeys/long")
    assert (len(first.json()), first.headers["lutong-total"], "lutong-next" in first.headers) == (
        2_000,
        str(EVENTS),
        True,
    )
    wrong = await client.get("/operations/journeys/long", params={"after": "yesterday"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/query/after")
