"""Who there is besides people: roles of PostgreSQL, principals of Kafka, and the files with their passwords.

`lutong init` writes the files, containers find them below /run/secrets, and jobs create the principals that they are for.
"""

import re
from pathlib import Path
from typing import Final

from lutong_chassis.auth import Principal
from lutong_chassis.grants import VERIFIER
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.probe.principals import principals
from lutong_contracts.topics import SERVICES

SUPERUSER: Final = "postgres"
WATCHER: Final = "lutong_watcher"
"""Sees what PostgreSQL reports of itself, and no row: the exporter's."""
ROLES: Final = (*SERVICES, *(f"{service}_owner" for service in SERVICES), VERIFIER, WATCHER)

KAFKA_ADMIN: Final = "admin"
BROKER: Final = "broker"
CONSOLE: Final = "lutong-console"
READER: Final = "lutong-verifier"
TOPICS_JOB: Final = "lutong-topics"
PRINCIPALS: Final = (*(f"lutong-{service}" for service in SERVICES), CONSOLE, READER, TOPICS_JOB)
"""Whose rights follow from the contracts; the admin and the brokers may do everything."""

SIGNING_KEY: Final = "auth_signing_key"
JWKS: Final = "auth_jwks"
CONSOLE_TOKEN: Final = "console_token"  # noqa: S105  # the name of a file
PROBE_MEMBER_TOKEN: Final = "probe_member_token"  # noqa: S105  # the name of a file
PROBE_MERCHANT_TOKEN: Final = "probe_merchant_token"  # noqa: S105  # the name of a file
"""Who is asked over HTTP: the key that signs tokens stays with the operator, and services get its public half."""


def tokens_of_the_console() -> dict[str, Principal]:
    """What the container `console` asks as, by file: it looks as a viewer, and its probe goes as a member and a merchant of its own."""
    ours = principals()
    return {
        CONSOLE_TOKEN: Principal("console", "viewer"),
        PROBE_MEMBER_TOKEN: ours.member,
        PROBE_MERCHANT_TOKEN: ours.merchant,
    }


VAULT_KEY: Final = "inventory_vault_key"
"""The master key of members' addresses. Who loses it loses them all: keep a copy where no backup of a database is."""


def postgres_file(role: str) -> str:
    """The name of the file with a role's password."""
    return f"postgres_{role}"


def kafka_file(principal: str) -> str:
    """The name of the file with a principal's password."""
    return f"kafka_{principal}"


def read(directory: Path, name: str) -> str:
    """A secret of one line; the error names one that is missing, or cannot be one."""
    try:
        secret = (directory / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConsoleError(
            f"secret {directory / name}: {error.strerror}", then="lutong init --add-missing", code=USAGE
        ) from None
    except UnicodeDecodeError:
        raise ConsoleError(f"secret {directory / name} is not UTF-8", code=USAGE) from None
    if not secret or re.search(r"[\x00-\x1f\x7f]", secret):
        raise ConsoleError(f"secret {directory / name} has to be one line with something in it", code=USAGE)
    return secret
