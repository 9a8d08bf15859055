"""Behind a pooler that lends a session for one transaction, such as PgBouncer in transaction mode (ADR 43).

LUTONG_DATABASE_DIRECT_URL states that LUTONG_DATABASE_URL may lead to one. What must have a session of its own, the relay's
locks and migrations, goes there. Everything else is done in transactions, by statements that are not kept.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from lutong_chassis.settings import SettingsError

if TYPE_CHECKING:
    from lutong_chassis.database import Connection, Pool

DATABASE_URL: Final = "LUTONG_DATABASE_URL"
DIRECT_URL: Final = "LUTONG_DATABASE_DIRECT_URL"
DIRECT_CONNECTIONS_MAX: Final = 2
"""Of one process beside the pooler: its relay, and one that is opened while the relay's is being replaced."""

REMEDIES: Final = {
    DATABASE_URL: (
        f"set {DIRECT_URL} to PostgreSQL's own address as well, for locks and migrations need a session that stays "
        "(docs/deploy.md)"
    ),
    DIRECT_URL: "give it PostgreSQL's own address (docs/deploy.md)",
}
"""What to do where a variable leads to a pooler and must not."""

_REFUSALS: Final = re.compile(
    r"unsupported startup parameter|unsupported startup options|statement pooling|no such database|no such user|auth",
    re.IGNORECASE,
)
"""What poolers answer to a client that they never take. All else under 08P01 is of a server that is away."""


class LentConnection(asyncpg.Connection):
    """A connection whose session is another one in each transaction: what a session keeps is set in each.

    It is written behind BEGIN and takes no round trip. Statements beside transactions are planned anew each time, so
    they need none of it.
    """

    locally: str = ""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """As asyncpg has it; a BEGIN also sets what holds in the transaction."""
        whole = query + self.locally if not args and query.startswith("BEGIN") else query
        return await super().execute(whole, *args, timeout=timeout)


def lent(settings: dict[str, str]) -> type[LentConnection]:
    """A class of connections that set these parameters in each transaction."""
    locally = "".join(f" SET LOCAL {name} = '{value}';" for name, value in settings.items())
    return type("LentConnection", (LentConnection,), {"locally": locally})


def refuse_poolers(variable: str) -> Callable[["Connection"], Awaitable[None]]:
    """What looks at each new connection: a pooler reports a process id of its own, for the sessions it lends are not its clients'."""

    async def look(connection: "Connection") -> None:
        if connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()"):
            raise SettingsError(f"{variable} leads to a connection pooler: {REMEDIES[variable]}")

    return look


def is_refusal(error: asyncpg.exceptions.ProtocolViolationError) -> bool:
    """Whether 08P01 is a refusal for good, and not a pooler's word for a server that is away."""
    return _REFUSALS.search(" ".join(map(str, error.args))) is not None


@dataclass(frozen=True, slots=True)
class Pools:
    """The connections of a process: `shared` for transactions, `sessions` for what keeps its session. One pool without a pooler."""

    shared: "Pool"
    sessions: "Pool"

    async def close(self) -> None:
        """Close all connections."""
        await self.shared.close()
        if self.sessions is not self.shared:
            await self.sessions.close()

    async def require_one_database(self) -> None:
        """Raise SettingsError where the two addresses lead to different databases: one would be migrated, the other used."""
        if self.sessions is not self.shared and await _identity(self.shared) != await _identity(self.sessions):
            raise SettingsError(
                f"{DIRECT_URL} leads to another database than {DATABASE_URL}: give both the same one, one of them by the pooler"
            )


async def _identity(pool: "Pool") -> Any:  # noqa: ANN401  # two numbers, to be compared
    """What is the same for a database wherever it is asked from, also on a replica that was promoted."""
    return await pool.fetchval(
        """
        SELECT ARRAY[system_identifier, (SELECT oid::bigint FROM pg_database WHERE datname = current_database())]
          FROM pg_control_system()
        """
    )
