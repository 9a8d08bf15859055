"""Reading and writing timelines: a hundred thousand accounts on a real follow graph, and authors with many followers.

The graph is that of `../shared/data/graph` (Twitch, Taiwan), copied until there are enough accounts; where
it is absent, one of the same shape is made up, and the result says so.
"""

import asyncio
import csv
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Final

import httpx
from uuid_utils import uuid7

from lutong_chassis import database
from lutong_chassis.database import Pool
from lutong_chassis.testing import create_database, drop_database, http_client, migrate_database, settings_for
from lutong_feed.app import service
from lutong_local.stack import Stack

GRAPH: Final = Path(__file__).parents[3] / "shared" / "data" / "graph" / "twitch_ZHTW_edges.csv"
FOLLOWERS: Final = (10, 1_000, 100_000)
READS: Final = 1_000
POSTS_PER_ACCOUNT: Final = 5
_REMOTE: Final = 0.5


def edges(accounts: int, rng: random.Random) -> tuple[str, list[tuple[int, int]]]:
    """Where the graph is from, and who reads whom: towards the one that more people know."""
    if GRAPH.exists():
        with GRAPH.open(encoding="utf-8") as file:
            pairs = [(int(row["from"]), int(row["to"])) for row in csv.DictReader(file)]
        origin = "twitch_ZHTW"
    else:
        hubs = [int(rng.paretovariate(0.9)) % 2_772 for _ in range(63_000)]
        pairs = [(rng.randrange(2_772), hub) for hub in hubs]
        origin = "made up"
    size = max(max(pair) for pair in pairs) + 1
    known = [0] * size
    for one, other in pairs:
        known[one] += 1
        known[other] += 1
    copies = max(1, accounts // size)
    found = set()
    for copy in range(copies):
        for one, other in pairs:
            reader, author = (one, other) if known[one] <= known[other] else (other, one)
            there = rng.randrange(copies) if rng.random() < _REMOTE else copy
            if (copy, reader) != (there, author):
                found.add((copy * size + reader, there * size + author))
    return origin, sorted(found)


async def fill(pool: Pool, accounts: int, follows: list[tuple[int, int]]) -> None:
    """Accounts, follows and posts with their cards, straight into the tables."""
    columns = [[f"a-{reader}" for reader, _ in follows], [f"a-{author}" for _, author in follows]]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO account (account_id, name, kind) SELECT 'a-' || n, 'a', 'personal' FROM generate_series(0, $1 - 1) AS n",
            accounts,
        )
        await connection.execute("INSERT INTO follow SELECT * FROM unnest($1::text[], $2::text[])", *columns)
        await connection.execute(
            """
            INSERT INTO post (post_id, author_id, text, published_at, fanned)
            SELECT 'p-' || n, 'a-' || n % $1, '今天天气不错', now() - random() * interval '30 days', true
              FROM generate_series(0, $2 - 1) AS n
            """,
            accounts,
            accounts * POSTS_PER_ACCOUNT,
        )
        await connection.execute("INSERT INTO counter (post_id) SELECT post_id FROM post")
        await connection.execute("INSERT INTO card (post_id, correlation_id) SELECT post_id, post_id FROM post")
    await pool.execute("VACUUM ANALYZE")


@asynccontextmanager
async def a_feed(stack: Stack) -> AsyncIterator[tuple[Pool, httpx.AsyncClient]]:
    """A feed with a database of its own, asked through its HTTP interface in process."""
    name = f"fanout_{uuid7().hex[-10:]}"
    url = await create_database(stack.admin_url, name)
    try:
        await migrate_database(url, service.migrations)
        pool = await database.connect(settings_for(url, statement_timeout_s=600))
        try:
            async with http_client(service, pool) as client:
                yield pool, client
        finally:
            await pool.close()
    finally:
        await drop_database(stack.admin_url, name)


async def reads(client: httpx.AsyncClient, readers: list[str], pages: int = 1) -> dict[str, float]:
    """Read timelines, page after page; gives how long a page takes, in ms."""
    waited = []
    for reader in readers:
        cursor: str | None = None
        for _ in range(pages):
            began = perf_counter()
            answer = await client.get(f"/v1/accounts/{reader}/timeline", params={"cursor": cursor} if cursor else None)
            waited.append(1000 * (perf_counter() - began))
            answer.raise_for_status()
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                break
    cuts = quantiles(waited, n=100)
    return {"pages": len(waited), "p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1)}


async def writes(pool: Pool, client: httpx.AsyncClient, accounts: int) -> list[dict[str, Any]]:
    """Publish posts by authors with more and more followers; gives what a post costs."""
    rows = []
    for followers in (count for count in FOLLOWERS if count <= accounts):
        author = f"author-{followers}"
        await client.put(f"/v1/accounts/{author}", json={"name": "author"})
        await pool.execute(
            "INSERT INTO follow SELECT 'a-' || n, $1 FROM generate_series(0, $2 - 1) AS n", author, followers
        )
        waited = []
        for _ in range(50):
            began = perf_counter()
            answer = await client.post("/v1/posts", json={"author_id": author, "text": "今天天气不错"})
            waited.append(1000 * (perf_counter() - began))
            answer.raise_for_status()
        rows.append({"followers": followers, "post_ms": round(median(waited), 2)})
    return [row | {"of_first": round(row["post_ms"] / rows[0]["post_ms"], 2)} for row in rows]


async def _measure(stack: Stack, share: float) -> dict[str, Any]:
    rng = random.Random(1)
    accounts = max(2_772, int(100_000 * share))
    origin, follows = edges(accounts, rng)
    async with a_feed(stack) as (pool, client):
        await fill(pool, accounts, follows)
        by_reads = await pool.fetch("SELECT follower_id FROM follow GROUP BY 1 ORDER BY count(*) DESC LIMIT 50")
        anybody = [f"a-{rng.randrange(accounts)}" for _ in range(READS)]
        return {
            "graph": origin,
            "accounts": accounts,
            "follows": len(follows),
            "posts": accounts * POSTS_PER_ACCOUNT,
            "timeline of anybody": await reads(client, anybody),
            "timeline of who follows most": await reads(client, [row["follower_id"] for row in by_reads] * 4),
            "ten pages down": await reads(client, anybody[:50], pages=10),
            "writes": await writes(pool, client, accounts),
        }


def fanout(stack: Stack, share: float) -> dict[str, Any]:
    """Measure reads and writes of the feed."""
    return asyncio.run(_measure(stack, share))
