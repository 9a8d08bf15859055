"""Sending many rows in one statement: one array per column, an array of a composite type, or one JSON document.

Rows have the ten columns of the outbox. Each way is measured twice: only sent and counted, and inserted into an
unlogged table; with the statement prepared, as it is in a service after its first use.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated, Any, Final, NamedTuple

import orjson
from uuid_utils import uuid7

from lutong_chassis import database
from lutong_chassis.database import Connection
from lutong_chassis.rows import Sql, columns_of
from lutong_chassis.testing import create_database, drop_database, settings_for
from lutong_local.stack import Stack

SIZES: Final = (1, 100, 10_000)
_ROWS_PER_SIZE: Final = 60_000
_TRIES_MAX: Final = 400


class Sent(NamedTuple):
    """A row as wide as one of the outbox."""

    event_id: Annotated[str, Sql("uuid")]
    topic: str
    key: str
    type: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    payload: str
    shard: Annotated[int, Sql("smallint")]
    written_at: datetime


SENT: Final = columns_of(Sent)

_DEFINED: Final = ", ".join(f'"{name}" {type_}' for name, type_ in zip(SENT.fields, SENT.types, strict=True))

SOURCES: Final = {
    "arrays": SENT.unnest(),
    "composite": "unnest($1::sent_row[])",
    "json": f"jsonb_to_recordset($1::jsonb) AS given ({_DEFINED})",
}


def _arguments(way: str, rows: Sequence[Sent]) -> Sequence[object]:
    """What the statement of a way takes; making it is a part of what is measured."""
    if way == "arrays":
        return SENT.arrays(rows)
    if way == "composite":
        return [rows]
    return [orjson.dumps([row._asdict() for row in rows]).decode()]


def _rows(count: int) -> list[Sent]:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    return [
        Sent(str(uuid7()), "lutong.feed.posts", f"post-{n}", "lutong.feed.post-published.v1", f"j-{n}", None,
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", '{"post_id":"p","text":"路通"}' * 8, n % 16, at)
        for n in range(count)
    ]  # fmt: skip


async def _measure(connection: Connection, share: float) -> list[dict[str, Any]]:
    """The ways take turns. What counts is CPU, the client's and the server's: the clock also counts other processes."""
    server = Path(f"/proc/{await connection.fetchval('SELECT pg_backend_pid()')}/schedstat")
    await connection.execute(f"CREATE TYPE sent_row AS ({_DEFINED}); CREATE UNLOGGED TABLE sent ({_DEFINED})")
    statements = {
        (way, what): await connection.prepare(f"{sql} FROM {source}")
        for way, source in SOURCES.items()
        for what, sql in (("sent", "SELECT count(*)"), ("inserted", "INSERT INTO sent SELECT *"))
    }
    found = []
    for size in SIZES:
        rows, took = _rows(size), defaultdict[tuple[str, str], list[float]](list)
        for _ in range(max(5, int(share * min(_TRIES_MAX, _ROWS_PER_SIZE // size)))):
            for (way, what), statement in statements.items():
                began = _cpu_s(server)
                await statement.fetch(*_arguments(way, rows))
                took[way, what].append(_cpu_s(server) - began)
            await connection.execute("TRUNCATE sent")
        found += [
            {"rows": size, "way": way}
            | {f"{what}_us_per_row": round(1e6 * median(took[way, what]) / size, 2) for what in ("sent", "inserted")}
            for way in SOURCES
        ]
    return found


def _cpu_s(server: Path) -> float:
    return process_time() + int(server.read_text(encoding="ascii").split()[0]) / 1e9


async def _run(admin_url: str, share: float) -> list[dict[str, Any]]:
    name = f"rows_{str(uuid7())[-8:]}"
    url = await create_database(admin_url, name)
    try:
        pool = await database.connect(settings_for(url))
        async with pool.acquire() as connection:
            found = await _measure(connection, share)
        await pool.close()
        return found
    finally:
        await drop_database(admin_url, name)


def rows(stack: Stack, share: float) -> dict[str, Any]:
    """Microseconds per row, by way and size."""
    return {"rows": asyncio.run(_run(stack.admin_url, share))}
