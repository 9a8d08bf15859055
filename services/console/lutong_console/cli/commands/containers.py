"""What `up`, `down`, `restart`, `status`, `logs` and `scale` do where the suite runs in containers."""

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from lutong_chassis.auth import Principal
from lutong_chassis.tokens import Signer
from lutong_console import chosen, container_checks, credentials, engine, preflight, upgrading
from lutong_console.chosen import Choice
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import echo
from lutong_console.deployment import Deployment, compose
from lutong_console.engine import Engine, Piece
from lutong_console.health import ANSWER_TIMEOUT_S, Health, of_service
from lutong_console.probe.world import prepare
from lutong_console.targets import Suite
from lutong_contracts.topics import SERVICES

CONSOLE_TOKEN_S: Final = 86_400
_UP: Final = ("up", "--detach", "--wait")


def up(choice: Choice, *, build: bool) -> dict[str, float]:
    """Start what does not run, and make anew what changed: migrations first, while the services of before still serve.

    Gives how long each service that was made anew took, in seconds.
    """
    deployment = compose()
    chosen.remember(deployment.place, chosen.values(deployment.place, deployment.variables, choice))
    deployment = compose()
    docker = Engine(deployment.place)
    refuse(preflight.blocking(deployment, docker.configuration(), rootless=preflight.is_rootless()))
    renew_console_tokens(deployment)
    if build:
        docker.tell("build")
    seconds = _one_after_the_other(docker)
    docker.tell(*_UP)
    for service in _stale(docker):
        echo(f"{service} is made anew: a secret of it was changed")
        docker.tell(*_UP, "--no-deps", "--force-recreate", service)
    _prepare_probe(deployment)
    if seconds:
        upgrading.note(deployment.place, seconds)
    return seconds


def plan() -> list[upgrading.Change]:
    """What `up` would make anew."""
    docker = Engine(compose().place)
    configuration = docker.configuration()
    wanted = engine.wanted(configuration)
    images = engine.image_ids(piece["image"] for piece in wanted.values())
    would = docker.would_do(sorted(name for name, piece in wanted.items() if not engine.is_job(piece)))
    return upgrading.changes(configuration, would, images, docker.pieces(), upgrading.took(docker.place))


def _one_after_the_other(docker: Engine) -> dict[str, float]:
    """Where services run and some changed: prepare everything beside them, then make one after the other anew."""
    running = {piece.service for piece in docker.pieces() if piece.runs}
    changed = [change.piece for change in plan() if change.piece in running]
    if not any(piece in SERVICES for piece in changed):
        return {}
    servers = [piece for piece in changed if piece not in SERVICES and (piece == "postgres" or "kafka" in piece)]
    if servers:
        docker.tell(*_UP, "--no-deps", *servers)
    for job in upgrading.jobs(docker.configuration()):
        echo(f"{job}: while the services of before serve")
        docker.tell("run", "--rm", "--no-deps", "-T", job)
    seconds = {}
    for service in (piece for piece in changed if piece in SERVICES):
        began = time.monotonic()
        docker.tell(*_UP, "--no-deps", service)
        seconds[service] = round(time.monotonic() - began, 1)
    return seconds


def _stale(docker: Engine) -> dict[str, list[str]]:
    configuration = docker.configuration()
    return container_checks.stale(configuration, docker.pieces(), container_checks.changed_at(configuration))


def refuse(findings: Sequence[Any]) -> None:
    """Nothing is changed where something is found that no start survives."""
    if findings:
        more = f" (and {len(findings) - 1} more: lutong preflight)" if len(findings) > 1 else ""
        raise ConsoleError(f"{findings[0].what}{more}", then=findings[0].then, code=USAGE)


def renew_console_tokens(deployment: Deployment) -> bool:
    """Write the tokens of the container `console` anew, in place: it sees the same files. Not where an issuer of yours signs.

    Gives whether the console's own was: one that an upgrade needs is not there before `lutong init --add-missing`.
    """
    if not (deployment.secrets / credentials.SIGNING_KEY).exists():
        return False
    wanted = credentials.tokens_of_the_console()
    renewed = [name for name, who in wanted.items() if _written(deployment.secrets / name, deployment.signer, who)]
    return credentials.CONSOLE_TOKEN in renewed


def _written(file: Path, signer: Signer, who: Principal) -> bool:
    """Whether a token is there and was written anew."""
    with suppress(FileNotFoundError, PermissionError), file.open("r+", encoding="utf-8") as there:
        there.write(signer.token(who, CONSOLE_TOKEN_S))
        there.truncate()
        return True
    return False


def _prepare_probe(deployment: Deployment) -> None:
    """Have what synthetic journeys need, where the console of profile tools makes them; an issuer of yours gives whom you choose."""
    profiles = deployment.variables.get("COMPOSE_PROFILES", "").split(",")
    if not {"tools", "*"} & set(profiles) or not (deployment.secrets / credentials.SIGNING_KEY).exists():
        return
    try:
        asyncio.run(prepare(Suite.deployed(deployment)))
    except ConsoleError as error:
        echo(f"synthetic journeys will fail: {error}; next: lutong probe --target compose")


def down(*, purge: bool) -> bool:
    """Stop the containers of all profiles; gives whether there were any."""
    docker = Engine(compose().place)
    there = bool(docker.pieces())
    docker.tell("--profile", "*", "down", *(["--volumes"] if purge else []))
    return there


def restart(service: str) -> None:
    """Make one container anew, with the settings and secrets as they are now; the others go on."""
    docker = Engine(compose().place)
    there = engine.wanted(docker.configuration())
    if service not in there:
        raise ConsoleError(f"there is no piece {service!r}: there are {', '.join(sorted(there))}", code=USAGE)
    if service in _stale(docker):
        for job in (name for name in ("acl", "databases") if name in there):
            docker.tell("run", "--rm", "--no-deps", "-T", job)
    docker.tell(*_UP, "--no-deps", "--force-recreate", service)


def scale(service: str, replicas: int, ports: str) -> str:
    """Run several replicas of a service; gives the ports that they have, as a range."""
    deployment = compose()
    if service not in SERVICES:
        raise ConsoleError(f"there is no service {service!r}: there are {', '.join(SERVICES)}", code=USAGE)
    upper = service.upper()
    place, taken = deployment.place, _others_ports(deployment, service)
    wanted = ports or _free_range(service, replicas, taken)
    found = list(preflight.published({"ports": [{"published": wanted}]}))
    if len(found) < replicas or taken & set(found):
        raise ConsoleError(
            f"{wanted} are no {replicas} free ports", then=f"lutong scale {service}={replicas}", code=USAGE
        )
    count = "" if replicas == 1 else str(replicas)
    chosen.remember(place, {f"LUTONG_{upper}_PORT": wanted, f"LUTONG_{upper}_REPLICAS": count})
    Engine(place).tell(*_UP, "--no-deps", service)
    return wanted


def _others_ports(deployment: Deployment, service: str) -> set[int]:
    pieces = engine.wanted(Engine(deployment.place).configuration())
    return {port for name, piece in pieces.items() if name != service for port in preflight.published(piece)}


def _free_range(service: str, replicas: int, taken: set[int]) -> str:
    """The port that it always had for one; for more, a range that nobody uses."""
    own = 18_001 + SERVICES.index(service)
    if replicas == 1:
        return str(own)
    first = 18_100 + 20 * SERVICES.index(service)
    while any(port in taken or preflight.is_taken(port) for port in range(first, first + replicas)):
        first += replicas
    return f"{first}-{first + replicas - 1}"


def status() -> list[dict[str, Any]]:
    """How each piece is: what the engine reports of its container, and what a service reports itself."""
    deployment = compose()
    docker = Engine(deployment.place)
    wanted = engine.wanted(docker.configuration())
    pieces = docker.pieces()
    asked = asyncio.run(_asked(Suite.deployed(deployment))) if pieces else {}
    absent = [Piece(name, "-", "absent") for name in wanted if name not in {piece.service for piece in pieces}]
    found = []
    for piece in sorted([*pieces, *absent], key=lambda piece: piece[:2]):
        health = judge(piece, job=engine.is_job(wanted.get(piece.service, {})), own=asked.get(piece.service))
        where = deployment.url(piece.service) if piece.service in SERVICES else piece.name
        entry = {"piece": piece.service, "state": health.state, "ready": health.well, "container": piece.name}
        found.append(entry | {"where": where, "wrong": health.wrong})
    return found


def judge(piece: Piece, *, job: bool, own: Health | None) -> Health:
    """How a piece is, by its container and by what it reports itself."""
    if job:
        well = piece.state == "exited" and not piece.exit_code
        return Health("done") if well else Health(piece.state, f"exit code {piece.exit_code}")
    if not piece.runs:
        return Health(piece.state, f"exit code {piece.exit_code}" if piece.exit_code else "its container does not run")
    if own and not own.well:
        return own
    if piece.health == "unhealthy":
        return Health("unhealthy", "its healthcheck fails")
    return Health("starting", "its healthcheck has not passed yet") if piece.health == "starting" else Health("ready")


async def _asked(target: Suite) -> dict[str, Health]:
    async with target.client(ANSWER_TIMEOUT_S) as client:
        answers = await asyncio.gather(*(of_service(client, target.urls[service]) for service in SERVICES))
    return dict(zip(SERVICES, answers, strict=True))


class Logged(NamedTuple):
    """A line of a log, and whose it is."""

    piece: str
    text: str


def logs(pieces: Sequence[str], lines: int, *, follow: bool) -> Iterator[Logged]:
    """The ends of logs; of containers that have ended, too. Goes on for ever with `follow`."""
    docker = Engine(compose().place)
    there = {piece.service for piece in docker.pieces()}
    if unknown := sorted(set(pieces) - there):
        raise ConsoleError(
            f"there is no piece {unknown[0]!r}: there are {', '.join(sorted(there)) or 'none'}", code=USAGE
        )
    options = ["--no-color", "--tail", str(lines), *(["--follow"] if follow else [])]
    command = ["docker", "compose", "--profile", "*", "logs", *options, *pieces]
    with subprocess.Popen(  # noqa: S603  # our own arguments, no shell
        command, cwd=docker.place, stdout=subprocess.PIPE, encoding="utf-8", errors="replace"
    ) as process:
        for written in process.stdout or ():
            name, mark, text = written.rstrip("\n").partition(" | ")
            yield Logged(name.strip(), text) if mark else Logged("", name)
