"""What compose.yaml asks for, before anything of it runs."""

import json
import subprocess

import pytest

from lutong_contracts.topics import SERVICES
from tests.compose.containers import DEPLOY, engine


def config(profile: str, *options: str) -> str:
    """What compose makes of its file with a profile: it must understand it without a word."""
    if why := engine():
        pytest.skip(why)
    chosen = ["--profile", profile] if profile else []
    command = ["docker", "compose", "--file", str(DEPLOY / "compose.yaml"), *chosen, "config", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("profile", ["", "observability", "tracing", "ha", "tools", "proxy", "*"])
def test_compose_understands_every_profile(profile: str) -> None:
    assert config(profile, "--quiet") == ""


def test_containers_meet_on_the_networks_that_they_need() -> None:
    shown = json.loads(config("*", "--format", "json"))["services"]
    on = {
        network: {name for name, piece in shown.items() if network in piece["networks"]}
        for network in ("kafka", "postgres", "http")
    }
    jobs = {f"{service}-migrate" for service in SERVICES} | {"databases"}
    assert on["postgres"] == {"postgres", "postgres-exporter", "console", *SERVICES, *jobs}
    brokers = {"kafka", "kafka-2", "kafka-3"}
    assert on["kafka"] == {*brokers, "kafka-exporter", "acl", "topics", "console", "kafka-ui", *SERVICES}
    assert on["http"] == {"collector", "console", "prometheus", "proxy", *SERVICES}
