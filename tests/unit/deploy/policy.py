"""What deploy/compose.yaml promises, as functions: a document in, sentences out about what breaks a promise."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from lutong_chassis.settings import Settings
from lutong_console import credentials
from lutong_console.cli.commands.init import wanted
from lutong_contracts.topics import SERVICES

Document = dict[str, Any]

_OWN: Final = re.compile(r"lutong/(\w+):")
_DEFAULTED: Final = re.compile(r"\$\{(\w+):-([^}]*)\}")
_ADDRESS: Final = "${LUTONG_HTTP_ADDRESS:-127.0.0.1}:"
_MEMORY_OF_ALL_MB: Final = 4096
_OTHERWISE: Final = {"console"}
"""Serves pages, and not what the healthcheck of deploy/Dockerfile asks for: it has one of its own."""
_WITHOUT_A_SHELL: Final = {"kafka-exporter"}
"""Nothing in its image could ask whether it is well: Prometheus does, and NotWatched fires."""
_OF_LIBPQ: Final = {"PGSSLMODE", "PGSSLROOTCERT"}
_MASQUERADES: Final = "com.docker.network.bridge.enable_ip_masquerade"
_GOES_OUT: Final = {"membership"}
"""What may reach any address: it asks providers of credit."""
_FRONT: Final = {*SERVICES, "proxy"}
"""What others than this machine may be let to: its callers bring tokens."""


def problems(document: Document) -> list[str]:
    """Everything that is wrong with a compose file."""
    pieces = document["services"]
    found = [
        f"{name}: {problem}" for name, piece in pieces.items() for check in _OF_A_PIECE for problem in check(piece)
    ]
    for judge in (_dependencies, _networks, _adoption, _health, _secrets, _ports, _volumes, _memory, _services):
        found += judge(document)
    return sorted(found)


def is_job(piece: Document) -> bool:
    """Whether it runs once and ends."""
    return piece.get("restart") == "no"


def filled_in(text: object) -> str:
    """Text with the defaults of its variables."""
    return _DEFAULTED.sub(lambda found: found[2], str(text))


def variables(path: Path) -> dict[str, set[str]]:
    """Variables of a compose file, each with its defaults; one without a default has none of them. `:+` gives no default."""
    found: dict[str, set[str]] = {}
    text = path.read_text(encoding="utf-8")
    for name, default in re.findall(r"(?<!\$)\$\{(\w+)((?:[^{}]|\$\{[^}]*\})*)\}", text):
        if not default.startswith(":+"):
            found.setdefault(name, set()).add(default)
    return found


def _rights(piece: Document) -> Iterator[str]:
    if piece.get("read_only") is not True:
        yield "its disk can be written: read_only"
    if piece.get("cap_drop") != ["ALL"] or "cap_add" in piece:
        yield "it keeps capabilities: cap_drop"
    if "no-new-privileges:true" not in piece.get("security_opt", []):
        yield "it may gain privileges: security_opt"
    if any(piece.get(key) for key in ("privileged", "pid", "network_mode", "ipc", "userns_mode", "devices")):
        yield "it is not apart from its host"
    user = str(piece.get("user", "10001" if _OWN.search(piece["image"]) else "0"))
    if user.split(":", maxsplit=1)[0] in {"0", "root"} and "lutong/" not in piece["image"]:
        yield "it is root: user"


def _limits(piece: Document) -> Iterator[str]:
    options = piece.get("logging", {}).get("options", {})
    if not {"max-size", "max-file"} <= options.keys():
        yield "its log grows for ever: logging"
    if not {"memory", "pids"} <= piece.get("deploy", {}).get("resources", {}).get("limits", {}).keys():
        yield "it may use everything: deploy.resources.limits"
    if not is_job(piece) and piece.get("restart") != "unless-stopped":
        yield "nobody starts it again: restart"


def _image(piece: Document) -> Iterator[str]:
    image = filled_in(piece["image"])
    if ":" not in image or image.endswith(":latest"):
        yield f"{image} is another image tomorrow"


def _environment(piece: Document) -> Iterator[str]:
    for name, value in piece.get("environment", {}).items():
        text = filled_in(value)
        if re.search(r"PASSWORD|SECRET|TOKEN", name) and not name.endswith("_FILE"):
            yield f"{name} is a secret in a variable"
        if re.search(r"//[^/@]*:[^/@]*@", text) or re.search(r'password="(?!\$\$\{)', text):
            yield f"{name} has a password in it"
        ours = name.removeprefix("LUTONG_").lower()
        known = ours in Settings.model_fields or name in _OF_LIBPQ
        if re.fullmatch(r"lutong/(?!console)\w+:.*", filled_in(piece["image"])) and not known:
            yield f"{name} is no setting of a service"


_OF_A_PIECE: Final[tuple[Callable[[Document], Iterator[str]], ...]] = (_rights, _limits, _image, _environment)


def _dependencies(document: Document) -> Iterator[str]:
    """Who waits for what: for health where something runs on, for success where a job ends."""
    pieces = document["services"]
    for name, piece in pieces.items():
        needs = piece.get("depends_on", {})
        if isinstance(needs, list):
            yield f"{name}: depends_on is a list: it waits for processes, not for health"
            continue
        for other, how in needs.items():
            condition = "service_completed_successfully" if is_job(pieces[other]) else "service_healthy"
            if how.get("condition") != condition:
                yield f"{name}: waits for {other} by {how.get('condition')}, not by {condition}"
            if _profiles(pieces[other]) - _profiles(piece) and how.get("required", True):
                yield f"{name}: cannot start without the profile of {other}"


def _networks(document: Document) -> Iterator[str]:
    """Every piece is on networks that it names, and out of them goes nothing but what has to."""
    closed = {
        name
        for name, network in document["networks"].items()
        if network.get("internal") or filled_in(network.get("driver_opts", {}).get(_MASQUERADES)) == "false"
    }
    for name, piece in document["services"].items():
        if not piece.get("networks"):
            yield f"{name}: is on the network of everything"
        elif not closed.issuperset(piece["networks"]) and name not in _GOES_OUT:
            yield f"{name}: reaches any address"
    for name in ("kafka", "postgres"):
        if document["networks"][name] != {"internal": True}:
            yield f"network {name}: has a way out"


def _adoption(document: Document) -> Iterator[str]:
    """`up --wait` fails when a job ends that nobody waits for, in any profile."""
    pieces = document["services"]
    for name, piece in pieces.items():
        who = [other for other in pieces.values() if name in other.get("depends_on", {})]
        if is_job(piece) and not any(_profiles(other) <= _profiles(piece) for other in who):
            yield f"{name}: nobody waits for this job: `up --wait` fails when it ends"


def _profiles(piece: Document) -> set[str]:
    return set(piece.get("profiles", []))


def _health(document: Document) -> Iterator[str]:
    """Services have their healthcheck in deploy/Dockerfile; nobody switches it off but jobs."""
    for name, piece in document["services"].items():
        check = piece.get("healthcheck", {})
        if is_job(piece):
            if not check.get("disable"):
                yield f"{name}: a healthcheck for what serves nothing"
        elif name in _WITHOUT_A_SHELL and not check:
            pass
        elif check.get("disable") or not (
            check.get("test") or (_OWN.search(piece["image"]) and name not in _OTHERWISE)
        ):
            yield f"{name}: nobody knows whether it is well: healthcheck"
        writes = any(
            isinstance(volume, str) for volume in piece.get("volumes", [])
        )  # what is bound is read only: _volumes
        if name in SERVICES or (writes and not piece["image"].startswith("${LUTONG_GRAFANA")):
            grace_s = int(str(piece.get("stop_grace_period", "10s")).removesuffix("s"))
            if not is_job(piece) and grace_s <= Settings.model_fields["shutdown_timeout_s"].default:
                yield f"{name}: is killed while it finishes its work: stop_grace_period"


def secrets_of(piece: Document) -> set[str]:
    """Names of the secrets that a container is given."""
    return {secret if isinstance(secret, str) else secret["source"] for secret in piece.get("secrets", [])}


def _secrets(document: Document) -> Iterator[str]:
    declared, written = set(document["secrets"]), set(wanted()) - {credentials.SIGNING_KEY}
    yield from (f"secret {name}: `lutong init` does not write it" for name in declared - written)
    yield from (f"secret {name}: is written by `lutong init` and used by nobody" for name in written - declared)
    for name, secret in document["secrets"].items():
        if secret != {"file": f"${{LUTONG_SECRETS:-./secrets}}/{name}"}:
            yield f"secret {name}: is not the file that `lutong init` writes"
    given = {name: secrets_of(piece) for name, piece in document["services"].items()}
    yield from (f"secret {name}: no container is given it" for name in declared - set().union(*given.values()))
    for service in SERVICES:
        kafka, role = f"kafka_lutong-{service}", f"postgres_{service}"
        own = {credentials.VAULT_KEY} if service == "inventory" else set()
        if given.get(service) != {"auth_jwks", kafka, role} | own:
            yield f"{service}: has other secrets than its own"
        if given.get(f"{service}-migrate") != {"auth_jwks", kafka, f"{role}_owner"}:
            yield f"{service}-migrate: has other secrets than its own"


def _ports(document: Document) -> Iterator[str]:
    for name, piece in document["services"].items():
        for port in piece.get("ports", []):
            if not (port.startswith("127.0.0.1:") or (port.startswith(_ADDRESS) and name in _FRONT)):
                yield f"{name}: {port} is open to everybody"


def _volumes(document: Document) -> Iterator[str]:
    for name, piece in document["services"].items():
        for volume in piece.get("volumes", []):
            if isinstance(volume, dict):
                if volume.get("read_only") is not True:
                    yield f"{name}: writes into {volume['source']} of its host"
                if "docker.sock" in volume["source"]:
                    yield f"{name}: commands the engine"
            elif volume.split(":")[0] not in document["volumes"]:
                yield f"{name}: {volume} is no named volume"


def megabytes(text: object) -> int:
    """A size such as 256m."""
    return int(filled_in(text).removesuffix("m"))


def _memory(document: Document) -> Iterator[str]:
    total = 0
    for name, piece in document["services"].items():
        limit = megabytes(piece.get("deploy", {}).get("resources", {}).get("limits", {}).get("memory", "0m"))
        for value in piece.get("environment", {}).values():
            heap = re.search(r"-Xmx(\d+)m", filled_in(value))
            if heap and int(heap[1]) > limit * 0.6:
                yield f"{name}: a heap of {heap[1]} MB does not fit into {limit} MB with all that is beside it"
        if not is_job(piece) and not piece.get("profiles"):
            total += limit
    if total > _MEMORY_OF_ALL_MB:
        yield f"all that runs without a profile may use {total} MB, which is more than {_MEMORY_OF_ALL_MB}"


_ADDRESSES = ("LUTONG_DATABASE_URL", "LUTONG_DATABASE_DIRECT_URL")


def _services(document: Document) -> Iterator[str]:
    for service in SERVICES:
        piece = document["services"].get(service)
        job = document["services"].get(f"{service}-migrate")
        if piece is None or job is None:
            yield f"{service}: it or its migration is missing"
            continue
        if piece["environment"].get("LUTONG_MIGRATE_ON_START") != "false":
            yield f"{service}: changes its tables itself, which its role may not"
        own = [value for name, value in piece["environment"].items() if name in _ADDRESSES and value]
        if not all(f"//{service}@" in value for value in own):
            yield f"{service}: does not come as its own role"
        if f"//{service}_owner@" not in job["environment"]["LUTONG_DATABASE_URL"]:
            yield f"{service}-migrate: does not come as the owner"
        if piece["environment"].get("LUTONG_AUTH", "required") != "required":
            yield f"{service}: asks nobody who they are"
