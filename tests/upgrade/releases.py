"""Two releases of the suite on one stack: where each one's code is, and the replicas that run it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lutong_contracts.topics import SERVICES
from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, start, stop, wait_for
from lutong_local.readiness import readiness_at
from lutong_local.stack import Stack, save, service_environment

ROOT: Final = Path(__file__).parents[2]
BEFORE: Final = os.environ.get("LUTONG_UPGRADE_FROM", "fe3694504197638c8e5e6d4d3e36706520834dcf")
"""The release before: the last one that parked the types that it did not know."""
_PACKAGES: Final = ("libs/contracts", "libs/chassis", "libs/client", "services/console", "deploy/local")


@dataclass(frozen=True, slots=True)
class Release:
    """A checkout of the suite, and the environment in which Python runs its code and no other's."""

    name: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """PYTHONPATH comes before what is installed, so this code wins."""
        folders = [*_PACKAGES, *(f"services/{service}" for service in SERVICES), "."]
        return {"PYTHONPATH": ":".join(str(self.folder / folder) for folder in folders)}

    def python(self, *arguments: str) -> str:
        """Run Python on this code; gives what it printed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(  # our own code, no shell
            command, cwd=self.folder, env=os.environ | self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()


NEW: Final = Release("new", ROOT)


def before(folder: Path) -> Release | None:
    """The release before, unpacked into a folder; None where this checkout has no such commit (a shallow clone, an archive)."""
    archive = folder / "before.tar"
    git = ["git", "-C", str(ROOT), "archive", "--output", str(archive), BEFORE]
    try:
        done = subprocess.run(git, capture_output=True, check=False)  # git from PATH, no shell
    except OSError:
        return None
    if done.returncode != 0:
        return None
    (folder / "before").mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder / "before")], check=True)  # noqa: S607  # tar from PATH, no shell
    return Release("before", folder / "before")


@dataclass(slots=True)
class Replicas:
    """Two processes of each service: the first answers at the stack's port, the second at one of its own."""

    stack: Stack
    settings: Callable[[str], dict[str, str]]
    running: dict[tuple[str, int], Child] = field(default_factory=dict)
    ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def start(self, service: str, number: int, release: Release) -> None:
        """Start a replica and wait until it is ready."""
        where = (service, number)
        port = self.ports.setdefault(where, self.stack.ports[service] if number == 1 else free_port())
        variables = os.environ | service_environment(self.stack, service) | self.settings(service) | release.environment
        variables |= {"LUTONG_HTTP_PORT": str(port)}
        log = self.stack.directory / f"{service}-{number}.log"
        child = start(Command([sys.executable, "-m", f"lutong_{service}.app"], variables, log, dies_with_parent=True))
        self.running[where] = child
        wait_for(
            child,
            f"{service} {number} ({release.name})",
            lambda: readiness_at(f"http://127.0.0.1:{port}")["ready"],
            timeout_s=180,
        )

    def move(self, release: Release) -> None:
        """One replica after the other becomes one of a release."""
        for service in SERVICES:
            for number in (1, 2):
                self.stop(service, number)
                self.start(service, number, release)

    def stop(self, service: str, number: int) -> None:
        """Stop a replica, if it runs, as an operator does."""
        if child := self.running.pop((service, number), None):
            stop(child)


@contextmanager
def replicas(stack: Stack, settings: Callable[[str], dict[str, str]]) -> Iterator[Replicas]:
    """Replicas of all services, none of which runs yet; gone with the block."""
    pair = Replicas(stack, settings)
    save(stack)
    try:
        yield pair
    finally:
        for service, number in list(pair.running):
            pair.stop(service, number)
