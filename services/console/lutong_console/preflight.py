"""What a machine, its engine and a choice of settings must have before containers are started: facts in, findings out."""

import os
import re
import shutil
import socket
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from lutong_chassis import tokens
from lutong_console import credentials, engine
from lutong_console.cli.errors import ConsoleError
from lutong_console.deployment import Deployment
from lutong_console.engine import Engine
from lutong_console.findings import Finding
from lutong_contracts.topics import SERVICES

_ENGINE_MIN: Final = (20, 10)
_COMPOSE_MIN: Final = (2, 24)
_CPUS_MIN: Final = 2
_MEMORY_MIN_MB: Final = {False: 3_800, True: 5_800}
"""What an engine of 4 GB shows; with three brokers, of 6 GB."""
_DISK_MIN_MB: Final = 5_000
_SKEW_MAX_S: Final = 2.0
_TESTED: Final = ("x86_64", "amd64")
_PODMAN: Final = "Podman Engine"
_ROOTLESS: Final = "name=rootless"
_NAMED_MAX: Final = 4
"""Of more files than that the folder is named."""
_SIGNED_BY_US: Final = "tokens are signed by the key of `lutong init`, which is for development"


@dataclass(frozen=True, slots=True)
class Machine:
    """An engine and its machine, as far as they report. Sizes in MB; None is what nobody could ask."""

    engine: str
    compose: str
    cpus: int
    memory_mb: int
    architecture: str
    options: Sequence[str] = ()
    """What the engine reports about security: `name=rootless`, `name=selinux`."""
    disk_free_mb: int | None = None
    skew_s: float = 0.0
    is_podman: bool = False
    """Whether it is Podman, which answers as Docker does."""


def judge_machine(machine: Machine, *, three_brokers: bool) -> Iterator[Finding]:
    """What is too old, too small or untried."""
    yield from _judge_engine(machine)
    if machine.cpus < _CPUS_MIN:
        yield Finding(f"the engine has {machine.cpus} CPU", f"give it {_CPUS_MIN} or more")
    needed_mb = _MEMORY_MIN_MB[three_brokers]
    if machine.memory_mb < needed_mb:
        what = f"the engine has {machine.memory_mb:,} MB of memory, {needed_mb:,} MB are needed"
        yield Finding(what, "give it more, or lower LUTONG_*_MEMORY in deploy/.env (docs/deploy.md, Memory)")
    if machine.disk_free_mb is not None and machine.disk_free_mb < _DISK_MIN_MB:
        what = f"{machine.disk_free_mb:,} MB are free where the engine keeps its data, {_DISK_MIN_MB:,} MB are needed"
        yield Finding(what, "make room: docker system df reports what takes it")
    if abs(machine.skew_s) > _SKEW_MAX_S:
        what = f"the engine's clock is {abs(machine.skew_s):.0f} s off ours: tokens and deadlines go by it"
        yield Finding(what, "synchronise the clocks (NTP)")
    if machine.architecture not in _TESTED:
        yield Finding(
            f"the engine is {machine.architecture}: the suite was tested on x86-64 only",
            "try it, and report how it goes",
        )


def _judge_engine(machine: Machine) -> Iterator[Finding]:
    """An engine or a compose that is too old, or none of Docker's."""
    if machine.is_podman:
        what = f"the engine is Podman {machine.engine}: PostgreSQL and health checks did not work with it (docs/deploy.md, Engines)"
        yield Finding(what, "use Docker Engine, which may be rootless")
    docker = "" if machine.is_podman else machine.engine
    for name, there, least in (("Docker Engine", docker, _ENGINE_MIN), ("compose", machine.compose, _COMPOSE_MIN)):
        if (found := _version(there)) and found < least:
            yield Finding(f"{name} is {there}", f"upgrade it to {least[0]}.{least[1]} or newer")


def judge_ports(
    ports: Mapping[str, Sequence[int]], taken: Sequence[int], replicas: Mapping[str, int]
) -> Iterator[Finding]:
    """Ports that are taken, given twice, or fewer than replicas. `ports` are those of each piece."""
    seen: dict[int, str] = {}
    for piece, own in sorted(ports.items()):
        for port in own:
            if port in seen:
                what = f"port {port} is given to {seen[port]} and to {piece}"
                yield Finding(what, f"write another LUTONG_{piece.upper().replace('-', '_')}_PORT into deploy/.env")
            elif port in taken:
                what = f"port {port} of {piece} is taken by another process of this machine"
                yield Finding(what, f"end that, or write another LUTONG_{piece.upper().replace('-', '_')}_PORT into deploy/.env")  # fmt: skip
            seen.setdefault(port, piece)
        if 0 < len(own) < replicas.get(piece, 1):
            what = f"{piece} has {replicas[piece]} replicas, and {len(own)} ports"
            yield Finding(what, f"lutong scale {piece}={replicas[piece]} --ports FIRST-LAST")


def judge_secrets(deployment: Deployment, names: Sequence[str], *, rootless: bool = False) -> Iterator[Finding]:
    """Secrets that are missing, or that containers cannot read: a sentence for each reason, with the file and how many more."""
    group = int(deployment.variables.get("LUTONG_SECRETS_GROUP", "10001"))
    missing: dict[str, list[Path]] = defaultdict(list)
    unreadable: dict[tuple[int, int], list[Path]] = defaultdict(list)
    for name in names:
        file = deployment.secrets / name
        try:
            found = file.stat()
        except OSError as error:
            missing[str(error.strerror)].append(file)
            continue
        by_group = found.st_mode & stat.S_IRGRP and found.st_gid == group and not rootless  # which maps groups
        if not (found.st_mode & stat.S_IROTH or by_group or group == 0):
            unreadable[stat.S_IMODE(found.st_mode), found.st_gid].append(file)
    for why, files in missing.items():
        yield Finding(f"secret {_first_of(files)}: {why}", "lutong init --add-missing")
    for (mode, owner), files in unreadable.items():
        whose = "containers of a rootless engine" if rootless else f"containers of group {group}"
        what = f"secret {_first_of(files)}: mode {mode:o}, group {owner}: {whose} cannot read it"
        yield Finding(what, _mended(files, group, owner, rootless=rootless))


def _first_of(files: Sequence[Path]) -> str:
    return f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else str(files[0])


def _mended(files: Sequence[Path], group: int, owner: int, *, rootless: bool) -> str:
    """How containers come to read secrets: by the group that the files have, or by giving the files theirs."""
    if rootless:
        return "write LUTONG_SECRETS_GROUP=0 into deploy/.env"
    if os.geteuid() != 0:
        return f"write LUTONG_SECRETS_GROUP={owner} into deploy/.env, with each secret of mode 640"
    all_of_them = " ".join(map(str, files)) if len(files) < _NAMED_MAX else str(files[0].parent / "*")
    return f"chgrp {group} {all_of_them}; chmod 640 {all_of_them}"


def judge_egress(variables: Mapping[str, str]) -> Iterator[Finding]:
    """What containers are to reach elsewhere while nothing goes out of their networks; an address of this machine is here."""
    if variables.get("LUTONG_EGRESS", "false") == "true":
        return
    asked = {
        "LUTONG_KAFKA_BOOTSTRAP": variables.get("LUTONG_BUNDLED_KAFKA") == "0",
        "LUTONG_POSTGRES_HOST": variables.get("LUTONG_BUNDLED_POSTGRES") == "0",
        "LUTONG_POOLER_HOST": not variables.get("LUTONG_POOLER_HOST", "$").startswith("$"),  # PostgreSQL's, by default
        "LUTONG_OTLP_ENDPOINT": bool(variables.get("LUTONG_OTLP_ENDPOINT")),
        "LUTONG_AUTH_KEYS_URL": bool(variables.get("LUTONG_AUTH_KEYS_URL")),
    }
    if names := [name for name, is_asked in asked.items() if is_asked]:
        what = f"{', '.join(names)} may be on another machine, and nothing goes out of the networks of the containers"
        yield Finding(
            what, "write LUTONG_EGRESS=true into deploy/.env, or leave it where all of them are on this machine"
        )


def judge_keys(deployment: Deployment) -> Iterator[Finding]:
    """A production that would take tokens of the key that `lutong init` made."""
    try:
        own = tokens.read_key(deployment.secrets / credentials.SIGNING_KEY).jwks["keys"][0]["kid"]
        used = orjson.loads((deployment.secrets / credentials.JWKS).read_bytes())["keys"]
        if deployment.is_production and any(key.get("kid") == own for key in used):
            yield Finding(_SIGNED_BY_US, f"put the JWKS of your issuer into {deployment.secrets / credentials.JWKS}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # there is no key of ours, or no JWKS: judge_secrets knows


def blocking(deployment: Deployment, configuration: Mapping[str, Any], *, rootless: bool) -> list[Finding]:
    """What no start could survive."""
    names = sorted(
        {each["source"] for piece in engine.wanted(configuration).values() for each in piece.get("secrets", ())}
    )
    return [*judge_secrets(deployment, names, rootless=rootless), *judge_keys(deployment)]


def look(deployment: Deployment) -> list[Finding]:
    """Everything. ConsoleError where there is no engine to ask."""
    compose = Engine(deployment.place)
    machine = ask(compose)
    configuration = compose.configuration()
    running = {piece.service for piece in compose.pieces() if piece.runs}
    wanted = engine.wanted(configuration)
    ports = {name: published(piece) for name, piece in wanted.items()}
    mine = {port for name in running for port in ports.get(name, ())}
    taken = [port for own in ports.values() for port in own if port not in mine and is_taken(port)]
    replicas = {name: int(piece.get("scale") or 1) for name, piece in wanted.items() if name in SERVICES}
    return [
        *judge_machine(machine, three_brokers=deployment.brokers == 3),
        *judge_ports(ports, taken, replicas),
        *judge_egress(deployment.variables),
        *blocking(deployment, configuration, rootless=_ROOTLESS in machine.options),
    ]


def published(piece: Mapping[str, Any]) -> list[int]:
    """The ports of this machine that a piece takes: `18101-18103` is three."""
    found: list[int] = []
    for port in piece.get("ports", ()):
        first, _, last = str(port.get("published", "")).partition("-")
        if first.isdecimal():
            found += range(int(first), int(last or first) + 1)
    return sorted(set(found))


def ask(compose: Engine) -> Machine:
    """Ask the engine; its data's disk only where it is ours to look at."""
    before = datetime.now(UTC)
    output: dict[str, Any] = orjson.loads(engine.run("docker", "info", "--format", "{{json .}}"))
    if output.get("ServerErrors"):
        engine.run("docker", "version")  # reports it in its own words
    root = Path(output.get("DockerRootDir") or "/nonexistent")
    free_mb = shutil.disk_usage(root).free // 2**20 if os.access(root, os.R_OK) else None
    middle = before + (datetime.now(UTC) - before) / 2
    at = (
        datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", output["SystemTime"]))
        if output.get("SystemTime")
        else middle
    )
    return Machine(
        engine=str(output.get("ServerVersion", "")),
        compose=compose.ask("version", "--short").strip(),
        cpus=int(output.get("NCPU") or 0),
        memory_mb=int(output.get("MemTotal") or 0) // 2**20,
        architecture=str(output.get("Architecture", "")),
        options=tuple(output.get("SecurityOptions") or ()),
        disk_free_mb=free_mb,
        skew_s=(at - middle).total_seconds(),
        is_podman=_PODMAN in engine.run("docker", "version", "--format", "{{json .Server.Components}}"),
    )


def is_rootless() -> bool:
    """Whether the engine is rootless; not known is not."""
    try:
        return _ROOTLESS in engine.run("docker", "info", "--format", "{{json .SecurityOptions}}")
    except ConsoleError:
        return False


def _version(text: str) -> tuple[int, int] | None:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def is_taken(port: int) -> bool:
    """Whether something on this machine listens on a port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
