"""Deployments that are not the usual one: on the servers of another team, and on three brokers."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lutong_console.deployment import variables_of
from lutong_contracts.topics import SERVICES
from tests.compose.containers import DEPLOY, Containers, containers, counts, engine, roads
from tests.support.acl_stack import acl_stack
from tools import bundle


@pytest.fixture(autouse=True)
def _engine() -> None:
    if why := engine():
        pytest.skip(why)


def test_a_kafka_and_a_postgresql_of_yours_will_do(tmp_path: Path) -> None:
    look = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    host = subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip()
    with acl_stack(tmp_path / "theirs", host) as theirs, containers(tmp_path / "theirs") as made:
        made.variables |= {
            "LUTONG_BUNDLED_KAFKA": "0",
            "LUTONG_BUNDLED_POSTGRES": "0",
            "LUTONG_KAFKA_BOOTSTRAP": theirs.bootstrap,
            "LUTONG_POSTGRES_HOST": theirs.postgres,
        }
        made.up("--build")
        running = made.compose("ps", "--format", "{{.Service}}").split()
        assert sorted(running) == sorted(SERVICES)
        assert roads(made) == 8
        counts(made)


def replicas(made: Containers) -> set[int]:
    """How many copies topics have."""
    look = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --command-config /tmp/admin.properties"
    described = made.compose("exec", "-T", "kafka", *look.split(), "--describe")
    return {int(count) for count in re.findall(r"ReplicationFactor: (\d+)", described)}


def test_two_of_three_brokers_carry_the_road(tmp_path: Path) -> None:
    with containers(tmp_path) as made:
        made.variables |= variables_of(DEPLOY / "ha.env")
        made.up("--build")
        assert replicas(made) == {3}
        made.compose("kill", "--signal", "KILL", "kafka-2")
        assert roads(made) == 8
        found = made.lutong_ends(1, "doctor")
        assert "2 of 3 brokers are there" in found
        assert "kafka-2: its container is exited" in found
        made.up()
        counts(made)
        made.lutong("backup", str(tmp_path / "kept"), "--stop")
        made.lutong("restore", str(tmp_path / "kept"), "--stop", "--replace", "--new-kafka")
        made.lutong_ends(0, "up")
        made.lutong("resume", "--reason", "restored")
        assert replicas(made) == {3}
        counts(made)
        made.lutong("doctor")


def test_a_bundle_is_installed_without_a_network(tmp_path: Path) -> None:
    made = bundle.bundle(tmp_path / "bundle", [])
    subprocess.run(["docker", "rmi", "--force", "lutong/feed:0.1.0"], capture_output=True, check=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    alone = ["unshare", "--net"]
    done = subprocess.run(
        [*alone, "sh", made / "install.sh"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Loaded image: lutong/feed:0.1.0" in done.stdout
    environment |= {"LUTONG_DEPLOY": str(made / "deploy"), "LUTONG_TARGET": "compose"}
    done = subprocess.run(
        [*alone, made / "venv" / "bin" / "lutong", "init"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "secrets written" in done.stdout) == (0, True), done.stderr
