"""What a running service may do in its database, where its role is not the owner's: as little as it needs.

Three roles by convention: `<service>_owner` runs migrations and owns everything, `<service>` runs the service, and
`lutong_verifier` reads all services. Where they do not exist, as on a laptop, there is nothing to grant.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import asyncpg

from lutong_chassis.database import Connection
from lutong_chassis.migrate import Migration

VERIFIER: Final = "lutong_verifier"

_READ: Final = "SELECT"
_APPEND: Final = "SELECT, INSERT"
_WORK: Final = "SELECT, INSERT, UPDATE, DELETE"
_KEEP_A_WHILE: Final = "SELECT, INSERT, DELETE"
_HIDDEN: Final = "_secret"
_OF_CHASSIS: Final = {"migration": _READ, "outbox": _APPEND, "audit": _APPEND, "rejected": _KEEP_A_WHILE}


async def grant(connection: Connection, migrations: Sequence[Migration]) -> None:
    """Give the roles of the services that these migrations are of what they need, and nothing else.

    A table whose changes a trigger refuses is only ever appended to, and so are facts: their rows cannot be changed by right either.
    What a table `<what>_secret` holds, its service alone reads.
    """
    services = {migration.component for migration in migrations}
    async with connection.transaction():
        roles = await connection.fetch(
            "SELECT rolname AS name, quote_ident(rolname) AS quoted FROM pg_roles WHERE rolname = ANY($1::text[]) AND rolname <> current_user",
            sorted({*services, VERIFIER}),
        )
        tables = await _tables(connection) if roles else []
        keepers = await _keepers(connection)
        for role in roles:
            is_service = role["name"] in services
            for statement in _statements(role["quoted"], tables, keepers, is_service=is_service):
                await connection.execute(statement)


def _statements(
    role: str, tables: Iterable[asyncpg.Record], keepers: Sequence[str], *, is_service: bool
) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    for table in tables:
        yield f"REVOKE ALL ON TABLE {table['quoted']} FROM {role}"
        if is_service or not table["name"].endswith(_HIDDEN):
            privileges = _privileges(table) if is_service else _READ
            yield f"GRANT {privileges} ON TABLE {table['quoted']} TO {role}"
    if is_service:
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
        yield f"GRANT EXECUTE ON FUNCTION {', '.join(keepers)} TO {role}"


def _privileges(table: asyncpg.Record) -> str:
    if table["name"].endswith(_HIDDEN):
        return _READ
    appended = table["refuses_change"] or table["name"].endswith("_fact")
    return _APPEND if appended else _OF_CHASSIS.get(table["name"], _WORK)


async def _tables(connection: Connection) -> list[asyncpg.Record]:
    """Own tables; what a partition may be used for is decided at its parent. 58: BEFORE, UPDATE, DELETE, TRUNCATE."""
    return await connection.fetch(
        """
        SELECT relname AS name, quote_ident(relname) AS quoted,
               EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgtype & 58 = 58) AS refuses_change
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
         ORDER BY relname
        """
    )


async def _keepers(connection: Connection) -> list[str]:
    """Functions of the owner that have days come and go (`keep_<what>_days`): a service may call them, and needs no DDL."""
    rows = await connection.fetch(
        """
        SELECT oid::regprocedure::text AS signature
          FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'keep\\_%\\_days'
         ORDER BY 1
        """
    )
    return [row["signature"] for row in rows]
