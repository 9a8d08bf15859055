"""lutong token, lutong keys: identities for development. In production your own issuer signs tokens."""

import time
from pathlib import Path
from typing import Annotated, get_args

import typer

from lutong_chassis import tokens
from lutong_chassis.auth import LIFE_MAX_S, Principal, Role
from lutong_chassis.tokens import AUDIENCE, ISSUER, Signer
from lutong_console import credentials
from lutong_console.cli.commands.containers import renew_console_tokens
from lutong_console.cli.errors import UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out
from lutong_console.deployment import COMPOSE, compose
from lutong_console.targets import Json, StackName, stack_named

_ROLES = ", ".join(get_args(Role))


def token(  # noqa: PLR0913  # one parameter per option
    role: Annotated[str, typer.Option("--role", help=f"{_ROLES}.")] = "",
    merchant: Annotated[str | None, typer.Option("--merchant", help="The merchant that it acts for.")] = None,
    member: Annotated[str | None, typer.Option("--member", help="The member (feed account) that it acts for.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Who it is, in the audit table.")] = None,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=LIFE_MAX_S // 60, help="How long it is good.")] = 60,
    stack: StackName = "default",
    *,
    key: Annotated[Path | None, typer.Option("--key", help="Sign with this Ed25519 key (PEM).")] = None,
    issuer: Annotated[str, typer.Option("--issuer", help="`iss`, with --key.")] = ISSUER,
    audience: Annotated[str, typer.Option("--audience", help="`aud`, with --key.")] = AUDIENCE,
    console: Annotated[
        bool, typer.Option("--console", help="Renew the token of the container `console` instead, for a day.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a token for development, signed by the local stack's key or a key file."""
    if console:
        _renew(as_json=as_json)
        return
    role = role or ("merchant" if merchant else "member" if member else "operator")
    if role not in get_args(Role):
        raise ConsoleError(f"there is no role {role!r}: there are {_ROLES}", code=USAGE)
    try:
        who = Principal(subject or member or merchant or role, role, merchant, member)  # type: ignore[arg-type]  # checked above
    except ValueError as error:
        raise ConsoleError(str(error), then=f"lutong token --role {role} --help", code=USAGE) from None
    signer = _signer_of(key, issuer, audience) if key else _signer_of_stack(stack)
    made = signer.token(who, minutes * 60)
    if as_json:
        emit_json({"token": made, "expires_at": int(time.time()) + minutes * 60, "subject": who.subject, "role": role})
    else:
        out.print(made)


def _renew(*, as_json: bool) -> None:
    """`secrets/console_token`, in place: the container sees it at once."""
    if not renew_console_tokens(compose()):
        raise ConsoleError(
            "there is no secret console_token, or no key of `lutong init` to sign it with",
            then="lutong init --add-missing; with an issuer of yours, write a viewer's token of it into that file",
            code=USAGE,
        )
    if as_json:
        emit_json({"renewed": credentials.CONSOLE_TOKEN, "role": "viewer"})
    else:
        out.print("the container `console` may look for another day")


def keys(
    directory: Annotated[Path, typer.Argument(help="Where to; it must have none yet.")], *, as_json: Json = False
) -> None:
    """Make a key pair for development: signing-key.pem signs tokens, jwks.json is what services read."""
    try:
        signer = tokens.make_keys(directory)
    except OSError as error:
        raise ConsoleError(f"{directory}: {error.strerror}", code=USAGE) from None
    if as_json:
        emit_json({"directory": str(directory), "key_id": signer.key_id})
        return
    out.print(f"made key {signer.key_id} in {directory}")
    echo(f"next: LUTONG_AUTH_KEYS_FILE={directory}/jwks.json LUTONG_AUTH_ISSUER={ISSUER} for the services")


def _signer_of_stack(name: str) -> Signer:
    if name == COMPOSE:
        return compose().signer
    stack = stack_named(name)
    if stack is None or not stack.keys.exists():
        raise ConsoleError(
            f"there is no local stack {name!r}, so there is no key to sign with",
            then="lutong up, or lutong token --key FILE",
            code=UNREACHABLE,
        )
    return stack.signer


def _signer_of(key: Path, issuer: str, audience: str) -> Signer:
    try:
        return tokens.read_key(key, issuer, audience)
    except (OSError, ValueError) as error:
        raise ConsoleError(f"{key}: {error}", then="lutong keys DIRECTORY", code=USAGE) from None
