"""Old feed replicas beside new ones: the old count in the command itself, the new from the topic, and each event counts once."""

from itertools import count
from typing import Final

import httpx

from lutong_chassis import Tx, outbox
from lutong_chassis.database import Pool
from lutong_chassis.testing import in_transaction
from lutong_contracts.feed import CardTapped, ServiceRequested, ServiceSolved
from lutong_contracts.values import Line, Money, Place
from tests.integration.feed.test_engagements import an_active_card, counters, tap
from tests.integration.feed.test_feed import WANTED, consume_own_events

_COUNTS: Final = "UPDATE counter SET {} = {} + 1 WHERE post_id = $1"
"""What release fe36945 does in the command."""
_REQUESTS: Final = """
    INSERT INTO service_request (order_id, viewer_id, post_id, program_id, merchant_id, lines, total_minor, currency,
                                 correlation_id)
    VALUES ($1, $2, $3, 'g-1', 'shop', '[]', 600, 'CNY', 'journey')
"""
_orders = count(1)


async def tap_before(pool: Pool, post_id: str, viewer_id: str) -> None:
    """A tap as the release before takes it."""
    async with in_transaction(pool) as tx:
        await tx.execute(_COUNTS.format("taps", "taps"), post_id)
        await _publish(tx, CardTapped(viewer_id=viewer_id, post_id=post_id, program_id="g-1", version=1))


async def solve_before(pool: Pool, post_id: str, viewer_id: str) -> None:
    """A solution as the release before takes it."""
    async with in_transaction(pool) as tx:
        await tx.execute(_COUNTS.format("solved", "solved"), post_id)
        await _publish(tx, ServiceSolved(viewer_id=viewer_id, post_id=post_id, program_id="g-1"))


async def request_before(pool: Pool, post_id: str, viewer_id: str) -> None:
    """A request as the release before takes it."""
    event = ServiceRequested(
        viewer_id=viewer_id, order_id=f"before-{next(_orders)}", post_id=post_id, program_id="g-1", merchant_id="shop",
        lines=(Line(sku="tea", units=2, unit_price_minor=300),), total=Money(amount_minor=600, currency="CNY"),
        destination=Place(latitude=31.23, longitude=121.47), mode="delivery",
    )  # fmt: skip
    async with in_transaction(pool) as tx:
        await tx.execute(_REQUESTS, event.order_id, viewer_id, post_id)
        await tx.execute(_COUNTS.format("requested", "requested"), post_id)
        await _publish(tx, event)


async def _publish(tx: Tx, event: CardTapped | ServiceSolved | ServiceRequested) -> None:
    tx.publish(event)
    await outbox.write(tx, tx.outgoing)


async def solve(client: httpx.AsyncClient, post_id: str, viewer_id: str) -> None:
    answer = await client.post(f"/v1/posts/{post_id}/card/solutions", json={"viewer_id": viewer_id})
    assert answer.status_code == 201


async def request(client: httpx.AsyncClient, post_id: str, viewer_id: str) -> None:
    answer = await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED | {"viewer_id": viewer_id})
    assert answer.status_code == 202


async def events(pool: Pool) -> dict[str, int]:
    """How many events of each kind were published: what counters must say."""
    rows = await pool.fetch("SELECT type, count(*) AS times FROM outbox WHERE key = ANY ('{ann,bo,cy}') GROUP BY type")
    times = {row["type"]: row["times"] for row in rows}
    kinds = {"taps": "card-tapped", "solved": "service-solved", "requested": "service-requested"}
    return {name: times.get(f"lutong.feed.{kind}.v1", 0) for name, kind in kinds.items()} | {
        "fulfilled": 0,
        "quoted": 0,
    }


async def test_old_first_then_new_counts_each_event_once(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await an_active_card(client, pool)
    for before in (tap_before, solve_before, request_before):
        await before(pool, post_id, "bo")
    await tap(client, post_id, "cy")
    await solve(client, post_id, "cy")
    await request(client, post_id, "cy")
    await consume_own_events(pool)
    await consume_own_events(pool)
    assert await counters(client, post_id) == await events(pool)
    assert (await events(pool))["requested"] == 2


async def test_new_first_then_back_to_old_counts_each_event_once(client: httpx.AsyncClient, pool: Pool) -> None:
    """Also when the topic is only read after the release came back, and when the same viewer does it again."""
    post_id = await an_active_card(client, pool)
    await tap(client, post_id, "bo")
    await solve(client, post_id, "bo")
    await request(client, post_id, "bo")
    for before in (tap_before, solve_before, request_before):
        await before(pool, post_id, "bo")
        await before(pool, post_id, "ann")
    await consume_own_events(pool)
    assert await counters(client, post_id) == await events(pool)
    assert (await events(pool))["taps"] == 3


async def test_a_viewer_whom_the_old_release_counted_is_known(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await an_active_card(client, pool)
    await tap_before(pool, post_id, "bo")
    await consume_own_events(pool)
    assert (await tap(client, post_id, "bo")).status_code == 201
    await consume_own_events(pool)
    assert (await counters(client, post_id))["taps"] == (await events(pool))["taps"] == 1


async def test_a_viewer_on_both_at_once_counts_each_event_once(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await an_active_card(client, pool)
    await tap_before(pool, post_id, "bo")
    await tap(client, post_id, "bo")  # before the topic was read: nobody knows of the other yet
    await consume_own_events(pool)
    assert (await counters(client, post_id))["taps"] == (await events(pool))["taps"] == 2


async def test_without_the_mark_old_events_count_twice(client: httpx.AsyncClient, pool: Pool) -> None:
    """The negative control: rows of the release before that look like our own."""
    post_id = await an_active_card(client, pool)
    await tap_before(pool, post_id, "bo")
    await request_before(pool, post_id, "bo")
    await pool.execute("INSERT INTO engagement (post_id, viewer_id, kind) VALUES ($1, 'bo', 'tap')", post_id)
    await pool.execute("UPDATE service_request SET counted = false")
    await consume_own_events(pool)
    assert await counters(client, post_id) == await events(pool) | {"taps": 2, "requested": 2}
