"""How many connections a PostgreSQL server has left, and who has the others."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lutong_chassis.database import Connection
from lutong_console.database_checks import connected
from lutong_console.findings import Finding

_TAKEN_MAX: Final = 0.8


class Taken(NamedTuple):
    """Sessions of a role with a name that programs give themselves (none: empty), and how many of them do nothing."""

    role: str
    program: str
    sessions: int
    idle: int


class Connections(NamedTuple):
    """What a server allows, and what is taken, the largest share first."""

    most: int
    taken: Sequence[Taken]


async def check(url: str) -> list[Finding]:
    """What is wrong with the connections of a server; one that does not answer is found by the check of each database."""
    async with connected(url) as connection:
        return list(judge(await look(connection))) if connection else []


async def look(connection: Connection) -> Connections:
    """The sessions of clients of this server. Any role may ask; whether one is idle is seen by who may read all statistics."""
    rows = await connection.fetch(
        """
        SELECT coalesce(usename, '?') AS role, coalesce(application_name, '') AS program,
               count(*) AS sessions, count(*) FILTER (WHERE state LIKE 'idle%') AS idle
          FROM pg_stat_activity
         WHERE datname IS NOT NULL
         GROUP BY 1, 2
         ORDER BY sessions DESC, role, program
        """
    )
    most: int = await connection.fetchval("SELECT current_setting('max_connections')::int")
    return Connections(most, [Taken(*row) for row in rows])


def judge(found: Connections) -> Iterator[Finding]:
    """A server whose connections run out."""
    taken = sum(each.sessions for each in found.taken)
    if taken > found.most * _TAKEN_MAX:
        first = found.taken[0]
        idle = f", {first.idle} of them idle" if first.idle else ""
        what = (
            f"PostgreSQL: {taken} of {found.most} connections are taken, {first.sessions} by role {first.role} "
            f"({first.program or 'a program without a name'}){idle}"
        )
        theirs = f"usename = {_quoted(first.role)} AND application_name = {_quoted(first.program)}"
        then = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs} as PostgreSQL's superuser, if nobody needs them"
        yield Finding(what, f"{then}; or docs/runbooks/connections-run-out.md")


def _quoted(text: str) -> str:
    """A text of SQL: programs name themselves as they like, and an operator types what is printed."""
    return "'" + text.replace("'", "''") + "'"
