"""A real PgBouncer in transaction mode, before a PostgreSQL that a test has. Skips where there is none."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import pytest

from lutong_local.ports import free_port
from lutong_local.processes import wait
from tests.support.nobody import give_to_nobody

_SESSIONS: Final = 3
"""Of PostgreSQL, for all clients of a database together: fewer than a service has connections, so that they are shared."""


def needs_pgbouncer() -> str:
    """The program; skips where it is not installed."""
    path = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if path is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer (1.18 will do), and run this again")
    return path


@dataclass(slots=True)
class PgBouncer:
    """One that runs. `through` gives a URL the way through it."""

    arguments: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait(self._listens, 10), f"PgBouncer does not listen; see {self.log}"

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop it; every connection through it is cut."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(10)

    def through(self, url: str) -> str:
        """The same database, by PgBouncer."""
        there = urlsplit(url)
        return urlunsplit(there._replace(netloc=f"{there.netloc.rpartition('@')[0]}@127.0.0.1:{self.port}"))


@contextmanager
def pgbouncer(directory: Path, *urls: str, port: int | None = None, **settings: object) -> Iterator[PgBouncer]:
    """Start PgBouncer before the databases of these URLs, with few sessions; `settings` are its own, by name."""
    program, port = needs_pgbouncer(), port or free_port()
    directory.mkdir()
    own = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "pool_mode": "transaction",
        "default_pool_size": _SESSIONS,
        "auth_type": "plain",
        "auth_file": directory / "users.txt",
        "logfile": directory / "pgbouncer.log",
        "pidfile": directory / "pgbouncer.pid",
        "server_login_retry": 1,
    }
    found = [urlsplit(url) for url in urls]
    databases = [f"{u.path[1:]} = host={u.hostname} port={u.port} dbname={u.path[1:]}" for u in found]
    (directory / "pgbouncer.ini").write_text(
        "\n".join(["[databases]", *databases, "[pgbouncer]", *(f"{k} = {v}" for k, v in (own | settings).items())]),
        encoding="ascii",
    )
    users = {f'"{u.username}" "{unquote(u.password or "")}"' for u in found}
    (directory / "users.txt").write_text("\n".join(users), encoding="ascii")
    give_to_nobody(directory)
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    made = PgBouncer([program, *as_nobody, str(directory / "pgbouncer.ini")], port, directory / "pgbouncer.log")
    try:
        made.start()
        yield made
    finally:
        made.stop()
