"""Numbered SQL files, applied once each and in order, and recorded with a checksum."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from lutong_chassis.database import Connection
from lutong_chassis.errors import NotThereYetError

log = structlog.get_logger(__name__)

MIGRATION_LOCK: Final = 0x6C75746F6E67  # "lutong" in ASCII: one migrator per database
TIMEOUT_S: Final = 6 * 3600.0
"""For one file: it may fill a table for all there is, while no statement of a service may take as long."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file: `0001_create_inbox.sql`."""

    component: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file: an applied migration must never change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationError(RuntimeError):
    """The database and the files disagree; the message names the file and what to do."""


class NotMigratedError(NotThereYetError):
    """The database is older than the code, and another process has to migrate it; wait until it is done."""


def migrations(component: str, directory: Path) -> list[Migration]:
    """The numbered SQL files of a directory, in order."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(component, int(number), name, path.read_text(encoding="utf-8")))
    numbers = [migration.number for migration in found]
    if numbers[:1] not in ([], [1]) or len(set(numbers)) < len(numbers):
        message = f"migrations of {component} must be numbered from 0001 on, each number once"
        raise MigrationError(message)
    return found


async def migrate(connection: Connection, wanted: Sequence[Migration]) -> list[Migration]:
    """Apply what is missing, each in its own transaction; safe to call from many processes at once."""
    await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    try:
        applied = await _applied(connection)
        fresh = [migration for migration in wanted if not _is_applied(migration, applied)]
        for migration in fresh:
            await _apply(connection, migration)
        return fresh
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)


async def require(connection: Connection, wanted: Sequence[Migration]) -> None:
    """Have every migration applied already, where a job of the owner's does that."""
    there = await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL")
    applied = await _recorded(connection) if there else {}
    for migration in wanted:
        if not _is_applied(migration, applied):
            raise NotMigratedError(
                f"migration {migration.component} {migration.number:04}_{migration.name}.sql is missing: run `migrate` "
                "with the same image and the owner's role"
            )


async def _applied(connection: Connection) -> dict[tuple[str, int], str]:
    await connection.execute(
        """
        CREATE TABLE IF NOT EXISTS migration (
            component  text NOT NULL,
            number     integer NOT NULL,
            name       text NOT NULL,
            checksum   text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (component, number)
        )
        """
    )
    return await _recorded(connection)


async def _recorded(connection: Connection) -> dict[tuple[str, int], str]:
    rows = await connection.fetch("SELECT component, number, checksum FROM migration")
    return {(row["component"], row["number"]): row["checksum"] for row in rows}


def _is_applied(migration: Migration, applied: dict[tuple[str, int], str]) -> bool:
    checksum = applied.get((migration.component, migration.number))
    if checksum is not None and checksum != migration.checksum:
        message = (
            f"migration {migration.component} {migration.number:04}_{migration.name}.sql was changed after it was "
            "applied: restore the file and write a new migration instead"
        )
        raise MigrationError(message)
    return checksum is not None


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql, timeout=TIMEOUT_S)
        await connection.execute(
            "INSERT INTO migration (component, number, name, checksum) VALUES ($1, $2, $3, $4)",
            migration.component,
            migration.number,
            migration.name,
            migration.checksum,
        )
    log.info("migration_applied", component=migration.component, number=migration.number, migration=migration.name)
