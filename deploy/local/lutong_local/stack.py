"""The whole suite on one machine: Kafka, PostgreSQL, topics, and the four services as processes.

What runs is written to `stack.json` in the stack's directory, readable by its owner only; every
command of the `lutong` command line starts from there. Beside it is the key that signs tokens for
this stack's services, and for no other's.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lutong_chassis import tokens, topics
from lutong_chassis.kafka import KafkaAccess
from lutong_contracts.topics import SERVICES, TOPICS
from lutong_local import forkserver, keys, postgres
from lutong_local.kafka import plain, prepare_kafka, wait_for_kafka
from lutong_local.ports import choose_ports
from lutong_local.postgres import admin_url, create_service_databases, prepare_postgres, wait_for_postgres
from lutong_local.processes import (
    Child,
    Command,
    LocalError,
    start,
    stop,
    to_open_pipes,
    wait,
    wait_for,
)
from lutong_local.readiness import readiness_at
from lutong_local.surroundings import surroundings

Report = Callable[[str], None]


@dataclass(slots=True)
class Stack:
    """What runs, where, and how to reach it. `password` and the URLs are secrets of this machine.

    A port named `kafka_advertised` stands between Kafka and its clients: a test's, to cut connections.
    """

    directory: Path
    ports: dict[str, int] = field(default_factory=dict)
    password: str = ""
    database_urls: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    @property
    def kafka_bootstrap(self) -> str:
        """Where Kafka is."""
        return f"127.0.0.1:{self.ports['kafka']}"

    @property
    def kafka(self) -> KafkaAccess:
        """How to reach Kafka: a plain listener on loopback."""
        return KafkaAccess(self.kafka_bootstrap)

    @property
    def admin_url(self) -> str:
        """Where the superuser of PostgreSQL connects."""
        return admin_url(self.ports["postgres"], self.password)

    def url(self, service: str) -> str:
        """Where a service answers."""
        return f"http://127.0.0.1:{self.ports[service]}"

    @property
    def keys(self) -> Path:
        """Where the key that signs tokens is, and its public half."""
        return self.directory / "keys"

    @property
    def signer(self) -> tokens.Signer:
        """The issuer of the tokens that this stack's services accept."""
        return tokens.read_key(self.keys / "signing-key.pem")

    def runs(self, piece: str) -> bool:
        """Whether the process of a piece is alive."""
        return piece in self.children and self.children[piece].alive


def home() -> Path:
    """Where stacks are kept."""
    given = os.environ.get("LUTONG_HOME")
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(given) if given else Path(state) / "lutong"


def load(directory: Path) -> Stack | None:
    """The stack in a directory, if there is one."""
    path = directory / "stack.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    children = {name: Child(**child) for name, child in kept.pop("children").items()}
    return Stack(directory, **kept, children=children)


def save(stack: Stack) -> None:
    """Write the stack down, for its owner's eyes only."""
    stack.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = {name: value for name, value in asdict(stack).items() if name != "directory"}
    scratch = stack.directory / ".stack.json"
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(kept, indent=2), encoding="utf-8")
    scratch.replace(stack.directory / "stack.json")


def up(
    directory: Path,
    report: Report,
    *,
    dies_with_parent: bool = False,
    environment_of: Callable[[Stack, str], dict[str, str]] = lambda _stack, _service: {},
) -> Stack:
    """Start what does not run and wait until all is ready; what runs goes on as it is.

    When a part fails, what was started here is stopped again. `environment_of` may add to the environment of a service.
    """
    stack = load(directory) or Stack(directory)
    ran = frozenset(filter(stack.runs, stack.children))
    try:
        start_infrastructure(stack, report, dies_with_parent=dies_with_parent)
        if not ran or not stack.database_urls:
            prepare(stack, report)
        _wait_for_what_stops(stack, report)
        ran = frozenset(name for name in ran if stack.runs(name))
        for service in (name for name in SERVICES if name not in ran):
            report(f"starting {service}")
            start_service(stack, service, environment_of(stack, service), dies_with_parent=dies_with_parent)
        wait_until_ready(stack, SERVICES, report)
    except BaseException:
        down(stack, report, but=ran)
        raise
    return stack


def _wait_for_what_stops(stack: Stack, report: Report) -> None:
    """Wait until each service that runs is ready, or has ended: one that was asked to stop takes a moment."""
    for service in SERVICES:
        if stack.runs(service) and not readiness(stack, service)["ready"]:
            report(f"{service} runs and is not ready: waiting until it is, or has ended")
            if not wait(lambda name=service: not stack.runs(name) or readiness(stack, name)["ready"]):  # type: ignore[misc]  # mypy cannot type a lambda's default
                report(f"{service} is neither: lutong restart {service}")


def down(stack: Stack, report: Report, *, purge: bool = False, but: frozenset[str] = frozenset()) -> None:
    """Stop everything `but` some, services first; the data stays unless it is purged, whether anybody listens or not."""
    report = to_open_pipes(report)
    services = [name for name in SERVICES if name not in but]
    for name in (name for name in [*SERVICES, "kafka", "postgres"] if name not in but):
        child = stack.children.get(name)
        if child and child.alive:
            report(f"stopping {name}")
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        list(pool.map(lambda name: stop_service(stack, name), services))
    for name, how in (("kafka", signal.SIGTERM), ("postgres", postgres.STOP_SIGNAL)):
        if name in stack.children and name not in but:
            stop(stack.children.pop(name), how)
    if purge:
        shutil.rmtree(postgres.data_directory(stack.directory), ignore_errors=True)
        shutil.rmtree(stack.directory, ignore_errors=True)
    elif stack.directory.exists():
        save(stack)


def start_infrastructure(stack: Stack, report: Report, *, dies_with_parent: bool) -> None:
    """Start Kafka and PostgreSQL side by side, unless they run, on the ports they had before if those are free."""
    if postgres.left_behind(stack.directory, stack.password):
        data = postgres.data_directory(stack.directory)
        raise LocalError(
            f"{data} has the data of this stack, and the password to it is gone with the stack's directory"
        )
    choose_ports(stack.ports, stack.runs)
    stack.password = stack.password or secrets.token_urlsafe(24)
    save(stack)
    missing = [name for name in ("kafka", "postgres") if not stack.runs(name)]
    with ThreadPoolExecutor(2) as pool:
        prepared = {name: pool.submit(_prepare_piece, stack, name, report) for name in missing}
    # Started by this thread: a process that is to die with its parent dies with the thread that made it.
    for name, command in prepared.items():
        report(f"starting {name}")
        stack.children[name] = start(replace(command.result(), dies_with_parent=dies_with_parent))
    save(stack)
    for name in prepared:
        wait_for_piece(stack, name)


def start_piece(stack: Stack, name: str, *, dies_with_parent: bool = False) -> None:
    """Start Kafka or PostgreSQL again on the same data and ports; `wait_for_piece` returns when it answers."""
    command = _prepare_piece(stack, name, lambda _: None)
    stack.children[name] = start(replace(command, dies_with_parent=dies_with_parent))
    save(stack)


def _prepare_piece(stack: Stack, name: str, report: Report) -> Command:
    if name == "kafka":
        broker, controller = stack.ports["kafka"], stack.ports["controller"]
        ports = broker, controller, stack.ports.get("kafka_advertised", broker)
        directory = stack.directory / "kafka"
        return prepare_kafka(directory, plain(directory, ports), report)
    return prepare_postgres(stack.directory, stack.ports["postgres"], stack.password, report)


def wait_for_piece(stack: Stack, name: str) -> None:
    """Wait until Kafka or PostgreSQL takes connections."""
    if name == "kafka":
        wait_for_kafka(stack.children["kafka"], stack.ports["kafka"])
    else:
        wait_for_postgres(stack.children["postgres"], stack.ports["postgres"], stack.password)


def prepare(stack: Stack, report: Report) -> None:
    """Create topics, databases and the key that signs tokens, where they are missing."""
    report("creating topics and databases")
    asyncio.run(topics.apply(stack.kafka, TOPICS))
    passwords = asyncio.run(create_service_databases(stack.admin_url, SERVICES))
    stack.database_urls = {
        service: f"postgresql://{service}:{password}@127.0.0.1:{stack.ports['postgres']}/{service}"
        for service, password in passwords.items()
    }
    keys.make(stack.keys)
    save(stack)


def start_service(
    stack: Stack, service: str, environment: dict[str, str] | None = None, *, dies_with_parent: bool = False
) -> None:
    """Start one service; it migrates its database and waits for what it needs. One of a test run is forked."""
    stack.children[service] = start_replica(stack, service, environment or {}, dies_with_parent=dies_with_parent)
    save(stack)


def start_replica(stack: Stack, service: str, environment: dict[str, str], *, dies_with_parent: bool = False) -> Child:
    """Start a process of a service that the stack does not name: give it a port of its own (`LUTONG_HTTP_PORT`)."""
    variables = surroundings() | service_environment(stack, service) | environment
    module, log = f"lutong_{service}.app", stack.directory / f"{service}.log"
    if not dies_with_parent:
        return start(Command([sys.executable, "-m", module], variables, log))
    pid = forkserver.fork(forkserver.run_service, module, environment=variables, log=log).pid
    assert pid  # noqa: S101  # it was started
    return Child.of(pid, log)


def service_environment(stack: Stack, service: str) -> dict[str, str]:
    """The variables of a service of this stack."""
    return keys.environment(stack.keys, service) | {
        "LUTONG_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "LUTONG_DATABASE_URL": stack.database_urls[service],
        "LUTONG_HTTP_HOST": "127.0.0.1",
        "LUTONG_HTTP_PORT": str(stack.ports[service]),
        "LUTONG_SESSION_TIMEOUT_MS": "3000",
    }


def stop_service(stack: Stack, service: str, how: signal.Signals = signal.SIGTERM) -> None:
    """Stop one service, or kill it."""
    if service in stack.children:
        stop(stack.children[service], how)
        stack.children.pop(service)


def stop_piece(stack: Stack, name: str) -> None:
    """Stop Kafka or PostgreSQL, in good order; `start_piece` starts it again."""
    if name in stack.children:
        stop(stack.children.pop(name), postgres.STOP_SIGNAL if name == "postgres" else signal.SIGTERM)
        save(stack)


def wait_until_ready(stack: Stack, services: tuple[str, ...], report: Report) -> None:
    """Wait until services report that they are ready to serve."""
    for service in services:
        report(f"waiting for {service}")
        wait_for(stack.children[service], service, lambda service=service: readiness(stack, service)["ready"])  # type: ignore[misc]  # mypy cannot type a lambda's default


def readiness(stack: Stack, service: str) -> dict[str, Any]:
    """What a service answers about its readiness; not ready when it does not answer."""
    return readiness_at(stack.url(service))


@contextmanager
def infrastructure(directory: Path) -> Iterator[Stack]:
    """Kafka and PostgreSQL alone, for tests; gone with the block, or with the process."""
    stack = Stack(directory)
    try:
        start_infrastructure(stack, lambda _: None, dies_with_parent=True)
        yield stack
    finally:
        down(stack, lambda _: None, purge=True)
