"""The databases of a suite as a backup has them: made beside those that are there, and put in their place at one moment."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka.errors import KafkaError

from lutong_chassis.database import Connection
from lutong_chassis.grants import VERIFIER
from lutong_chassis.kafka import KafkaAccess
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, ConsoleError
from lutong_console.topic_consumer import reading
from lutong_contracts import TOPICS
from lutong_contracts.topics import SERVICES

_OURS: Final = ("pg_dump", "pg_restore")
"""What we run ourselves: PostgreSQL takes a moment to notice that it has ended."""
_OLD: Final = "_before"


@dataclass(frozen=True, slots=True)
class Databases:
    """The server of a suite, and who owns what there. URLs have passwords in them."""

    superuser: str
    owners: Mapping[str, str]
    """By service: its database, as its owner."""
    kafka: KafkaAccess
    stop: str
    """The command that stops the services."""
    suffix: str = "_restored"
    """What a database that is being restored has behind its name."""

    @property
    def server(self) -> str:
        """Where the server is, for people."""
        return urlsplit(self.superuser).netloc.rpartition("@")[2]

    def beside(self, service: str) -> str:
        """The database that is being restored, as its owner."""
        return _renamed(self.owners[service], service + self.suffix)


async def nobody_works(url: str, stop: str) -> None:
    """Ask the server who is connected: a service that does not answer over HTTP may write all the same."""
    role = urlsplit(url).username
    try:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            found = await connection.fetch(
                """
                SELECT DISTINCT datname, usename
                  FROM pg_stat_activity
                 WHERE datname = ANY($1) AND usename <> $2 AND pid <> pg_backend_pid() AND application_name <> ALL($3)
                   AND usename <> $4
                 ORDER BY datname, usename
                """,
                SERVICES,
                VERIFIER,
                _OURS,
                role,
            )
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        where = urlsplit(url).netloc.rpartition("@")[2]
        what = f"PostgreSQL at {where} does not show who is connected: {error or type(error).__name__}"
        raise ConsoleError(what, code=UNREACHABLE) from None
    if found:
        who = ", ".join(f"{row['usename']} to {row['datname']}" for row in found)
        raise ConsoleError(f"what is dumped changes under our hands: connected are {who}", then=stop, code=PROBLEM)


async def migrations(urls: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By service, the migrations that its database has; none of a database that is not there, or empty."""
    found: dict[str, dict[str, str]] = {}
    for service, url in urls.items():
        try:
            connection = await asyncpg.connect(url, timeout=10)
        except asyncpg.InvalidCatalogNameError:
            continue
        try:
            if await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL"):
                rows = await connection.fetch("SELECT component, number, checksum FROM migration")
                found[service] = {f"{row['component']} {row['number']:04}": row["checksum"] for row in rows}
        finally:
            await connection.close()
    return found


async def in_use(urls: Mapping[str, str]) -> str | None:
    """The first service whose database has something to lose."""
    for service, url in urls.items():
        try:
            connection = await asyncpg.connect(url, timeout=10)
        except asyncpg.InvalidCatalogNameError:
            continue
        try:
            used: Any = await connection.fetchval(
                "SELECT to_regclass('outbox') IS NOT NULL AND to_regclass('inbox') IS NOT NULL"
            ) and await connection.fetchval("SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM inbox)")
        finally:
            await connection.close()
        if used:
            return service
    return None


async def events_of(kafka: KafkaAccess) -> int:
    """How many records Kafka has seen, those of transactions that are open among them."""
    try:
        async with reading(kafka, [topic.name for topic in TOPICS], "read_uncommitted") as consumer:
            return sum((await consumer.end_offsets(list(consumer.assignment()))).values())
    except KafkaError as error:
        raise ConsoleError(f"Kafka at {kafka.bootstrap}: {type(error).__name__}", code=UNREACHABLE) from None


async def make_beside(databases: Databases) -> None:
    """Empty databases beside those that are there; what an attempt before left of them is thrown away."""
    async with _server(databases) as server:
        for service, url in databases.owners.items():
            owner, name = urlsplit(url).username, service + databases.suffix
            await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await server.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')
            await server.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
            for role in await _that_exist(server, (service, VERIFIER)):
                await server.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{role}"')


async def drop_beside(databases: Databases) -> None:
    """Throw away the databases that `make_beside` made."""
    async with _server(databases) as server:
        for service in databases.owners:
            await server.execute(f'DROP DATABASE IF EXISTS "{service}{databases.suffix}" WITH (FORCE)')


async def last_written_at(urls: Mapping[str, str]) -> str:
    """When the youngest event was enqueued in these databases, for a restore that was none of ours; empty for none."""
    found: list[datetime] = []
    for url in urls.values():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            found += [at for at in [await connection.fetchval("SELECT max(written_at) FROM outbox")] if at]
        finally:
            await connection.close()
    return max(found).isoformat(timespec="seconds") if found else ""


async def be_quiet(urls: Mapping[str, str], made_at: str) -> int:
    """Have the services of restored databases start quiet, with all that their outboxes have before what they will publish.

    What was known by its place in the Kafka of before is forgotten. Gives how many events are carried again.
    """
    events = 0
    for url in urls.values():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute(
                    """
                    INSERT INTO pending (shard, id, written_at)
                    SELECT shard, id, written_at FROM outbox
                        ON CONFLICT DO NOTHING
                    """
                )
                await connection.execute("DELETE FROM passed_over; DELETE FROM retrying; DELETE FROM missed")
                await connection.execute(
                    "INSERT INTO quiet (reason, made_at) VALUES ('restored', $1)",
                    datetime.fromisoformat(made_at) if made_at else None,
                )
                events += await connection.fetchval("SELECT count(*) FROM pending")
        finally:
            await connection.close()
    return events


async def put_in_place(databases: Databases) -> None:
    """The restored databases take the place of those that were there, all at one moment; then those go."""
    async with _server(databases) as server:
        there = await server.fetch("SELECT datname FROM pg_database WHERE datname = ANY($1)", list(databases.owners))
        for service in databases.owners:
            await server.execute(f'DROP DATABASE IF EXISTS "{service}{_OLD}" WITH (FORCE)')
        async with server.transaction():
            for name in sorted(row["datname"] for row in there):
                await server.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}{_OLD}"')
            for service in databases.owners:
                await server.execute(f'ALTER DATABASE "{service}{databases.suffix}" RENAME TO "{service}"')
        for service in databases.owners:
            await server.execute(f'DROP DATABASE IF EXISTS "{service}{_OLD}" WITH (FORCE)')


async def _that_exist(server: Connection, roles: Sequence[str]) -> list[str]:
    rows = await server.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1) ORDER BY rolname", list(roles))
    return [row["rolname"] for row in rows]


@asynccontextmanager
async def _server(databases: Databases) -> AsyncIterator[Connection]:
    """A connection of the superuser; what fails on it is an error that a person can act on."""
    try:
        connection = await asyncpg.connect(databases.superuser, timeout=10)
    except (OSError, asyncpg.PostgresError) as error:
        raise ConsoleError(f"PostgreSQL at {databases.server}: {error}", code=UNREACHABLE) from None
    try:
        yield connection
    except (OSError, asyncpg.PostgresError) as error:
        raise ConsoleError(f"PostgreSQL at {databases.server}: {error}", code=PROBLEM) from None
    finally:
        await connection.close()


def _renamed(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
