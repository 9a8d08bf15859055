"""Deployments that are not the usual one: from an older commit, on somebody else's servers, on three brokers."""

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from lutong_local.stack import SERVICES
from tests.compose.containers import DEPLOY, Containers, containers, counts, engine, roads
from tests.secured import secured

ROOT = DEPLOY.parent


@pytest.fixture(autouse=True)
def _engine() -> None:
    if why := engine():
        pytest.skip(why)


def older(directory: Path) -> Path:
    """A tree of the commit before, or of LUTONG_UPGRADE_FROM; gives its `deploy`."""
    revision = os.environ.get("LUTONG_UPGRADE_FROM", "HEAD~1")
    kept = subprocess.run(["git", "-C", str(ROOT), "archive", revision], capture_output=True, check=False)
    if kept.returncode:
        pytest.skip(f"git has no {revision} here: {kept.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(kept.stdout)) as tree:
        tree.extractall(directory, filter="data")
    return directory / "deploy"


def image(made: Containers) -> str:
    """What the feed runs."""
    return str(made.container("feed")["Config"]["Image"])


def test_an_upgrade_keeps_everything(tmp_path: Path) -> None:
    with containers(tmp_path / "ours") as made:
        before = Containers(
            made.project, made.secrets, made.variables | {"LUTONG_VERSION": "older"}, older(tmp_path / "older")
        )
        before.up("--build")
        assert roads(made) == 4
        records = counts(made)["records"]
        assert image(made) == "lutong/feed:older"
        made.up("--build")
        assert image(made) == "lutong/feed:0.1.0"
        assert counts(made)["records"] == records
        assert roads(made) == 4


def test_a_kafka_and_a_postgresql_of_yours_will_do(tmp_path: Path) -> None:
    look = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    host = subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip()
    with secured(tmp_path / "theirs", host) as theirs, containers(tmp_path / "theirs") as made:
        made.variables |= {
            "LUTONG_BUNDLED_KAFKA": "0",
            "LUTONG_BUNDLED_POSTGRES": "0",
            "LUTONG_KAFKA_BOOTSTRAP": theirs.bootstrap,
            "LUTONG_POSTGRES_HOST": theirs.postgres,
        }
        made.up("--build")
        running = made.compose("ps", "--format", "{{.Service}}").split()
        assert sorted(running) == sorted(SERVICES)
        assert roads(made) == 4
        counts(made)


def replicas(made: Containers) -> set[int]:
    """How many copies topics have."""
    look = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server 127.0.0.1:19092 --command-config /tmp/admin.properties"
    said = made.compose("exec", "-T", "kafka", *look.split(), "--describe")
    return {int(count) for count in re.findall(r"ReplicationFactor: (\d+)", said)}


def test_two_of_three_brokers_carry_the_road(tmp_path: Path) -> None:
    with containers(tmp_path) as made:
        for line in (DEPLOY / "ha.env").read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            if equals and not name.startswith("#"):
                made.variables[name] = value
        made.up("--build")
        assert replicas(made) == {3}
        made.compose("kill", "--signal", "KILL", "kafka-2")
        assert roads(made) == 4
        made.up()
        counts(made)
