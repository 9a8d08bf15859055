"""Impressions of one viral post in batches, as clients report them: signed as the feed signs what it serves."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Final

import asyncpg
from uuid_utils import uuid7

from lutong_contracts.touches import Served
from lutong_feed.touches.domain import Keys
from lutong_local.stack import Stack
from tests.bench.road.clients import Ask

BATCH: Final = 100
"""Impressions of one request: a feed that was scrolled for a while."""
_BODIES: Final = 2_000
"""So many are sent in some ten seconds; then they come again, and nothing of them counts."""


async def _keys(stack: Stack) -> Keys:
    connection = await asyncpg.connect(stack.database_urls["feed"])
    try:
        rows = await connection.fetch("SELECT number, secret FROM touch_secret ORDER BY number")
    finally:
        await connection.close()
    return Keys({row["number"]: row["secret"] for row in rows}, rows[-1]["number"])


def _body(keys: Keys, viral: str, viewer_id: str) -> str:
    """A batch of one viewer: of a hundred answers, each with the viral post."""
    now = datetime.now(UTC)
    served = (Served(0, str(uuid7()), "home", 0, viral, viral, "brand", viewer_id, now) for _ in range(BATCH))
    interactions = [{"touch": keys.sign(each), "kind": "impression"} for each in served]
    return json.dumps({"viewer_id": viewer_id, "interactions": interactions})


def reports(stack: Stack, viral: str) -> list[Ask]:
    """Reports that take turns; each item is new once, and known from the second turn on."""
    keys = asyncio.run(_keys(stack))
    return [Ask("POST", "/v1/interactions", _body(keys, viral, f"viewer-{n}")) for n in range(_BODIES)]
