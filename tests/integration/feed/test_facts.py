"""What viewers did outlives its topic: kept event by event, forgotten by the day, and enough to count again from."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, in_transaction
from lutong_contracts.feed import CardTapped, RequestCancelled
from lutong_feed import app
from lutong_feed.handlers import handlers
from tests.integration.feed.test_beside_the_release_before import request, request_before, solve, tap_before
from tests.integration.feed.test_engagements import an_active_card, counters, tap
from tests.integration.feed.test_feed import consume_own_events
from tests.support.builders import fulfilled

_LONG_AGO: Final = datetime.now(UTC) - timedelta(days=500)
_SCRAMBLED: Final = "UPDATE counter SET taps = 99, solved = 0, requested = 7, fulfilled = 0"


async def a_busy_card(client: httpx.AsyncClient, pool: Pool) -> str:
    """A card that was used in every way, also beside the release before; one request was fulfilled."""
    post_id = await an_active_card(client, pool)
    await tap_before(pool, post_id, "ann")
    await request_before(pool, post_id, "ann")
    await tap(client, post_id, "bo")
    await solve(client, post_id, "bo")
    await request(client, post_id, "bo")
    await consume_own_events(pool)
    order_id = await pool.fetchval("SELECT order_id FROM service_request WHERE viewer_id = 'bo'")
    await deliver(pool, handlers, fulfilled(order_id), RequestCancelled(viewer_id="bo", order_id=order_id))
    return post_id


class Fact(NamedTuple):
    """What is kept of an engagement, by what tests compare."""

    kind: str
    viewer_id: str


async def facts(pool: Pool) -> list[Fact]:
    rows = await pool.fetch("SELECT kind, viewer_id FROM engagement_fact ORDER BY kind, viewer_id")
    return [Fact(*row) for row in rows]


async def rebuilt(pool: Pool) -> int:
    found: int = await pool.fetchval("SELECT rebuild_counters()")
    return found


async def test_each_event_is_a_fact_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_busy_card(client, pool)
    await consume_own_events(pool)
    expected = [("cancel", "bo"), ("request", "ann"), ("request", "bo"), ("solve", "bo"), ("tap", "ann"), ("tap", "bo")]
    assert await facts(pool) == expected
    assert await pool.fetchval("SELECT count(*) FROM engagement_fact_default") == 0


async def test_counters_are_counted_again_from_facts(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_busy_card(client, pool)
    right = await counters(client, post_id)
    assert right == {"taps": 2, "solved": 1, "requested": 2, "fulfilled": 1, "quoted": 0}
    assert await rebuilt(pool) == 0
    await pool.execute(_SCRAMBLED)
    assert await rebuilt(pool) == 1
    assert await counters(client, post_id) == right


async def test_days_past_retention_are_forgotten_and_stay_counted(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_busy_card(client, pool)
    day = _LONG_AGO.date()
    await pool.execute(
        f"CREATE TABLE engagement_fact_{day:%Y%m%d} PARTITION OF engagement_fact FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
    )
    for number, at in enumerate((_LONG_AGO, _LONG_AGO - timedelta(days=1))):  # of a day with a partition, and without
        tapped = CardTapped(viewer_id=f"old-{number}", post_id=post_id, program_id="g-1", version=1)
        await deliver(pool, handlers, a_received(tapped)._replace(time=at))
    await pool.execute(
        "UPDATE counter SET taps = 4"
    )  # events without rows are those of the release before: it counts them
    assert (await rebuilt(pool), len(await facts(pool))) == (0, 8)
    await pool.execute("SELECT keep_fact_days('400 days')")
    assert len(await facts(pool)) == 6
    assert await pool.fetchval(f"SELECT to_regclass('engagement_fact_{day:%Y%m%d}')") is None
    assert await rebuilt(pool) == 0
    assert (await counters(client, post_id))["taps"] == 4
    await pool.execute("TRUNCATE counter_before")  # the negative control: what was added up is what makes it right
    assert await rebuilt(pool) == 1
    assert (await counters(client, post_id))["taps"] == 2


async def test_what_was_counted_before_there_were_facts_stays_counted(client: httpx.AsyncClient, pool: Pool) -> None:
    """The migration as it ran: one old tap was consumed, and one is on its way and becomes a fact."""
    post_id = await an_active_card(client, pool)
    await tap_before(pool, post_id, "ann")
    await consume_own_events(pool)
    await tap_before(pool, post_id, "bo")
    migration = next(each for each in app.service.migrations if each.name == "keep_facts" and each.component == "feed")
    insert = "INSERT INTO counter_before" + migration.sql.split("INSERT INTO counter_before", 1)[1].split(";", 1)[0]
    await pool.execute("TRUNCATE engagement_fact")
    await pool.execute(insert)
    await consume_own_events(pool)
    assert await pool.fetchval("SELECT taps FROM counter_before") == 1
    assert await facts(pool) == [("tap", "bo")]
    assert (await rebuilt(pool), (await counters(client, post_id))["taps"]) == (0, 2)


async def test_a_kind_that_the_release_before_changed_is_a_new_revision(client: httpx.AsyncClient, pool: Pool) -> None:
    async with in_transaction(pool) as tx:
        await tx.execute("UPDATE account SET kind = 'enterprise' WHERE account_id = 'ann'")
    await client.put("/v1/accounts/bo", json={"name": "Bo", "kind": "enterprise"})
    rows = await pool.fetch("SELECT account_id, revision FROM account ORDER BY account_id")
    assert [tuple(row) for row in rows] == [("ann", 2), ("bo", 2), ("cy", 1)]
