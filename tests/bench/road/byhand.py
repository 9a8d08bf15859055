"""The same endpoints by hand: FastAPI and asyncpg, one transaction per request, no more than each needs.

`/hot` counts on the post's row and writes an outbox row, `/insert` writes the outbox row alone, `/seen` one for a whole report,
`/posts` and `/accounts` read as the feed does.
No authorisation, no keys, no schema of an answer, no relay: what a careful person may leave out, and the feed may not.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from lutong_feed.reading.store import post_with_card

TABLES = """
CREATE TABLE hits (post_id text PRIMARY KEY, taps bigint NOT NULL DEFAULT 0);
CREATE TABLE said (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid, key text, payload text);
"""
READ = f"{post_with_card('NULL')} WHERE post.post_id = $1"
TIMELINE = f"""
    WITH page AS (
        SELECT recent.post_id
          FROM (SELECT followee_id AS author_id FROM follow WHERE follower_id = $1 UNION ALL SELECT $1) AS author
         CROSS JOIN LATERAL (SELECT post_id, published_at, number FROM post WHERE post.author_id = author.author_id
                              ORDER BY published_at DESC, number DESC LIMIT $2) AS recent
         ORDER BY published_at DESC, number DESC
         LIMIT $2
    )
    {post_with_card("$1")} WHERE post.post_id IN (SELECT post_id FROM page) ORDER BY published_at DESC, number DESC
"""


PAGE = 20


class Viewer(BaseModel):
    """Who taps."""

    viewer_id: str


class Seen(BaseModel):
    """An item, and what its viewer did with it."""

    touch: str
    kind: str


class Report(BaseModel):
    """What a viewer saw."""

    viewer_id: str
    interactions: list[Seen]


@asynccontextmanager
async def _pools(app: FastAPI) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["BYHAND_URL"], min_size=10, max_size=10) as own,
        asyncpg.create_pool(os.environ["FEED_URL"], min_size=10, max_size=10) as feed,
    ):
        app.state.own, app.state.feed = own, feed
        yield


app = FastAPI(lifespan=_pools)


async def _write_event(connection: Any, post_id: str, viewer_id: str) -> None:  # noqa: ANN401  # asyncpg's proxy
    payload = orjson.dumps({"post_id": post_id, "viewer_id": viewer_id}).decode()
    await connection.execute(
        "INSERT INTO said (event_id, key, payload) VALUES ($1, $2, $3)", uuid7(), viewer_id, payload
    )


@app.post("/insert/{post_id}", status_code=201)
async def insert(post_id: str, viewer: Viewer, request: Request) -> dict[str, str]:
    """An outbox row, and nothing else."""
    async with request.app.state.own.acquire() as connection, connection.transaction():
        await _write_event(connection, post_id, viewer.viewer_id)
    return {"post_id": post_id}


@app.post("/hot/{post_id}", status_code=201)
async def hot(post_id: str, viewer: Viewer, request: Request) -> dict[str, str]:
    """A counter on the post's row, and an outbox row."""
    async with request.app.state.own.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO hits VALUES ($1, 1) ON CONFLICT (post_id) DO UPDATE SET taps = hits.taps + 1", post_id
        )
        await _write_event(connection, post_id, viewer.viewer_id)
    return {"post_id": post_id}


@app.post("/seen", status_code=202)
async def seen(report: Report, request: Request) -> dict[str, int]:
    """One outbox row for all that a viewer saw; nothing of it is believed or counted."""
    payload = orjson.dumps(report.model_dump()).decode()
    async with request.app.state.own.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO said (event_id, key, payload) VALUES ($1, $2, $3)", uuid7(), report.viewer_id, payload
        )
    return {"accepted": len(report.interactions)}


@app.get("/posts/{post_id}")
async def read(post_id: str, request: Request) -> dict[str, Any]:
    """The feed's own statement."""
    row = await request.app.state.feed.fetchrow(READ, post_id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/accounts/{account_id}/timeline")
async def timeline(account_id: str, request: Request) -> dict[str, Any]:
    """The feed's own statement, for a first page."""
    rows = await request.app.state.feed.fetch(TIMELINE, account_id, PAGE + 1)
    return {"posts": [dict(row) for row in rows[:PAGE]]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["BYHAND_PORT"]), log_level="warning", access_log=False, loop="asyncio")
