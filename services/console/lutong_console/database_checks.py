"""What is wrong with the database of a service: its clock, its settings, and what waits in it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from lutong_console import lock_checks
from lutong_console.findings import Finding
from lutong_contracts import event_types

_SKEW_MAX_S: Final = 2.0
_OUTBOX_AGE_MAX_S: Final = 5.0
_OVERDUE_MAX_S: Final = 10.0
"""How late a deadline may be: it is looked for several times a second."""
_DEAD_ROWS_MAX: Final = 1_000_000
"""As the alert DeadRowsPileUp has it."""
_SETTINGS_ON: Final = ("synchronous_commit", "fsync", "full_page_writes")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection | None]:
    """A connection to a database; None where it does not answer or lets nobody in, which `check` finds."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        yield None
        return
    try:
        yield connection
    finally:
        await connection.close()


async def check(service: str, url: str) -> list[Finding]:
    """What is wrong with the database of a service, and who holds others up in it."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        what = f"{service}: its database refuses {urlsplit(url).username} ({type(error).__name__})"
        return [Finding(what, "lutong up: it sets the passwords that secrets hold")]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [Finding(f"{service}: its database does not answer ({type(error).__name__})", "lutong logs postgres")]
    try:
        row = await connection.fetchrow(
            """
            SELECT clock_timestamp() AS now, current_setting('synchronous_commit') AS synchronous_commit,
                   current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
                   (SELECT coalesce(extract(epoch FROM now() - min(written_at)), 0)::float
                      FROM pending) AS oldest_s,
                   (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float
                      FROM deadline WHERE type = ANY ($1)) AS overdue_s,
                   current_setting('transaction_read_only') AS transaction_read_only,
                   dead.*
              FROM (SELECT relname AS dead_table, n_dead_tup AS dead_rows
                      FROM pg_stat_user_tables ORDER BY n_dead_tup DESC LIMIT 1) AS dead
            """,
            list(event_types()),
        )
        held_up = await lock_checks.holders(connection)
        quiet = await connection.fetchval("SELECT to_regclass('quiet') IS NOT NULL") and await connection.fetchval(
            "SELECT EXISTS (SELECT FROM quiet WHERE ended_at IS NULL)"
        )
    finally:
        await connection.close()
    found = judge(service, dict(row or {}) | {"quiet": quiet}, datetime.now(UTC))
    return [*found, *lock_checks.judge(service, held_up)]


def judge(service: str, row: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """What is wrong with a database: its clock, what it has not published or not let fall due, and its settings.

    Of a service that is quiet nothing is published, and nothing falls due: that is one finding, of its health.
    """
    skew_s = abs((now - row["now"]).total_seconds())
    if skew_s > _SKEW_MAX_S:
        yield Finding(f"{service}: its database's clock is {skew_s:.0f} s off ours", "synchronise the clocks (NTP)")
    quiet = row.get("quiet", False)
    if row["oldest_s"] > _OUTBOX_AGE_MAX_S and not quiet:
        yield Finding(
            f"{service}: an event waits for the relay since {row['oldest_s']:.0f} s", f"lutong logs {service}"
        )
    if row["overdue_s"] > _OVERDUE_MAX_S and not quiet:
        yield Finding(f"{service}: a deadline is overdue by {row['overdue_s']:.0f} s", f"lutong logs {service}")
    if row["transaction_read_only"] == "on":
        yield Finding(
            f"{service}: its database takes no writes",
            "promote a server, or point LUTONG_DATABASE_URL at one that takes them",
        )
    if row["dead_rows"] > _DEAD_ROWS_MAX:
        what = f"{service}: {row['dead_rows']:,} dead rows in {row['dead_table']}: vacuum does not keep up"
        yield Finding(what, f"VACUUM (ANALYZE) {row['dead_table']} as its owner")
    for name in _SETTINGS_ON:
        if row[name] == "off":
            yield Finding(
                f"{service}: PostgreSQL runs with {name} = off: a crash loses commits", f"ALTER SYSTEM RESET {name}"
            )
