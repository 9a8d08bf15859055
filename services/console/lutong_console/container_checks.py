"""What is wrong with a deployment in containers beyond what its services report: pieces, images, secrets, brokers, disks, time."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

from lutong_console import credentials, disk_growth, engine
from lutong_console.cli.errors import ConsoleError
from lutong_console.database_checks import connected
from lutong_console.deployment import Deployment
from lutong_console.disk_growth import Look
from lutong_console.engine import Engine, Piece
from lutong_console.findings import Finding
from lutong_contracts.topics import SERVICES

_DISK_PERCENT_MAX: Final = 85
_DISK_OF: Final = {"postgres": "/var/lib/postgresql/data", "kafka": "/var/lib/kafka/data"}
_OLDER: Final = timedelta(seconds=1)
"""A container is made a moment before its time of creation; the engine reports whole seconds."""


def judge_pieces(wanted: Mapping[str, Mapping[str, Any]], pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Pieces that should run and do not, and jobs that failed."""
    there = {piece.service: piece for piece in pieces}
    for service, configured in sorted(wanted.items()):
        job = engine.is_job(configured)
        piece = there.get(service)
        if piece is None:
            yield Finding(f"{service} has no container", "lutong up")
        elif job and piece.exit_code:
            yield Finding(f"{service} ended with {piece.exit_code}", f"lutong logs {service}, then lutong up")
        elif not job and not piece.runs:
            code = f", exit code {piece.exit_code}" if piece.exit_code else ""
            yield Finding(f"{service}: its container is {piece.state}{code}", f"lutong logs {service}, then lutong up")
        elif piece.health == "unhealthy":
            yield Finding(f"{service}: its healthcheck fails", f"lutong logs {service}")


def judge_images(wanted: Mapping[str, Mapping[str, Any]], pieces: Iterable[Piece]) -> Iterator[Finding]:
    """Containers of another image than the files and variables name now."""
    for piece in pieces:
        configured = str(wanted.get(piece.service, {}).get("image", piece.image))
        if piece.runs and piece.image != configured:
            yield Finding(f"{piece.service} runs {piece.image}, and {configured} was chosen", "lutong upgrade plan")


def judge_secrets(
    configuration: Mapping[str, Any], pieces: Iterable[Piece], changed_at: Mapping[str, datetime]
) -> Iterator[Finding]:
    """Containers that were made before a secret of theirs was changed: they hold the file as it was.

    `changed_at` is when each file was written, by the name of the secret. It works until a connection is made anew.
    """
    for service, secrets in stale(configuration, pieces, changed_at).items():
        what = f"{service} runs with {', '.join(secrets)} as it was: what it connects to next refuses it"
        yield Finding(what, f"lutong restart {service}")


def stale(
    configuration: Mapping[str, Any], pieces: Iterable[Piece], changed_at: Mapping[str, datetime]
) -> dict[str, list[str]]:
    """By service that runs, the secrets that were changed after its container was made."""
    found: dict[str, list[str]] = {}
    for piece in pieces:
        used = [each["source"] for each in configuration["services"].get(piece.service, {}).get("secrets", ())]
        made_at = piece.made_at
        old = [name for name in used if made_at and name in changed_at and changed_at[name] > made_at + _OLDER]
        if piece.runs and old:
            found[piece.service] = old
    return found


def changed_at(configuration: Mapping[str, Any]) -> dict[str, datetime]:
    """When the file of each secret was written."""
    files = {
        name: Path(secret["file"]) for name, secret in configuration.get("secrets", {}).items() if "file" in secret
    }
    return {name: datetime.fromtimestamp(file.stat().st_mtime, UTC) for name, file in files.items() if file.exists()}


def judge_brokers(
    asked: int, brokers: int, replicas: Mapping[str, int], in_sync: Mapping[str, int]
) -> Iterator[Finding]:
    """Fewer brokers, or copies of a topic, than were asked for; copies that are behind."""
    if brokers < asked:
        what = f"{brokers} of {asked} brokers {'is' if brokers == 1 else 'are'} there"
        yield Finding(what, "lutong status, then lutong up: what is acknowledged by few may be lost with few")
    few = sorted(topic for topic, copies in replicas.items() if copies < asked)
    if few:
        more = f" and {len(few) - 1} more" if len(few) > 1 else ""
        what = f"{few[0]}{more}: {replicas[few[0]]} {'copy' if replicas[few[0]] == 1 else 'copies'}, and {asked} were asked for"
        yield Finding(
            what, "a topic keeps its number of copies: back up, and restore into a new Kafka (docs/deploy.md)"
        )
    behind = sorted(topic for topic, copies in in_sync.items() if copies < replicas.get(topic, copies))
    if behind:
        more = f" and {len(behind) - 1} more" if len(behind) > 1 else ""
        yield Finding(f"{behind[0]}{more}: a copy is behind, or its broker is away", "lutong logs kafka")


class Disk(NamedTuple):
    """What `df` shows of the disk below a volume."""

    percent_used: int
    used_mb: int
    free_mb: int


def judge_disk(piece: str, disk: Disk) -> Iterator[Finding]:
    """A disk that is as good as full."""
    if disk.percent_used >= _DISK_PERCENT_MAX:
        what = f"{piece}: its disk is {disk.percent_used} % full, {disk.free_mb:,} MB are left"
        yield Finding(what, "make room, or move the volume: a full disk stops all services (docs/deploy.md)")


def disk_of(output: str) -> Disk:
    """What `df -Pm` shows in its last line."""
    found = re.findall(r"\d+\s+(\d+)\s+(\d+)\s+(\d+)%", output)
    used_mb, free_mb, percent_used = map(int, found[-1]) if found else (0, 0, 0)
    return Disk(percent_used, used_mb, free_mb)


class Pieces(NamedTuple):
    """What is wrong with the pieces of a suite; those that should run and do not, those that run, and their project."""

    findings: list[Finding]
    ended: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    project: str = ""


def look(place: Path) -> Pieces:
    """The containers of a deployment."""
    compose = Engine(place)
    configuration, pieces = compose.configuration(), compose.pieces()
    wanted = engine.wanted(configuration)
    findings = [*judge_pieces(wanted, pieces), *judge_images(wanted, pieces)]
    findings += judge_secrets(configuration, pieces, changed_at(configuration))
    running = frozenset(piece.service for piece in pieces if piece.runs)
    return Pieces(findings, frozenset(wanted) - running, running, str(configuration["name"]))


async def disks(deployment: Deployment, pieces: Pieces) -> list[Finding]:
    """Disks of pieces that run which are full or will be, by what was seen of them before; what is seen now is noted."""
    compose, now = Engine(deployment.place), datetime.now(UTC)
    used = {
        piece: disk_of(compose.ask("exec", "-T", piece, "df", "-Pm", directory))
        for piece, directory in _DISK_OF.items()
        if piece in pieces.running
    }
    looks = {piece: Look(now, disk.used_mb, disk.free_mb) for piece, disk in used.items()}
    looks |= {service: Look(now, size_mb) for service, size_mb in (await _sizes_mb(deployment)).items()}
    known = disk_growth.having(disk_growth.seen(deployment.place, pieces.project), looks)
    disk_growth.note(deployment.place, pieces.project, known)
    findings = [found for piece, disk in used.items() for found in judge_disk(piece, disk)]
    return [*findings, *disk_growth.judge([*used], known)]


async def _sizes_mb(deployment: Deployment) -> dict[str, int]:
    """How large the database of each service is; one that does not answer is found by its own check."""
    found = {}
    for service, url in deployment.database_urls.items():
        async with connected(url) as connection:
            if connection:
                found[service] = await connection.fetchval("SELECT pg_database_size(current_database()) / 1048576")
    return found


async def logins(deployment: Deployment) -> list[Finding]:
    """Roles that PostgreSQL does not let in with the secrets as they are now, each tried on a connection of its own."""
    findings = []
    for service in SERVICES:
        for role in (service, f"{service}_owner"):
            findings += await _login(deployment, service, role)
    return findings


async def _login(deployment: Deployment, service: str, role: str) -> list[Finding]:
    file = credentials.postgres_file(role)
    try:
        connection = await asyncpg.connect(deployment.database_url(service, role), timeout=5)
    except asyncpg.InvalidAuthorizationSpecificationError:
        return [
            Finding(f"PostgreSQL refuses {role} with the password in {file}", "lutong up: it sets what the file has")
        ]
    except ConsoleError as error:
        return [Finding(str(error), error.then)]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []  # it does not answer at all, which its own check finds
    await connection.close()
    return []
