"""What must be so before containers are started: the machine, the ports and the secrets, each found with its remedy."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lutong_console import deployment, preflight
from lutong_console.deployment import Deployment
from lutong_console.preflight import Machine

ENOUGH = Machine("28.1.0", "2.40.3", 2, 4_000, "x86_64", (), 90_000)


@pytest.mark.parametrize(
    ("machine", "what"),
    [
        (replace(ENOUGH, engine="19.3.1"), "Docker Engine is 19.3.1"),
        (replace(ENOUGH, compose="2.20.0"), "compose is 2.20.0"),
        (replace(ENOUGH, cpus=1), "the engine has 1 CPU"),
        (replace(ENOUGH, memory_mb=1_990), "the engine has 1,990 MB of memory"),
        (replace(ENOUGH, disk_free_mb=900), "900 MB are free"),
        (replace(ENOUGH, skew_s=-61.0), "the engine's clock is 61 s off ours"),
        (replace(ENOUGH, architecture="aarch64"), "the engine is aarch64"),
    ],
)
def test_a_machine_that_will_not_do_is_found(machine: Machine, what: str) -> None:
    (finding,) = preflight.judge_machine(machine, three_brokers=False)
    assert what in finding.what


def test_podman_is_named_and_not_taken_for_an_old_docker() -> None:
    (finding,) = preflight.judge_machine(replace(ENOUGH, engine="4.3.1", is_podman=True), three_brokers=False)
    assert finding.what.startswith("the engine is Podman 4.3.1: ")


def test_a_machine_that_will_do_is_let_be() -> None:
    assert list(preflight.judge_machine(ENOUGH, three_brokers=False)) == []
    (finding,) = preflight.judge_machine(ENOUGH, three_brokers=True)
    assert "5,800 MB are needed" in finding.what


def test_a_rootless_engine_wants_its_own_group(tmp_path: Path) -> None:
    (tmp_path / "postgres_feed").touch(0o640)
    own, mapped = [
        Deployment({"LUTONG_SECRETS_GROUP": group}, tmp_path)
        for group in (str((tmp_path / "postgres_feed").stat().st_gid or 10001), "0")
    ]
    (finding,) = preflight.judge_secrets(own, ["postgres_feed"], rootless=True)
    assert "a rootless engine cannot read it" in finding.what
    assert finding.then == "write LUTONG_SECRETS_GROUP=0 into deploy/.env"
    assert list(preflight.judge_secrets(mapped, ["postgres_feed"], rootless=True)) == []


def test_ports_are_free_given_once_and_enough() -> None:
    assert list(preflight.judge_ports({"feed": [1], "registry": [2]}, [], {"feed": 1})) == []
    assert "is taken" in next(preflight.judge_ports({"feed": [1]}, [1], {})).what
    twice = next(preflight.judge_ports({"feed": [1, 2], "registry": [2]}, [], {}))
    assert twice.what == "port 2 is given to feed and to registry"
    assert "3 replicas, and 1 ports" in next(preflight.judge_ports({"feed": [1]}, [], {"feed": 3})).what
    assert preflight.published({"ports": [{"published": "18101-18103"}, {"published": "7"}]}) == [
        7,
        18101,
        18102,
        18103,
    ]


def test_an_address_elsewhere_wants_networks_with_a_way_out() -> None:
    elsewhere = {"LUTONG_BUNDLED_KAFKA": "0", "LUTONG_OTLP_ENDPOINT": "http://collector:4318"}
    (finding,) = preflight.judge_egress(elsewhere)
    assert finding.what.startswith("LUTONG_KAFKA_BOOTSTRAP, LUTONG_OTLP_ENDPOINT may be on another machine")
    assert "LUTONG_EGRESS=true" in finding.then
    assert list(preflight.judge_egress(elsewhere | {"LUTONG_EGRESS": "true"})) == []
    assert list(preflight.judge_egress({"LUTONG_BUNDLED_KAFKA": "1"})) == []
    assert list(preflight.judge_egress(deployment.compose().variables)) == []  # nothing is elsewhere by default


def test_a_secret_that_its_container_cannot_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "postgres_feed"
    file.write_text("x")
    group = file.stat().st_gid
    deployment = Deployment({"LUTONG_SECRETS_GROUP": str(group + 1)}, tmp_path)
    file.chmod(0o640)
    missing, wrong = preflight.judge_secrets(deployment, ["postgres_feed", "postgres_other"])
    assert f"{file}: mode 640, group {group}" in wrong.what
    by_root = f"chgrp {group + 1} {file}; chmod 640 {file}"
    by_others = f"write LUTONG_SECRETS_GROUP={group} into deploy/.env, with each secret of mode 640"
    assert wrong.then == (by_others if os.geteuid() else by_root)
    assert missing.then == "lutong init --add-missing"
    own = Deployment({"LUTONG_SECRETS_GROUP": str(group)}, tmp_path)
    assert (group == 0) or list(preflight.judge_secrets(own, ["postgres_feed"])) == []


def test_secrets_with_one_fault_are_one_sentence(tmp_path: Path) -> None:
    names = [f"postgres_{n}" for n in range(6)]
    for name in names:
        (tmp_path / name).touch(0o600)
    (finding,) = preflight.judge_secrets(Deployment({}, tmp_path), names)
    assert f"secret {tmp_path}/postgres_0 and 5 more: mode 600" in finding.what
    (absent,) = preflight.judge_secrets(Deployment({}, tmp_path), ["kafka_admin", "kafka_broker"])
    assert f"secret {tmp_path}/kafka_admin and 1 more: No such file" in absent.what


def test_production_refuses_the_key_of_init(tmp_path: Path) -> None:
    from lutong_console.cli.commands.init import wanted

    made = wanted()
    for name in ("auth_signing_key", "auth_jwks"):
        (tmp_path / name).write_text(made[name]())
    production = Deployment({"COMPOSE_FILE": "compose.yaml:compose.production.yaml"}, tmp_path)
    (finding,) = preflight.judge_keys(production)
    assert "for development" in finding.what
    assert list(preflight.judge_keys(Deployment({}, tmp_path))) == []
    (tmp_path / "auth_jwks").write_text('{"keys": [{"kid": "yours"}]}')
    assert list(preflight.judge_keys(production)) == []
