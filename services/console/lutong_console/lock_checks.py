"""Who waits for a lock in a database, and which session has it: what makes everything slow at once."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lutong_chassis.database import Connection
from lutong_console.findings import Finding

_WAIT_MAX_S: Final = 5.0
"""Batches and commands wait for each other for less than that."""


class Wait(NamedTuple):
    """A session that has a lock, the role that it is of, how many wait for it how long, and how old its transaction is.

    That age is seen by its own role and by who may read all statistics; to others it is 0.
    """

    pid: int
    role: str
    waiting: int
    longest_s: float
    age_s: float = 0.0

    @property
    def since_s(self) -> float:
        """How long others have had to wait, at least: who waits gives up after a while, and tries again."""
        return max(self.longest_s, self.age_s)


async def waits(connection: Connection) -> list[Wait]:
    """Sessions that others wait for in this database, the one that is waited for longest first. Any role may ask."""
    rows = await connection.fetch(
        """
        SELECT blocker AS pid, coalesce(max(activity.usename), '?') AS role, count(DISTINCT held_up.pid) AS waiting,
               max(extract(epoch FROM clock_timestamp() - held_up.waitstart))::float AS longest_s,
               coalesce(max(extract(epoch FROM clock_timestamp() - activity.xact_start)), 0)::float AS age_s
          FROM pg_locks AS held_up
          JOIN pg_stat_activity AS waiter ON waiter.pid = held_up.pid AND waiter.datname = current_database()
         CROSS JOIN LATERAL unnest(pg_blocking_pids(held_up.pid)) AS blocker
          LEFT JOIN pg_stat_activity AS activity ON activity.pid = blocker
         WHERE NOT held_up.granted AND held_up.waitstart IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_locks AS own WHERE own.pid = blocker AND NOT own.granted)
         GROUP BY blocker
         ORDER BY longest_s DESC
        """
    )
    return [Wait(*row) for row in rows]


async def idle(connection: Connection) -> list[Wait]:
    """Sessions that do nothing in a transaction that has a lock, the oldest first: between two tries of others nobody waits for them.

    Seen by their own role and by who may read all statistics.
    """
    rows = await connection.fetch(
        """
        SELECT pid, coalesce(usename, '?') AS role, 0 AS waiting, 0.0::float AS longest_s,
               extract(epoch FROM clock_timestamp() - xact_start)::float AS age_s
          FROM pg_stat_activity AS activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'
           AND (backend_xid IS NOT NULL
                OR EXISTS (SELECT FROM pg_locks AS held
                            WHERE held.pid = activity.pid AND held.granted AND held.locktype = 'relation'
                              AND held.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))
         ORDER BY xact_start
        """
    )
    return [Wait(*row) for row in rows]


async def holders(connection: Connection) -> list[Wait]:
    """Sessions that keep others from their work, or will keep the next one."""
    found = await waits(connection)
    known = {wait.pid for wait in found}
    return [*found, *(wait for wait in await idle(connection) if wait.pid not in known)]


def judge(service: str, found: Sequence[Wait]) -> Iterator[Finding]:
    """Locks that are waited for longer than any work of ours has them."""
    for wait in found:
        if wait.since_s > _WAIT_MAX_S:
            yield Finding(
                f"{service}: {_seen(wait)}",
                f"SELECT pg_terminate_backend({wait.pid}) as PostgreSQL's superuser, if nobody needs that session",
            )


def _seen(wait: Wait) -> str:
    holder = f"session {wait.pid} of role {wait.role} has locked"
    if wait.waiting:
        return f"{wait.waiting} sessions wait, for {wait.since_s:.0f} s now, for what {holder}"
    return f"{holder} rows or a table for {wait.since_s:.0f} s and does nothing; nobody waits for it just now"
