"""What a drill asks PostgreSQL itself, as its superuser."""

import asyncpg

from lutong_local import postgres
from lutong_local.stack import Stack


async def on(
    stack: Stack, *statements: str, port: int | None = None, database: str = "postgres"
) -> list[asyncpg.Record]:
    """Run statements on the stack's server, or on the one on a port; gives the rows of the last."""
    url = postgres.admin_url(port or stack.ports["postgres"], stack.password, database)
    connection = await asyncpg.connect(url, timeout=5)
    try:
        for statement in statements:
            rows = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()
