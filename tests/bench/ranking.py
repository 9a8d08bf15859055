"""The ranked home page beside the one by time, in the same run: `python -m tests.bench.ranking` (share of the accounts as argument).

The feed of `fanout`: a hundred thousand accounts on a real follow graph. A fifth of the posts lead to one of a thousand programs; half of
the readers did ten things each lately; ten merchants have five thousand stores around the readers, and each answer shows what is live. Turn by turn each reader asks for the page by time, the ranked one, and the second ranked one.
"""

import asyncio
import gc
import json
import random
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any, Final

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer
from lutong_local.stack import Stack, infrastructure
from tests.bench.fanout import a_feed, edges, fill

READS: Final = 600
PROGRAMS: Final = 1_000
STORES: Final = 5_000
OFFERS: Final = json.dumps(
    [
        {"sku": sku, "title": sku, "unit_price": {"amount_minor": 900, "currency": "CNY"}}
        for sku in ("tea", "milk", "rice")
    ]
)
RESULTS: Final = Path(__file__).parent / "results" / "ranking.json"
PLACEMENTS: Final = ("square", "recent", "hottest", "for_you")


async def use_programs(pool: Pool, accounts: int) -> None:
    """Programs, cards that lead to them, and what readers did: as facts, from which the heat follows."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """
            INSERT INTO program (program_id, merchant_id, version, title, page, offers)
            SELECT 'g-' || n, 'm-' || n % 10, 1, 'Program ' || n, 'pages/x', $2 FROM generate_series(0, $1 - 1) AS n
            """,
            PROGRAMS,
            OFFERS,
        )
        await connection.execute(
            """
            INSERT INTO location (merchant_id, location_id, revision, kind, state, latitude, longitude, cell_south, cell_west, modes)
            SELECT 'm-' || n % 10, 'l-' || n, 1, 'store', 'open', latitude, longitude, floor(latitude * 10), floor(longitude * 10), 'delivery'
              FROM (SELECT n, 30.7 + random() AS latitude, 121.0 + random() AS longitude FROM generate_series(1, $1) AS n) AS store
            """,
            STORES,
        )
        await connection.execute(
            """
            INSERT INTO shelf_band (merchant_id, location_id, sku, band)
            SELECT merchant_id, location_id, sku, (ARRAY['in_stock', 'limited_availability', 'out_of_stock'])[1 + floor(random() * 3)::int]
              FROM location CROSS JOIN unnest(ARRAY['tea', 'milk', 'rice']) AS sku
            """
        )
        await connection.execute(
            """
            UPDATE card SET state = 'active', merchant_id = 'm-0', program_id = 'g-' || (random() * random() * ($1 - 1))::int
             WHERE post_id IN (SELECT post_id FROM post WHERE number % 5 = 0)
            """,
            PROGRAMS,
        )
        await connection.execute(
            """
            INSERT INTO engagement_fact (day, event_id, happened_at, kind, post_id, program_id, viewer_id)
            SELECT moment::date, 'e-' || n, moment, (ARRAY['tap', 'tap', 'solve', 'request'])[1 + n % 4], post_id, card.program_id,
                   'a-' || n % ($1 / 2) * 2
              FROM (SELECT n, now() - random() * interval '20 days' AS moment, ((n::bigint * 7919) % (5 * $1)) / 5 * 5 AS number
                      FROM generate_series(1, 5 * $1) AS n) AS deed
              JOIN post USING (number) JOIN card USING (post_id)
             WHERE card.program_id IS NOT NULL
            """,
            accounts,
        )
    await pool.execute("VACUUM ANALYZE")


async def measured(client: httpx.AsyncClient, readers: list[str]) -> dict[str, dict[str, float]]:
    """How long each page takes, in ms, asked in turns; and of the page by time."""
    waited: dict[str, list[float]] = {}
    for reader in readers:
        home, headers = (
            f"/v1/accounts/{reader}/placements/home",
            bearer(a_member(reader)) | {"lutong-place": "31.23,121.47"},
        )

        async def timed(name: str, path: str, headers: dict[str, str] = headers, **query: Any) -> dict[str, Any]:
            began = perf_counter()
            answer = await client.get(path, params=query, headers=headers)
            waited.setdefault(name, []).append(1000 * (perf_counter() - began))
            found: dict[str, Any] = answer.raise_for_status().json()
            return found

        await timed("by time (timeline)", f"/v1/accounts/{reader}/timeline")
        first = await timed("ranked", home)
        if first["ranking"]["fallback"]:
            raise SystemExit(f"not ranked: {first['ranking']['fallback']}")
        if first["next_cursor"]:
            await timed("ranked, second page", home, cursor=first["next_cursor"])
        await timed("newest first", home, order="newest")
        for name in PLACEMENTS:
            await timed(name, f"/v1/accounts/{reader}/placements/{name}")
    return {name: _shown(of, waited["by time (timeline)"]) for name, of in waited.items()}


def _shown(waited: list[float], beside: list[float]) -> dict[str, float]:
    cuts, control = quantiles(waited, n=100), quantiles(beside, n=100)
    return {
        "pages": len(waited),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
        "p50_of_by_time": round(cuts[49] / control[49], 2),
        "p99_of_by_time": round(cuts[98] / control[98], 2),
    }


async def measure(stack: Stack, share: float) -> dict[str, Any]:
    """Fill a feed and read it."""
    rng = random.Random(1)
    accounts = max(2_772, int(100_000 * share))
    origin, follows = edges(accounts, rng)
    async with a_feed(stack) as (pool, client):
        began = perf_counter()
        await fill(pool, accounts, follows)
        known = len(follows)
        follows.clear()
        await use_programs(pool, accounts)
        gc.collect()
        gc.freeze()  # as a service does: what made the data is not looked through in the midst of a page
        sys.stderr.write(f"filled in {perf_counter() - began:.0f} s\n")
        busiest = await pool.fetch("SELECT follower_id FROM follow GROUP BY 1 ORDER BY count(*) DESC LIMIT 50")
        anybody = [f"a-{rng.randrange(accounts)}" for _ in range(READS)]
        await measured(client, anybody[:10])  # statements are prepared, pages are in memory
        measured_of_anybody = await measured(client, anybody)
        sys.stderr.write(f"{json.dumps(measured_of_anybody)}\n")
        return {
            "graph": origin, "accounts": accounts, "follows": known,
            "posts": await pool.fetchval("SELECT count(*) FROM post"),
            "deeds": await pool.fetchval("SELECT count(*) FROM engagement_fact"),
            "anybody": measured_of_anybody,
            "who follows most": await measured(client, [row["follower_id"] for row in busiest]),
        }  # fmt: skip


def main() -> None:
    """Measure, print, and keep the figures of a whole run."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with infrastructure(Path(tempfile.mkdtemp(prefix="lutong-ranking-"))) as stack:
        found = asyncio.run(measure(stack, share))
    if share == 1.0:
        RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
