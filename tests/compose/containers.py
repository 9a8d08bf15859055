"""A suite in containers of its own: another project, free ports, secrets of the test. Gone when the test ends."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from uuid_utils.compat import uuid7

from lutong_console.deployment import variables_of
from lutong_contracts.topics import SERVICES
from lutong_local.ports import free_port
from tests.support.alerts import EXPORTERS

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
PORTS: Final = (
    "KAFKA",
    "KAFKA_2",
    "KAFKA_3",
    "POSTGRES",
    "PROMETHEUS",
    "GRAFANA",
    "ALERTMANAGER",
    "KAFKA_UI",
    "CONSOLE",
    "HTTPS",
    "TRACES",
    *map(str.upper, SERVICES),
)


@dataclass(slots=True)
class Containers:
    """A project of compose, and the command line that looks at it."""

    project: str
    secrets: Path
    variables: dict[str, str] = field(default_factory=dict)
    deploy: Path = DEPLOY
    before: dict[str, Any] | None = None
    """What the older commit had, if this was upgraded from one."""
    upgraded: str = ""
    """What `lutong up` said when it was upgraded."""

    @property
    def environment(self) -> dict[str, str]:
        ours = {"LUTONG_DEPLOY": str(self.deploy), "LUTONG_SECRETS": str(self.secrets), "LUTONG_TARGET": "compose"}
        return os.environ | ours | {"COMPOSE_PROJECT_NAME": self.project} | self.variables

    def compose(self, *arguments: str, timeout_s: float = 300) -> str:
        """What `docker compose` says; it must succeed."""
        return self._run(["docker", "compose", *arguments], timeout_s)

    def up(self, *arguments: str) -> None:
        """Start everything as a person does who has compose alone."""
        self.compose("up", "--detach", "--wait", *arguments, timeout_s=600)

    def lutong(self, *arguments: str, timeout_s: float = 300) -> str:
        """What the command line says; it must succeed."""
        return self._run([str(Path(sys.executable).with_name("lutong")), *arguments], timeout_s)

    def typed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the command line does, however it ends."""
        command = [str(Path(sys.executable).with_name("lutong")), *arguments]
        return subprocess.run(
            command, cwd=self.deploy, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )

    def lutong_ends(self, code: int, *arguments: str) -> str:
        """What it says, on both streams; it must end with this exit code."""
        done = self.typed(*arguments)
        assert done.returncode == code, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def sql(self, database: str, statement: str) -> str:
        """What PostgreSQL says, as its superuser, in its own container."""
        psql = f"PGPASSWORD=$(cat /run/secrets/postgres_postgres) psql -h 127.0.0.1 -U postgres -d {database} -tA"
        return self.compose("exec", "-T", "postgres", "sh", "-c", f'{psql} -c "{statement}"')

    @contextmanager
    def walking(self) -> Iterator[None]:
        """A viewer orders meanwhile, and goes away in the middle of it, as people do."""
        command = [str(Path(sys.executable).with_name("lutong")), "demo", "--target", "compose"]
        environment = self.environment | {"PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as viewer:
            try:
                assert viewer.stdout
                assert any(b"ServiceRequested" in line for line in viewer.stdout), "nobody came as far as a request"
                yield
            finally:
                viewer.terminate()

    def container(self, piece: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        name = self.compose("ps", "--all", "--quiet", piece).strip()
        found: list[dict[str, Any]] = json.loads(self._run(["docker", "inspect", name], 30))
        return found[0]

    def image(self, piece: str) -> str:
        """What a container runs."""
        return str(self.container(piece)["Config"]["Image"])

    def _run(self, command: list[str], timeout_s: float) -> str:
        done = subprocess.run(
            command,
            cwd=self.deploy,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"{command[-4:]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def containers(directory: Path) -> Iterator[Containers]:
    """A project that nothing runs of yet; whatever runs in the end is removed with its data.

    Secrets that are in the directory already are used.
    """
    ports = {f"LUTONG_{name}_PORT": str(free_port()) for name in PORTS}
    made = Containers(f"lutong-test-{uuid7().hex[-8:]}", directory / "secrets", ports)
    try:
        made.lutong("init", "--add-missing", "--directory", str(made.secrets))
        yield made
    finally:
        made.compose("--profile", "*", "down", "--volumes", "--timeout", "5")


def roads(deployed: Containers) -> int:
    walked = json.loads(deployed.lutong("demo", "--target", "compose", "--json"))
    assert [road["problems"] for road in walked if not road["through"]] == []
    return len(walked)


def counts(deployed: Containers) -> Any:  # noqa: ANN401  # JSON
    """Records and rows, once everything adds up; `lutong verify` waits for that, and fails when it does not."""
    found = json.loads(deployed.lutong("verify", "--json"))
    return {name: found[name] for name in ("records", "rows")}


def prometheus(deployed: Containers, path: str, **params: str) -> Any:  # noqa: ANN401  # what it answers, as JSON
    url = f"http://127.0.0.1:{deployed.variables['LUTONG_PROMETHEUS_PORT']}/api/v1/{path}"
    return httpx.get(url, params=params).json()["data"]


def known(deployed: Containers, query: str) -> list[dict[str, Any]]:
    """The samples that Prometheus gives for a query."""
    found: list[dict[str, Any]] = prometheus(deployed, "query", query=query)["result"]
    return found


def reported(deployed: Containers, exporter: str) -> bool:
    """Whether Prometheus has of an exporter what alerts ask for."""
    job, metrics = EXPORTERS[exporter]
    return all(known(deployed, f"{metric}{{job='{job}'}}") for metric in metrics)


def start_older(made: Containers, directory: Path) -> None:
    """Start what the commit before was, or LUTONG_UPGRADE_FROM, and walk its roads; `made` remembers what there was."""
    revision = os.environ.get("LUTONG_UPGRADE_FROM", "HEAD~1")
    archive = subprocess.run(["git", "-C", str(DEPLOY.parent), "archive", revision], capture_output=True, check=False)
    if archive.returncode:
        return
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
        tree.extractall(directory, filter="data")
    if not (directory / "services" / "console" / "lutong_console" / "app.py").exists():
        return  # the jobs of those commits could not start
    variables = made.variables | {"LUTONG_VERSION": "older"}
    older = Containers(made.project, made.secrets, variables, directory / "deploy")
    older.up("--build")
    assert roads(made) == 8
    made.before = {"records": counts(made)["records"], "image": older.image("feed")}


def tracing(made: Containers) -> dict[str, str]:
    """The variables of the profile `tracing`; none where the image of its collector cannot be had."""
    shown = made.compose("--profile", "tracing", "config", "--format", "json")
    image = json.loads(shown)["services"]["collector"]["image"]
    return variables_of(DEPLOY / "tracing.env") if has_image(image) else {}


def engine() -> str | None:
    """Why there is no engine to test with, if there is none."""
    try:
        for command in (["docker", "info"], ["docker", "compose", "version"]):
            subprocess.run(command, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{' '.join(command)} does not answer ({type(error).__name__})"
    return None


def has_image(image: str) -> bool:
    """Whether an image is here, or can be fetched."""
    here = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    return (
        here.returncode == 0
        or not subprocess.run(
            ["docker", "pull", "--quiet", image], capture_output=True, check=False, timeout=300
        ).returncode
    )
