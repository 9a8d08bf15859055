"""What keeping timelines costs and gains: pulled beside kept, in one run, on the graph of `fanout`.

A post is copied to 10, 1,000 and 100,000 followers who all read, the last with thresholds that would push it, and as it is by default;
pages are read of anybody, and of one who follows 5,000, before their timelines are kept and after; one post of an author with a
million followers is deleted, and the rows that this changes are counted.
"""

import asyncio
import os
import random
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Any, Final

import httpx

from lutong_chassis import settings as chassis_settings
from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts import Event
from lutong_contracts.timelines import FanOutAsked, TimelineOpened, TimelineUnread
from lutong_feed.handlers import handlers
from lutong_local.stack import Stack
from tests.bench.fanout import FOLLOWERS, READS, a_feed, edges, fill, reads

FOLLOWED: Final = 5_000
MILLION: Final = 1_000_000
_POSTS: Final = 20
_PULLED_FROM: Final = "LUTONG_TIMELINE_PULL_FROM"


def _pull_from(followers: int | None) -> None:
    """Set from how many followers on an author is pulled; None is what is shipped."""
    if followers is None:
        os.environ.pop(_PULLED_FROM, None)
    else:
        os.environ[_PULLED_FROM] = str(followers)
    chassis_settings._chosen.cache_clear()


async def _consume(pool: Pool, events: Sequence[Event]) -> int:
    """Consume events and what follows from them; gives in how many steps."""
    steps = 0
    while events := [event for event in events if not isinstance(event, TimelineUnread)]:
        steps += 1
        events = await deliver(pool, handlers, *events)
    return steps


async def keep(pool: Pool, readers: Sequence[str]) -> float:
    """Have timelines kept; gives how long one takes, in ms."""
    await pool.execute(
        "INSERT INTO timeline_reader (reader_id) SELECT DISTINCT unnest($1::text[]) ON CONFLICT DO NOTHING",
        list(readers),
    )
    began = perf_counter()
    for reader_id in readers:
        await _consume(pool, [TimelineOpened(reader_id=reader_id)])
    return round(1000 * (perf_counter() - began) / len(readers), 1)


async def copies(pool: Pool, client: httpx.AsyncClient, followers: int, *, pull_from: int | None) -> dict[str, Any]:
    """Publish posts of an author whose followers all read; gives what one costs, to publish and to copy."""
    author_id = f"author-{followers}-{pull_from or 'shipped'}"
    await client.put(f"/v1/accounts/{author_id}", json={"name": "author"})
    await pool.execute(
        "INSERT INTO follow (follower_id, followee_id, pushed) SELECT 'a-' || n, $1, true FROM generate_series(0, $2 - 1) AS n",
        author_id,
        followers,
    )
    await pool.execute(
        "INSERT INTO timeline_reader (reader_id, floor_at) SELECT 'a-' || n, now() FROM generate_series(0, $1 - 1) AS n ON CONFLICT DO NOTHING",
        followers,
    )
    _pull_from(pull_from)
    posting, copying, steps = [], [], 0
    for _ in range(_POSTS if followers < 100_000 else 3):
        began = perf_counter()
        answer = await client.post("/v1/posts", json={"author_id": author_id, "text": "今天天气不错", "card": "none"})
        posting.append(1000 * (perf_counter() - began))
        post_id = answer.raise_for_status().json()["post_id"]
        began = perf_counter()
        steps = await _consume(pool, [FanOutAsked(author_id=author_id, post_id=post_id)])
        copying.append(1000 * (perf_counter() - began))
    _pull_from(None)
    tier = "pull" if await pool.fetchval("SELECT true FROM pulled_author WHERE author_id = $1", author_id) else "push"
    found = {
        "followers": followers,
        "tier": tier,
        "post_ms": median(posting),
        "copy_ms": copying[-1] if tier == "pull" else median(copying),
    }
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()} | {
        "steps": steps
    }


async def deletion(pool: Pool, client: httpx.AsyncClient) -> dict[str, Any]:
    """One post of an author with a million followers goes; gives how many rows that changed, and how long it took."""
    await client.put("/v1/accounts/star", json={"name": "star"})
    await pool.execute(
        "INSERT INTO account (account_id, name, kind) SELECT 'f-' || n, 'f', 'personal' FROM generate_series(0, $1 - 1) AS n",
        MILLION,
    )
    await pool.execute(
        "INSERT INTO follow (follower_id, followee_id) SELECT 'f-' || n, 'star' FROM generate_series(0, $1 - 1) AS n",
        MILLION,
    )
    waited = []
    for number in range(_POSTS):
        post = {"author_id": "star", "text": "今天天气不错", "card": "none", "post_id": f"star-{number}"}
        (await client.post("/v1/posts", json=post)).raise_for_status()
    before = await _changed(pool)
    for number in range(_POSTS):
        began = perf_counter()
        (await client.delete(f"/v1/posts/star-{number}", params={"reason": "spam"})).raise_for_status()
        waited.append(1000 * (perf_counter() - began))
    after = await _changed(pool)
    rows = {
        table: round((after[table] - before.get(table, 0)) / _POSTS, 1)
        for table in after
        if after[table] != before.get(table, 0)
    }
    return {"followers": MILLION, "delete_ms": round(median(waited), 1), "rows changed per post": rows}


async def _changed(pool: Pool) -> dict[str, int]:
    """How many rows of each table of posts and timelines were changed so far."""
    await pool.expire_connections()
    await asyncio.sleep(1.5)  # statistics are sent when a session ends, or once a second
    rows = await pool.fetch(
        """
        SELECT relname, n_tup_ins + n_tup_upd + n_tup_del AS changed FROM pg_stat_user_tables
         WHERE relname = ANY ('{post,card,follow,timeline_entry,timeline_reader,post_revision}')
        """
    )
    return {row["relname"]: row["changed"] for row in rows}


async def _measure(stack: Stack, share: float) -> dict[str, Any]:
    rng = random.Random(1)
    accounts = max(2_772, int(100_000 * share))
    origin, follows = edges(accounts, rng)
    async with a_feed(stack) as (pool, client):
        await fill(pool, accounts, follows)
        await client.put("/v1/accounts/eager", json={"name": "eager"})
        await pool.execute(
            "INSERT INTO follow (follower_id, followee_id) SELECT 'eager', 'a-' || n FROM generate_series(0, $1 - 1) AS n",
            min(FOLLOWED, accounts),
        )
        anybody = [f"a-{rng.randrange(accounts)}" for _ in range(int(READS * max(share, 0.2)))]
        eager = ["eager"] * 200
        pulled = {"anybody": await reads(client, anybody), "eager": await reads(client, eager)}
        making = {"anybody_ms": await keep(pool, sorted(set(anybody))), "eager_ms": await keep(pool, ["eager"])}
        await pool.execute("VACUUM ANALYZE follow, timeline_entry, timeline_reader, post")
        kept = {"anybody": await reads(client, anybody), "eager": await reads(client, eager)}
        written = [await copies(pool, client, count, pull_from=10_000_000) for count in FOLLOWERS if count <= accounts]
        written.append(await copies(pool, client, min(FOLLOWERS[-1], accounts), pull_from=None))
        return {
            "graph": origin,
            "accounts": accounts,
            "follows": len(follows),
            "pulled": pulled,
            "kept": kept,
            "kept of pulled": {
                who: {p: round(kept[who][p] / pulled[who][p], 2) for p in ("p50_ms", "p99_ms")} for who in kept
            },
            "making one": making,
            "copying": written,
            "deleting": await deletion(pool, client),
        }


def timelines(stack: Stack, share: float) -> dict[str, Any]:
    """Measure timelines that are pulled and kept."""
    return asyncio.run(_measure(stack, share))
