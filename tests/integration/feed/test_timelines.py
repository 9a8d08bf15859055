"""Timelines that are kept: from the first read on, by steps of bounded size, whatever happens at once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from lutong_chassis.database import Pool, transaction
from lutong_chassis.testing import a_member, an_operator, bearer, deliver, in_transaction
from lutong_contracts import Event, event_class
from lutong_contracts.timelines import FanOutAsked, FollowMoved, TierChanged, TimelineOpened, TimelineUnread
from lutong_feed.handlers import handlers
from lutong_feed.timelines import store
from lutong_feed.timelines.domain import Edge
from tests.integration.conftest import forget_settings
from tests.support.harness import until

TIMELINE = "/v1/accounts/ann/timeline"


@pytest.fixture
async def follows(client: httpx.AsyncClient) -> None:
    """Ann follows Bo, who has published a post."""
    (await client.put("/v1/accounts/ann/follows/bo")).raise_for_status()
    await publish(client, "bo", "first")


@pytest.fixture
async def kept(client: httpx.AsyncClient, pool: Pool, follows: None) -> None:
    """Ann has read, and her timeline is kept."""
    await shown(client)
    await consume(pool)


async def publish(client: httpx.AsyncClient, author_id: str, text: str) -> str:
    answer = await client.post("/v1/posts", json={"author_id": author_id, "text": text, "card": "none"})
    post_id: str = answer.raise_for_status().json()["post_id"]
    return post_id


async def shown(client: httpx.AsyncClient, reader_id: str = "ann") -> list[str]:
    answer = await client.get(f"/v1/accounts/{reader_id}/timeline", headers=bearer(a_member(reader_id)))
    return [post["text"] for post in answer.raise_for_status().json()["posts"]]


async def consume(pool: Pool) -> None:
    """What the feed published for itself is consumed, and what follows from it."""
    while True:
        async with in_transaction(pool) as tx:
            rows = await tx.fetch(
                "DELETE FROM outbox WHERE topic = 'lutong.feed.timelines' RETURNING id, type, payload"
            )
        events = [
            event_class(row["type"]).model_validate_json(row["payload"])
            for row in sorted(rows, key=lambda row: row["id"])
        ]
        if not events:
            return
        await deliver(pool, handlers, *events)


async def entries(pool: Pool, reader_id: str = "ann") -> int:
    async with in_transaction(pool) as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM timeline_entry WHERE reader_id = $1", reader_id)
    return count


async def test_reading_has_a_timeline_kept(client: httpx.AsyncClient, pool: Pool, follows: None) -> None:
    await consume(pool)
    assert await entries(pool) == 0  # nobody has read
    assert await shown(client) == ["first"]
    await consume(pool)
    assert await entries(pool) == 1
    await publish(client, "bo", "second")
    assert await shown(client) == ["second", "first"]  # under way
    await consume(pool)
    assert await shown(client) == ["second", "first"]
    assert await entries(pool) == 2


async def test_others_who_look_keep_nothing(client: httpx.AsyncClient, pool: Pool, follows: None) -> None:
    (await client.get(TIMELINE, headers=bearer(an_operator()))).raise_for_status()
    async with in_transaction(pool) as tx:
        assert await tx.fetchval("SELECT count(*) FROM timeline_reader") == 0


async def test_a_day_has_one_opening(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    await shown(client)
    async with in_transaction(pool) as tx:
        assert await tx.fetchval("SELECT count(*) FROM outbox WHERE topic = 'lutong.feed.timelines'") == 0


async def test_a_page_is_shown_when_nothing_can_be_kept(client: httpx.AsyncClient, pool: Pool, follows: None) -> None:
    async with in_transaction(pool) as tx:
        await tx.execute("ALTER TABLE timeline_reader ADD CHECK (reader_id <> 'ann')")
    assert await shown(client) == ["first"]


@pytest.mark.parametrize("kind", ["follows", "blocks"])
async def test_what_is_not_followed_any_more_is_gone_at_once(
    kind: str, client: httpx.AsyncClient, pool: Pool, kept: None
) -> None:
    method = "DELETE" if kind == "follows" else "PUT"
    (await client.request(method, f"/v1/accounts/ann/{kind}/bo")).raise_for_status()
    assert await shown(client) == []
    await consume(pool)
    assert await entries(pool) == 0


async def test_a_mute_leaves_out_and_comes_back(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    (await client.put("/v1/accounts/ann/mutes/bo")).raise_for_status()
    assert await shown(client) == []
    (await client.delete("/v1/accounts/ann/mutes/bo")).raise_for_status()
    assert await shown(client) == ["first"]


async def test_a_new_follow_takes_over_what_was_published(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    await publish(client, "cy", "of cy")
    await consume(pool)
    (await client.put("/v1/accounts/ann/follows/cy")).raise_for_status()
    assert await shown(client) == ["of cy", "first"]  # pulled
    await consume(pool)
    assert await shown(client) == ["of cy", "first"]
    assert await entries(pool) == 2


async def test_a_deleted_post_costs_two_rows_and_is_gone(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    post_id = await publish(client, "bo", "wrong")
    await consume(pool)
    assert await entries(pool) == 2
    (await client.delete(f"/v1/posts/{post_id}", headers=bearer(a_member("bo")))).raise_for_status()
    assert await shown(client) == ["first"]
    assert await entries(pool) == 2  # what it was copied to is not touched


async def test_who_does_not_read_has_no_copy_until_they_do(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    async with in_transaction(pool) as tx:
        await tx.execute("UPDATE timeline_reader SET seen_at = now() - interval '8 days'")
    await deliver(pool, handlers, TimelineUnread(reader_id="ann"))
    assert await entries(pool) == 0
    await publish(client, "bo", "meanwhile")
    await consume(pool)
    assert await entries(pool) == 0
    assert await shown(client) == ["meanwhile", "first"]  # never an empty page
    await consume(pool)
    assert await entries(pool) == 2


async def test_who_reads_is_looked_at_again_later(pool: Pool, kept: None) -> None:
    assert await deliver(pool, handlers, TimelineUnread(reader_id="ann")) == [TimelineUnread(reader_id="ann")]
    assert await entries(pool) == 1


async def test_a_post_that_was_lost_is_copied_a_day_later(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    post_id = await publish(client, "bo", "lost")
    async with in_transaction(pool) as tx:
        await tx.execute("DELETE FROM outbox WHERE topic = 'lutong.feed.timelines'")
        await tx.execute("UPDATE post SET published_at = published_at - interval '2 days'")
    assert FanOutAsked(author_id="bo", post_id=post_id) in await deliver(pool, handlers, TimelineUnread(reader_id="cy"))


async def test_no_more_is_kept_than_stated(
    client: httpx.AsyncClient, pool: Pool, kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        await publish(client, "bo", f"post {number}")
    await consume(pool)
    whole = await walked(client)
    monkeypatch.setenv("LUTONG_TIMELINE_KEPT", "20")
    forget_settings()
    await deliver(pool, handlers, TimelineOpened(reader_id="ann"))
    forget_settings()
    assert await entries(pool) == 20
    assert await walked(client) == whole == [*(f"post {number}" for number in range(29, -1, -1)), "first"]


async def walked(client: httpx.AsyncClient) -> list[str]:
    """All of a timeline, seven at a time."""
    texts: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "7"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(TIMELINE, params=params, headers=bearer(a_member("ann")))).raise_for_status().json()
        texts += [post["text"] for post in page["posts"]]
        if (cursor := page["next_cursor"]) is None:
            return texts


@pytest.fixture
async def crowded(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Two followers are many, and one is few."""
    for name, value in {"PULL_FROM": "2", "PUSH_BELOW": "1"}.items():
        monkeypatch.setenv(f"LUTONG_TIMELINE_{name}", value)
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


async def test_an_author_with_many_followers_is_pulled(
    client: httpx.AsyncClient, pool: Pool, kept: None, crowded: None
) -> None:
    (await client.put("/v1/accounts/cy/follows/bo")).raise_for_status()
    await publish(client, "bo", "second")
    await consume(pool)
    assert await entries(pool) == 0
    assert await shown(client) == ["second", "first"]
    (await client.delete("/v1/accounts/cy/follows/bo")).raise_for_status()
    await publish(client, "bo", "third")
    await consume(pool)
    assert await entries(pool) == 0  # between the thresholds nothing changes
    (await client.delete("/v1/accounts/ann/follows/bo")).raise_for_status()
    await publish(client, "bo", "fourth")
    await consume(pool)
    (await client.put("/v1/accounts/ann/follows/bo")).raise_for_status()
    await consume(pool)
    assert await shown(client) == ["fourth", "third", "second", "first"]
    assert await entries(pool) == 4


async def test_a_step_of_a_tier_that_changed_again_does_nothing(pool: Pool, kept: None) -> None:
    assert await deliver(pool, handlers, TierChanged(author_id="bo", tier="pull")) == []
    assert await entries(pool) == 1


async def a_race(client: httpx.AsyncClient, pool: Pool) -> list[str]:
    """A follow is merged, and before it commits its author publishes, and the post is copied. What the reader has of both."""
    (await client.put("/v1/accounts/ann/follows/cy")).raise_for_status()
    async with transaction(pool) as tx:
        await store.lock_authors(tx, ["cy"])
        await store.merge(tx, [Edge("ann", "cy")], 400)
        post_id = await publish(client, "cy", "between")
        copying = asyncio.create_task(deliver(pool, handlers, FanOutAsked(author_id="cy", post_id=post_id)))
        await until(lambda: ended_or_waits(pool, copying), "the copy ends, or waits")
    await copying
    return await shown(client)


async def ended_or_waits(pool: Pool, task: asyncio.Task[list[Event]]) -> bool:
    """Whether a delivery is over, or waits for a lock."""
    async with in_transaction(pool) as tx:
        waits = await tx.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return task.done() or waits > 0


async def test_a_post_is_taken_over_or_copied(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    assert await a_race(client, pool) == ["between", "first"]


async def test_without_the_lock_a_post_is_neither(
    client: httpx.AsyncClient, pool: Pool, kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_args: object) -> None:
        pass

    monkeypatch.setattr(store, "lock_authors", nothing)
    assert await a_race(client, pool) == ["first"]


async def test_chunks_and_merges_at_once_end_well(client: httpx.AsyncClient, pool: Pool, kept: None) -> None:
    posts = [await publish(client, author, f"{author} {n}") for n in range(5) for author in ("bo", "cy")]
    (await client.put("/v1/accounts/ann/follows/cy")).raise_for_status()
    events: list[Event] = [
        FanOutAsked(author_id="bo" if n % 2 == 0 else "cy", post_id=post_id) for n, post_id in enumerate(posts)
    ]
    events += [FollowMoved(author_id="cy", reader_id="ann"), TimelineOpened(reader_id="ann")] * 3

    async def consumed(event: Event) -> None:
        for _ in range(3):  # as a consumer does: what was caught in a deadlock is tried again
            try:
                await deliver(pool, handlers, event)
            except asyncpg.DeadlockDetectedError:
                continue
            return

    await asyncio.gather(*(consumed(event) for event in events))
    await consume(pool)
    assert await entries(pool) == 11
    assert len(await shown(client)) == 11
