"""PostgreSQL's own pg_dump and pg_restore, as backups run them: the wheel's, or this machine's where TLS is asked for."""

import os
import shutil
import subprocess
from typing import IO, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from lutong_console import sealing
from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_local.postgres import program
from lutong_local.processes import LocalError

_LIBPQ: Final = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})


def dump(url: str, file: IO[bytes], secret: bytes | None, *options: str) -> None:
    """Write a database to a file, encrypted with a key if there is one; ConsoleError has what pg_dump reports."""
    form = ("--format=custom", "--compress=6")
    with _tool("pg_dump", url, *form, *options, stdout=subprocess.PIPE if secret else file) as process:
        if secret and process.stdout:
            sealing.seal(secret, process.stdout, file)
        _ended("pg_dump", url, process)


def restore(url: str, file: IO[bytes], secret: bytes | None) -> None:
    """Fill a database from what `dump` wrote, in one transaction; ConsoleError has what pg_restore reports."""
    options = ("--exit-on-error", "--single-transaction")
    with _tool("pg_restore", url, *options, stdin=subprocess.PIPE if secret else file) as process:
        try:
            if secret and process.stdin:
                for piece in sealing.opened(secret, file):
                    process.stdin.write(piece)
                process.stdin.close()
        except BrokenPipeError:
            pass  # its own error is shown: it reads no more
        except BaseException:
            process.kill()
            raise
        _ended("pg_restore", url, process)


def _tool(
    name: str,
    url: str,
    *arguments: str,
    stdin: "IO[bytes] | int | None" = None,
    stdout: "IO[bytes] | int | None" = None,
) -> "subprocess.Popen[bytes]":
    """PostgreSQL's own tool, as the owner of a database; the password is in no argument."""
    parts = urlsplit(url)
    place = f"--host={parts.hostname}", f"--port={parts.port or 5432}", f"--username={unquote(parts.username or '')}"
    tls = {_LIBPQ[parameter]: value for parameter, value in parse_qsl(parts.query) if parameter in _LIBPQ}
    return subprocess.Popen(  # noqa: S603  # our own arguments, no shell
        [
            _program(name, encrypts=tls.get("PGSSLMODE") in _ENCRYPTED),
            *place,
            "--no-password",
            f"--dbname={parts.path[1:]}",
            *arguments,
        ],
        env=os.environ | tls | {"PGPASSWORD": unquote(parts.password or "")},
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def _program(name: str, *, encrypts: bool) -> str:
    """The wheel's tool, which is new enough for every server of ours; it knows no TLS, so that takes this machine's."""
    if encrypts:
        if found := shutil.which(name):
            return found
        then = "install PostgreSQL's client programs, of the server's version or newer (Debian: postgresql-client)"
        raise ConsoleError(
            f"LUTONG_POSTGRES_SSLMODE asks for TLS, and there is no {name} on the path that knows it",
            then=then,
            code=USAGE,
        )
    try:
        return program(name)
    except LocalError as error:
        raise ConsoleError(str(error), code=USAGE) from None


def _ended(name: str, url: str, process: "subprocess.Popen[bytes]") -> None:
    output = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
    if process.wait():
        raise ConsoleError(f"{name} of {urlsplit(url).path[1:]}: {output}", code=PROBLEM)
