"""lutong init: the secrets of a deployment, each in a file of its own. Nothing is ever overwritten."""

import json
import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from lutong_chassis import tokens
from lutong_chassis.auth import LIFE_MAX_S
from lutong_console import credentials, deployment, preflight
from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out
from lutong_console.targets import Json

GROUP: Final = 10001
"""The group of our images' user. Root gives it the secrets; anybody else can only give their own group."""

_PAIR: Final = {credentials.SIGNING_KEY, credentials.JWKS}


def init(
    directory: Annotated[Path | None, typer.Option("--directory", help="Where to; deploy/secrets.")] = None,
    *,
    add_missing: Annotated[
        bool, typer.Option("--add-missing", help="Add what an upgrade needs; keep what is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the secrets of a deployment: random, one file each, for nobody but the containers that need them."""
    place = directory or deployment.directory() / "secrets"
    make = wanted()
    there = {name for name in make if (place / name).exists()}
    if there and not add_missing:
        raise ConsoleError(
            f"{place} has secrets already, and none is ever overwritten", then="lutong init --add-missing", code=PROBLEM
        )
    if there & _PAIR:
        there |= _PAIR  # a JWKS alone is of an issuer of yours, and another key would not be in it
    group = GROUP if os.geteuid() == 0 else os.getegid()
    try:
        written = _write(place, {name: one for name, one in make.items() if name not in there}, group)
    except OSError as error:
        raise ConsoleError(f"{error.filename}: {error.strerror}", code=USAGE) from None
    if as_json:
        emit_json({"directory": str(place), "written": written, "group": group})
        return
    out.print(f"{len(written)} secrets written to {place}, for group {group}")
    rootless = preflight.is_rootless()
    if rootless or group != GROUP:
        joined = (
            "0 in a rootless engine's containers is you" if rootless else "containers join the group that may read them"
        )
        echo(f"set LUTONG_SECRETS_GROUP={0 if rootless else group} in {place.parent / '.env'}: {joined}")
    echo("next: lutong up --target compose (make compose-up): what runs with a secret of before is made anew")


def _write(place: Path, wanted: dict[str, Callable[[], str]], group: int) -> list[str]:
    """Files that their owner writes and one group reads, in a directory that only their owner enters.

    Compose mounts a file into a container with the owner and the mode that it has here. Containers are not root,
    so a file that only its owner may read would be of no use to them; they are given the group instead.
    """
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.chmod(0o700)
    for name, make in wanted.items():
        handle = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if name != credentials.SIGNING_KEY:  # no container needs it
                os.fchown(file.fileno(), -1, group)
                os.fchmod(file.fileno(), 0o640)
            file.write(make())
    return list(wanted)


def wanted() -> dict[str, Callable[[], str]]:
    """What a deployment needs, by file name. All passwords are letters, digits, - and _: they fit into any syntax."""
    roles = [credentials.SUPERUSER, *credentials.ROLES]
    principals = [credentials.KAFKA_ADMIN, credentials.BROKER, *credentials.PRINCIPALS]
    names = [*map(credentials.postgres_file, roles), *map(credentials.kafka_file, principals), "grafana_admin"]
    signer = tokens.generate()
    return dict.fromkeys(names, _password) | {
        credentials.VAULT_KEY: lambda: secrets.token_hex(32),
        credentials.SIGNING_KEY: signer.pem.decode,
        credentials.JWKS: lambda: json.dumps(signer.jwks),
        **{name: partial(signer.token, who, LIFE_MAX_S) for name, who in credentials.tokens_of_the_console().items()},
    }


def _password() -> str:
    return secrets.token_urlsafe(24)
