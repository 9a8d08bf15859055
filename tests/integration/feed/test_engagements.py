"""What viewers do with a card: each counts once, however often and with how many others at once."""

import asyncio

import httpx

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import PublishedEvent, a_member, deliver, events_published, http_client
from lutong_feed import app
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, consume_own_events, discovered

TAPPED = "lutong.feed.card-tapped.v1"


async def an_active_card(client: httpx.AsyncClient, pool: Pool) -> str:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    return post_id


async def tap(client: httpx.AsyncClient, post_id: str, viewer_id: str) -> httpx.Response:
    return await client.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": viewer_id})


async def counters(client: httpx.AsyncClient, post_id: str) -> dict[str, int]:
    found: dict[str, int] = (await client.get(f"/v1/posts/{post_id}")).json()["counters"]
    return found


async def test_a_second_tap_is_answered_as_the_first_and_not_published_again(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await an_active_card(client, pool)
    first, second = [await tap(client, post_id, "bo") for _ in range(2)]
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert (await events_published(pool)).count(PublishedEvent(TAPPED, "bo")) == 1


async def test_many_viewers_at_one_card_counts_each_viewer_once(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await an_active_card(client, pool)
    answers = await asyncio.gather(*(tap(client, post_id, viewer) for viewer in ("ann", "bo", "cy") * 10))
    assert {answer.status_code for answer in answers} == {201}
    await consume_own_events(pool)
    await consume_own_events(pool)
    assert (await counters(client, post_id))["taps"] == 3


async def test_refused_taps_leave_the_others_of_their_batch_alone(client: httpx.AsyncClient, pool: Pool) -> None:
    active, resolving = await an_active_card(client, pool), await a_post(client)
    wanted = [(active, "ann"), ("nothing", "ann"), (resolving, "bo"), (active, "nobody"), (active, "bo")]
    answers = await asyncio.gather(*(tap(client, *each) for each in wanted))
    assert [answer.status_code for answer in answers] == [201, 404, 409, 404, 201]
    assert [key for kind, key in await events_published(pool) if kind == TAPPED] == ["ann", "bo"]


async def test_taps_and_solutions_are_counted_apart(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await an_active_card(client, pool)
    await tap(client, post_id, "bo")
    for _ in range(2):
        await client.post(f"/v1/posts/{post_id}/card/solutions", json={"viewer_id": "bo"})
    await consume_own_events(pool)
    assert await counters(client, post_id) == {"taps": 1, "solved": 1, "requested": 0, "fulfilled": 0, "quoted": 0}


async def test_batches_of_staff_are_on_record_and_those_of_members_not(
    service: Service, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await an_active_card(client, pool)
    async with http_client(service, pool, a_member("bo")) as bo:
        await asyncio.gather(tap(bo, post_id, "bo"), tap(client, post_id, "cy"), tap(client, post_id, "ann"))
    rows = await pool.fetch(
        "SELECT actor, subject, after ->> 'viewer_id' AS viewer FROM audit WHERE action = 'card.tap'"
    )
    assert sorted(map(tuple, rows)) == [("ada", f"post:{post_id}", "ann"), ("ada", f"post:{post_id}", "cy")]


async def test_what_the_release_before_counted_is_not_counted_again(client: httpx.AsyncClient, pool: Pool) -> None:
    """Its events are still on the topic: the migration takes them for received, and its viewers for known."""
    post_id = await an_active_card(client, pool)
    await tap(client, post_id, "bo")
    migration = next(each for each in app.service.migrations if each.name == "count_viewers_once")
    await pool.execute("TRUNCATE engagement; UPDATE counter SET taps = 1")
    await pool.execute("INSERT" + migration.sql.split(";", 1)[1].partition("INSERT")[2])
    await consume_own_events(pool)
    assert (await counters(client, post_id))["taps"] == 1
    await tap(client, post_id, "bo")
    assert (await events_published(pool)).count(PublishedEvent(TAPPED, "bo")) == 1
