"""lutong databases: a database and three roles for each service, as small as they can be."""

import asyncio
import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import asyncpg
import typer

from lutong_chassis.database import Connection
from lutong_chassis.grants import VERIFIER
from lutong_chassis.settings import SECRETS
from lutong_console import credentials
from lutong_console.cli.errors import UNREACHABLE, ConsoleError
from lutong_console.cli.screen import emit_json, out
from lutong_console.targets import Json
from lutong_contracts.topics import SERVICES

commands = typer.Typer(help="Databases and roles of the services: apply.", no_args_is_help=True)

_ITERATIONS: Final = 4096  # PostgreSQL's own default


@commands.command()
def apply(
    url: Annotated[
        str, typer.Option("--url", help="PostgreSQL's superuser, without password.", envvar="LUTONG_POSTGRES_URL")
    ],
    directory: Annotated[
        Path, typer.Option("--secrets", help="Where the passwords are.", envvar="LUTONG_SECRETS")
    ] = SECRETS,
    *,
    as_json: Json = False,
) -> None:
    """Create the roles and databases that are missing, and set every password to what its file has."""
    passwords = {role: credentials.read(directory, credentials.postgres_file(role)) for role in credentials.ROLES}
    superuser = credentials.read(directory, credentials.postgres_file(urlsplit(url).username or ""))
    try:
        created = asyncio.run(create(url, superuser, passwords))
    except (OSError, asyncpg.PostgresError) as error:
        raise ConsoleError(f"PostgreSQL at {urlsplit(url).hostname}: {error}", code=UNREACHABLE) from None
    if as_json:
        emit_json({"created": created})
    else:
        out.print(f"created {', '.join(created)}" if created else "all roles and databases are there")


async def create(url: str, superuser: str, passwords: dict[str, str]) -> list[str]:
    """Roles by their passwords, and the services' databases; gives the names of what was not there before.

    `<service>_owner` owns its database and runs migrations; `<service>` and the verifier may connect, and what else
    they may, migrations grant (`lutong_chassis.grants`). Nobody else may connect, also not with another's password.
    """
    connection = await asyncpg.connect(url, password=superuser, timeout=10)
    try:
        created = [role for role, password in passwords.items() if await _create_role(connection, role, password)]
        for service in SERVICES:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", service):
                await connection.execute(f'CREATE DATABASE "{service}" OWNER "{service}_owner"')
                created.append(f"database {service}")
            await connection.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
            await connection.execute(f'GRANT CONNECT ON DATABASE "{service}" TO "{service}", "{VERIFIER}"')
        await connection.execute(f'GRANT pg_monitor TO "{credentials.WATCHER}"')
    finally:
        await connection.close()
    return created


async def _create_role(connection: Connection, role: str, password: str) -> bool:
    """Make a role, or set its password; gives whether it is new. The server sees a verifier, not the password."""
    known = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
    verb = "ALTER" if known else "CREATE"
    await connection.execute(
        f'{verb} ROLE "{role}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION '
        f"PASSWORD '{scram_verifier(password, os.urandom(16))}'"
    )
    return not known


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): it proves the password and does not contain it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_64, client_64, server_64 = (base64.b64encode(part).decode() for part in (salt, client, server))
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_64}${client_64}:{server_64}"
