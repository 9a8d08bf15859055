"""Ten minutes at a steady rate: what the outbox, the queue and the inbox cost the disk, and whether dead rows pile up."""

import asyncio
from typing import Any, Final

import asyncpg

from lutong_local.stack import Stack
from tests.bench.runs import Run, databases, peak_mb, place

TABLES: Final = ("inbox", "outbox", "pending", "stream", "account", "hold")
_LOOKS: Final = 10


async def look(run: Run) -> dict[str, Any]:
    """Sizes and dead rows of the credit database, partitions added up, and the WAL written so far."""
    connection = await asyncpg.connect(run.urls["credit"])
    try:
        rows = await connection.fetch(
            """
            SELECT coalesce(parent.relname, child.relname) AS name, sum(n_live_tup)::bigint AS live,
                   sum(n_dead_tup)::bigint AS dead, sum(pg_total_relation_size(stat.relid))::bigint AS bytes
              FROM pg_stat_user_tables AS stat
              JOIN pg_class AS child ON child.oid = stat.relid
              LEFT JOIN pg_inherits ON inhrelid = stat.relid
              LEFT JOIN pg_class AS parent ON parent.oid = inhparent
             GROUP BY name
            """
        )
        wal = await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
        captured = await connection.fetchval("SELECT count(*) FROM hold WHERE captured_at IS NOT NULL")
    finally:
        await connection.close()
    return {"tables": {row["name"]: dict(row) for row in rows if row["name"] in TABLES}, "wal": wal, "done": captured}


def soak(stack: Stack, variant: str, rate: float, duration_s: float) -> dict[str, Any]:
    """Steady load on one variant; gives growth per order and the most dead rows that were seen."""
    run = Run(stack, variant)
    count = int(rate * duration_s)
    looks = []
    with databases(run):
        run.start()
        asyncio.run(place(run, 100, rate=50))
        asyncio.run(run.until_captured(100))
        before = asyncio.run(look(run))
        memory = [max(peak_mb(child.pid) for child in run.children.values())]
        for part in range(_LOOKS):
            asyncio.run(place(run, count // _LOOKS, rate=rate, first=100 + part * (count // _LOOKS)))
            looks.append(asyncio.run(look(run)))
            memory.append(max(peak_mb(child.pid) for child in run.children.values()))
        asyncio.run(run.until_captured(100 + _LOOKS * (count // _LOOKS)))
        after = asyncio.run(look(run))
    orders = after["done"] - before["done"]
    grown = {
        name: round((after["tables"][name]["bytes"] - before["tables"][name]["bytes"]) / orders)
        for name in TABLES
        if name in after["tables"]
    }
    return {
        "orders": orders,
        "wal_bytes_per_order": round((after["wal"] - before["wal"]) / orders),
        "bytes_per_order": grown,
        "dead_rows_most": {name: max(seen["tables"][name]["dead"] for seen in looks) for name in grown},
        "lag_orders_most": max(100 + (n + 1) * (count // _LOOKS) - seen["done"] for n, seen in enumerate(looks)),
        "memory_mb": memory,
    }
