"""lutong backup, lutong restore: the four databases of a deployment at one moment, and back again.

Kafka is not in a backup. What it had is in the outboxes, and `lutong republish` puts it there again; so a restore
wants a Kafka without events, or it would hold some that the databases never had.
"""

import asyncio
import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg
import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from lutong_chassis.grants import VERIFIER
from lutong_console import credentials
from lutong_console.cli.commands import databases
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.credentials import READER
from lutong_console.deployment import Deployment, compose
from lutong_console.targets import Json
from lutong_contracts import TOPICS
from lutong_contracts.topics import SERVICES
from lutong_local.postgres import program
from lutong_local.processes import LocalError

_MANIFEST: Final = "manifest.json"
_OURS: Final = ("pg_dump", "pg_restore")
"""What we run ourselves: PostgreSQL takes a moment to notice that it has ended."""
_ASKED: Final = SERVICES[0]
"""Whose owner is asked who is connected: one server has all the databases."""
_STOP: Final = f"docker compose stop {' '.join(SERVICES)}"


def backup(
    directory: Annotated[Path, typer.Argument(help="Where to; it must not exist yet.")], *, as_json: Json = False
) -> None:
    """Write the databases of the deployment to a directory. Services must be stopped, or the four would not agree."""
    deployed = compose()
    asyncio.run(_nobody_works(deployed, _ASKED, f"{_ASKED}_owner"))
    try:
        directory.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConsoleError(f"{directory}: {error.strerror}", code=USAGE) from None
    for service in SERVICES:
        echo(f"dumping {service}")
        _run("pg_dump", deployed, service, "--format=custom", f"--file={_dump(directory, service)}")
    sums = {service: _sha256(_dump(directory, service)) for service in SERVICES}
    asyncio.run(
        _nobody_works(deployed, _ASKED, f"{_ASKED}_owner")
    )  # a transaction that began meanwhile may have changed what was not dumped yet
    manifest = {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "sha256": sums}
    (directory / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    sizes = {service: _dump(directory, service).stat().st_size for service in SERVICES}
    if as_json:
        emit_json({"directory": str(directory), "made_at": manifest["made_at"], "bytes": sizes})
    else:
        out.print(table(["database", "bytes"], sizes.items()))
        echo("next: docker compose up --wait")


def restore(
    directory: Annotated[Path, typer.Argument(help="What `lutong backup` wrote.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Throw away what the databases hold now.")] = False,
    as_json: Json = False,
) -> None:
    """Make the databases of the deployment what a backup has. Services must be stopped, and Kafka without events."""
    deployed = compose()
    made_at = _checked(directory)
    asyncio.run(_nobody_works(deployed, credentials.SUPERUSER, credentials.SUPERUSER))
    asyncio.run(_kafka_is_empty(deployed))
    asyncio.run(_make_empty(deployed, replace=replace))
    for service in SERVICES:
        echo(f"restoring {service}")
        arguments = ("--exit-on-error", "--single-transaction", str(_dump(directory, service)))
        _run("pg_restore", deployed, service, *arguments)
    if as_json:
        emit_json({"directory": str(directory), "made_at": made_at, "restored": list(SERVICES)})
    else:
        out.print(f"four databases are as they were at {made_at}")
        echo("next: docker compose up --wait, then lutong republish --target compose --since 7d --reason restored")


def _dump(directory: Path, service: str) -> Path:
    return directory / f"{service}.dump"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(directory: Path) -> str:
    """When the backup was made, after seeing that it is whole."""
    try:
        manifest = json.loads((directory / _MANIFEST).read_text(encoding="utf-8"))
        changed = [name for name in SERVICES if _sha256(_dump(directory, name)) != manifest["sha256"][name]]
    except (OSError, ValueError, KeyError) as error:
        raise ConsoleError(f"{directory} is no whole backup: {error}", code=USAGE) from None
    if changed:
        raise ConsoleError(f"{_dump(directory, changed[0])} is not what was backed up: its checksum differs")
    return str(manifest["made_at"])


async def _nobody_works(deployed: Deployment, service: str, role: str) -> None:
    """Ask the server who is connected: a service that does not answer over HTTP may write all the same."""
    try:
        connection = await asyncpg.connect(deployed.database_url(service, role), timeout=10)
        try:
            found = await connection.fetch(
                """
                SELECT DISTINCT datname, usename
                  FROM pg_stat_activity
                 WHERE datname = ANY($1) AND usename <> $2 AND pid <> pg_backend_pid() AND application_name <> ALL($3)
                 ORDER BY datname, usename
                """,
                SERVICES,
                VERIFIER,
                _OURS,
            )
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConsoleError(
            f"PostgreSQL at {deployed.postgres} does not show who is connected: {error or type(error).__name__}",
            code=UNREACHABLE,
        ) from None
    if found:
        who = ", ".join(f"{row['usename']} to {row['datname']}" for row in found)
        raise ConsoleError(f"what is dumped changes under our hands: connected are {who}", then=_STOP, code=PROBLEM)


async def _kafka_is_empty(deployed: Deployment) -> None:
    kafka = deployed.kafka_as(READER)
    consumer = AIOKafkaConsumer(*[topic.name for topic in TOPICS], **kafka.client)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
    except KafkaError as error:
        raise ConsoleError(f"Kafka at {kafka.bootstrap}: {type(error).__name__}", code=UNREACHABLE) from None
    finally:
        await consumer.stop()
    if events := sum(ends.values()):
        raise ConsoleError(
            f"Kafka has seen {events} events, and the backup may not know them: it must be a new one",
            then="docs/deploy.md, Backup and restore",
            code=PROBLEM,
        )


async def _make_empty(deployed: Deployment, *, replace: bool) -> None:
    """New databases, with the roles and passwords that there are."""
    superuser = credentials.read(deployed.secrets, credentials.postgres_file(credentials.SUPERUSER))
    passwords = {
        name: credentials.read(deployed.secrets, credentials.postgres_file(name)) for name in credentials.ROLES
    }
    url = f"postgresql://{credentials.SUPERUSER}@{deployed.postgres}/postgres"
    try:
        if not replace:
            await _refuse_if_used(deployed)
        connection = await asyncpg.connect(url, password=superuser, timeout=10)
        try:
            for service in SERVICES:
                await connection.execute(f'DROP DATABASE IF EXISTS "{service}" WITH (FORCE)')
        finally:
            await connection.close()
        await databases.create(url, superuser, passwords)
    except (OSError, asyncpg.PostgresError) as error:
        raise ConsoleError(f"PostgreSQL at {deployed.postgres}: {error}", code=UNREACHABLE) from None


async def _refuse_if_used(deployed: Deployment) -> None:
    for service, url in deployed.database_urls.items():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            used: Any = await connection.fetchval(
                "SELECT to_regclass('outbox') IS NOT NULL AND to_regclass('inbox') IS NOT NULL"
            ) and await connection.fetchval("SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM inbox)")
        finally:
            await connection.close()
        if used:
            raise ConsoleError(f"the database {service} is in use", then="lutong restore --replace DIRECTORY")


def _run(name: str, deployed: Deployment, service: str, *arguments: str) -> None:
    """PostgreSQL's own tool, as the owner of a database; the password is in no argument."""
    url = urlsplit(deployed.database_url(service, f"{service}_owner"))
    place = f"--host={url.hostname}", f"--port={url.port or 5432}", f"--username={url.username}"
    try:
        done = subprocess.run(  # noqa: S603  # our own arguments, no shell
            [program(name), *place, "--no-password", f"--dbname={service}", *arguments],
            env=os.environ | {"PGPASSWORD": unquote(url.password or "")},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except LocalError as error:
        raise ConsoleError(str(error), code=USAGE) from None
    if done.returncode:
        raise ConsoleError(f"{name} of {service}: {done.stderr.strip()}")
