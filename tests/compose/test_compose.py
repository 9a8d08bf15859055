"""The deployment for real: it starts, the roads are through, and nothing that happens to a container loses anything."""

import json
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest

from lutong_contracts.topics import SERVICES
from lutong_local.processes import wait
from tests.compose.containers import DEPLOY, Containers, counts, has_image, known, prometheus, reported, roads
from tests.support.alerts import EXPORTERS
from tests.support.outside import machine_outside


def test_an_authority_of_yours_reaches_every_container_that_connects(deployed: Containers) -> None:
    own = deployed.secrets / "kafka.pem"
    variables = {
        "LUTONG_KAFKA_CA_FILE": str(own),
        "LUTONG_POSTGRES_CA_FILE": str(own),
        "LUTONG_POSTGRES_SSLMODE": "verify-full",
    }
    environment = deployed.environment | variables
    command = ["docker", "compose", "--profile", "tools", "config", "--format", "json"]
    shown = subprocess.run(
        command, cwd=deployed.deploy, env=environment, capture_output=True, text=True, check=True
    ).stdout
    services = json.loads(shown)["services"]
    without = {"kafka", "kafka-2", "kafka-3", "postgres", "kafka-ui"}
    for name in services.keys() - without:
        mounted = {each["target"] for each in services[name]["volumes"] if each["source"] == str(own)}
        assert mounted == {"/etc/lutong/ca/kafka.pem", "/etc/lutong/ca/postgres.pem"}, name
        given = services[name]["environment"]
        assert "LUTONG_KAFKA_BOOTSTRAP" not in given or given["LUTONG_KAFKA_CA_FILE"] == "/etc/lutong/ca/kafka.pem", (
            name
        )
        asks = any(variable.endswith(("DATABASE_URL", "POSTGRES_URL")) for variable in given)
        assert not asks or (given["PGSSLMODE"], given["PGSSLROOTCERT"]) == (
            "verify-full",
            "/etc/lutong/ca/postgres.pem",
        ), name


def test_an_upgrade_keeps_everything(deployed: Containers) -> None:
    if deployed.before is None:
        pytest.skip("git has no older commit here")
    assert deployed.before["image"] != deployed.image("feed")
    assert counts(deployed)["records"] == deployed.before["records"]
    migrated = deployed.upgraded.index("feed-migrate: while the services of before serve")
    assert migrated < deployed.upgraded.index("feed-1  Recreate")


def test_the_roads_are_through(deployed: Containers) -> None:
    assert roads(deployed) == 8
    deployed.lutong("doctor")
    assert counts(deployed)["records"] > 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_the_code_of_its_service_and_no_rights(deployed: Containers, service: str) -> None:
    look = (
        "import os, sys, shutil, pathlib; "
        "print(os.getuid(), sorted(p.name for p in pathlib.Path('/opt/lutong/own').glob('lutong_*') if '.' not in p.name),"
        " [t for t in ('gcc', 'cc', 'pip', 'curl') if shutil.which(t)], sorted(os.listdir('/run/secrets')))"
    )
    seen = deployed.compose("exec", "-T", service, "python", "-c", look).strip()
    own = sorted(["lutong_chassis", "lutong_contracts", f"lutong_{service}"])
    secrets = ["auth_jwks", "lutong_database_password", "lutong_kafka_password"]
    secrets += ["lutong_vault_key"] if service == "inventory" else []
    assert seen == f"10001 {own} [] {secrets}"
    with pytest.raises(AssertionError, match="Read-only file system"):
        deployed.compose("exec", "-T", service, "python", "-c", "open('/opt/lutong/x', 'w')")
    labels = deployed.container(service)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"lutong-{service}"


def _connects(deployed: Containers, piece: str, host: str, port: int) -> bool:
    """Whether a process in a container connects to an address."""
    look = f"import socket; print(socket.socket().connect_ex(('{host}', {port})))"
    found = deployed.compose(
        "exec", "-T", piece, "timeout", "4", "python", "-c", f"import socket; socket.setdefaulttimeout(3); {look}"
    )
    return found.strip() == "0"


def test_nothing_goes_out_of_the_containers_but_to_credit_providers(deployed: Containers) -> None:
    with machine_outside(deployed.project) as (host, port):
        assert _connects(deployed, "membership", host, port)  # the control: it can be reached
        assert [service for service in SERVICES if _connects(deployed, service, host, port)] == ["membership"]


@pytest.mark.parametrize("pieces", ["feed", "registry inventory", "kafka membership", "postgres"])
def test_whatever_is_killed_nothing_is_lost(deployed: Containers, pieces: str) -> None:
    with deployed.walking():
        deployed.compose("kill", "--signal", "KILL", *pieces.split())
        deployed.up()
    assert {deployed.container(piece)["State"]["Health"]["Status"] for piece in pieces.split()} == {"healthy"}
    assert roads(deployed) == 8
    counts(deployed)


def test_data_outlives_the_containers(deployed: Containers) -> None:
    before = counts(deployed)
    deployed.compose("down", "--timeout", "30")
    deployed.up()
    assert counts(deployed) == before
    assert roads(deployed) == 8


def test_a_container_that_was_stopped_is_found_and_started_again(deployed: Containers) -> None:
    """The runbook *a service does not answer*, word by word."""
    name = deployed.container("inventory")["Name"].removeprefix("/")
    subprocess.run(["docker", "stop", name], check=True, capture_output=True)
    stopped = json.loads(deployed.lutong_ends(1, "status", "--json").splitlines()[0])
    (inventory,) = [piece for piece in stopped if piece["piece"] == "inventory"]
    assert (inventory["state"], inventory["ready"]) == ("exited", False)
    found = deployed.lutong_ends(1, "doctor")
    assert "inventory: its container is exited" in found
    assert "lutong logs inventory, then lutong up" in found
    assert "service_stopped" in deployed.lutong("logs", "inventory", "-n", "5")
    deployed.lutong_ends(0, "up")
    deployed.lutong("status")


def test_a_password_that_was_changed_outlives_a_restart_of_the_server(deployed: Containers) -> None:
    (deployed.secrets / "postgres_feed").unlink()
    deployed.lutong("init", "--add-missing", "--directory", str(deployed.secrets))
    found = deployed.lutong_ends(1, "doctor")
    assert "PostgreSQL refuses feed with the password in postgres_feed" in found
    assert "feed runs with postgres_feed as it was" in found
    deployed.lutong_ends(0, "up")
    deployed.compose("restart", "postgres")
    deployed.lutong_ends(0, "up")
    assert roads(deployed) == 8
    deployed.lutong("doctor")


def test_replicas_have_ports_of_their_own_and_go_again(deployed: Containers, tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets*", ".env"))
    port = deployed.variables["LUTONG_FEED_PORT"]
    others = {name: value for name, value in deployed.variables.items() if name != "LUTONG_FEED_PORT"}
    scaled = replace(deployed, variables=others, deploy=tmp_path / "deploy")
    ports = json.loads(scaled.lutong("scale", "feed=2", "--json"))["ports"]
    assert len(scaled.compose("ps", "--quiet", "feed").split()) == 2
    assert ports in (tmp_path / "deploy" / ".env").read_text()
    scaled.lutong("doctor")
    scaled.lutong("scale", "feed=1", "--ports", port)
    assert len(scaled.compose("ps", "--quiet", "feed").split()) == 1


def test_a_backup_older_than_every_deadline_comes_back_as_documented(deployed: Containers, tmp_path: Path) -> None:
    before = counts(deployed)
    with pytest.raises(AssertionError, match="changes under our hands"):
        deployed.lutong("backup", str(tmp_path / "refused"))
    deployed.compose("stop", *SERVICES)
    for service in SERVICES:
        deployed.sql(service, "UPDATE deadline SET due_at = due_at - interval '400 days'")
    deployed.lutong("backup", str(tmp_path / "kept"))
    shutil.copytree(tmp_path / "kept", tmp_path / "changed")
    with (tmp_path / "changed" / "feed.dump").open("ab") as file:
        file.write(b"x")
    with pytest.raises(AssertionError, match="its checksum differs"):
        deployed.lutong("restore", str(tmp_path / "changed"), "--replace", "--new-kafka")
    with pytest.raises(AssertionError, match="it must be a new one"):
        deployed.lutong("restore", str(tmp_path / "kept"), "--replace")
    deployed.lutong("restore", str(tmp_path / "kept"), "--replace", "--new-kafka")
    deployed.lutong_ends(0, "up")
    assert "is quiet since" in deployed.lutong_ends(1, "doctor")
    deployed.lutong("resume", "--reason", "restored")
    after = counts(deployed)["rows"]  # there is no violation
    assert after >= before["rows"]
    # Orders that the kills left waiting were accepted by nobody in 400 days: for half an hour others are asked before those stores.
    deployed.sql("inventory", "UPDATE location SET lowered_until = NULL")
    assert roads(deployed) == 8
    deployed.lutong("doctor")


_BESIDE: Final = {
    "console": "tools",
    "prometheus": "observability",
    "grafana": "observability",
    "alertmanager": "observability",
    **dict.fromkeys(EXPORTERS, "observability"),
    "kafka-ui": "tools",
    "proxy": "proxy",
    "collector": "tracing",
}
"""What profiles add, by piece."""


@pytest.fixture(scope="module")
def not_here(deployed: Containers) -> dict[str, str]:
    """What profiles add is started, all at once, but for pieces whose image cannot be had: those, with the image."""
    shown = deployed.compose("--profile", "*", "config", "--format", "json")
    images = {piece: json.loads(shown)["services"][piece]["image"] for piece in _BESIDE}
    absent = {piece: image for piece, image in images.items() if not has_image(image)}
    profiles = [option for profile in sorted(set(_BESIDE.values())) for option in ("--profile", profile)]
    deployed.compose(*profiles, "up", "--detach", "--wait", *sorted(_BESIDE.keys() - absent.keys()))
    return absent


@pytest.mark.parametrize("piece", _BESIDE)
def test_what_a_profile_adds_starts_beside_the_suite(
    deployed: Containers, not_here: dict[str, str], piece: str
) -> None:
    if piece in not_here:
        pytest.skip(f"{not_here[piece]} is not here and cannot be fetched")
    state = deployed.container(piece)["State"]
    assert (state["Status"], state.get("Health", {}).get("Status", "healthy")) == ("running", "healthy")
    configured = json.loads(deployed.compose("--profile", _BESIDE[piece], "config", "--format", "json"))
    assert piece in configured["services"]


def test_prometheus_sees_every_service(deployed: Containers) -> None:
    if not deployed.compose("ps", "--quiet", "prometheus"):
        pytest.skip("prometheus did not start")

    def seen() -> set[str]:
        return {sample["metric"]["service"] for sample in known(deployed, 'up{job="lutong"} == 1')}

    assert wait(lambda: seen() == set(SERVICES)), seen()
    rules = prometheus(deployed, "rules")["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}
    assert rules


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_prometheus_has_of_an_exporter_what_alerts_ask_for(deployed: Containers, exporter: str) -> None:
    if not all(deployed.compose("ps", "--quiet", piece) for piece in ("prometheus", exporter)):
        pytest.skip(f"prometheus or {exporter} did not start")
    assert wait(lambda: reported(deployed, exporter))
    assert known(deployed, "ALERTS{alertstate='firing',alertname='NotWatched'}") == []


def test_a_road_is_one_trace_through_four_services(deployed: Containers) -> None:
    if not deployed.compose("ps", "--quiet", "collector"):
        pytest.skip("the collector did not start")
    assert roads(deployed) == 8
    records = deployed.lutong("tail", "orders", "--since", "5m", "--until", "now").splitlines()
    sourced = [record["trace"] for record in map(json.loads, records) if record["type"].endswith("order-sourced.v1")]
    url = f"http://127.0.0.1:{deployed.variables['LUTONG_TRACES_PORT']}/api/traces"

    def seen() -> list[set[str]]:
        """The services of each road; an order that its store declined is sourced again, in the trace of that."""
        answers = [httpx.get(f"{url}/{trace}") for trace in sourced]
        found = [answer.json()["data"] if answer.is_success else [] for answer in answers]
        return [{process["serviceName"] for each in data for process in each["processes"].values()} for data in found]

    assert wait(lambda: {f"lutong-{service}" for service in SERVICES} in seen()), seen()


def test_the_command_line_works_in_its_container(deployed: Containers) -> None:
    if not deployed.compose("ps", "--quiet", "console"):
        pytest.skip("console did not start")
    assert json.loads(deployed.compose("exec", "-T", "console", "lutong", "topics", "list", "--json"))
    assert json.loads(deployed.compose("exec", "-T", "console", "lutong", "verify", "--json"))["violations"] == []
    assert deployed.compose("exec", "-T", "console", "lutong", "doctor", "--json").strip() == "[]"
    assert deployed.compose("exec", "-T", "console", "lutong", "parked", "list", "--json").strip() == "[]"


def test_the_web_console_is_entered_by_a_link_from_its_container(deployed: Containers) -> None:
    if not deployed.compose("ps", "--quiet", "console"):
        pytest.skip("console did not start")
    link = json.loads(deployed.compose("exec", "-T", "console", "lutong", "console", "--json"))["url"]
    url, ticket = link.split("/sign-in?ticket=")
    assert url == f"http://127.0.0.1:{deployed.variables['LUTONG_CONSOLE_PORT']}"
    assert ticket not in deployed.compose("logs", "console")
    with httpx.Client(base_url=url) as browser:
        assert browser.get("/?format=json").status_code == 401
        assert browser.post("/sign-in", data={"ticket": ticket}).status_code == 303
        assert {strip["service"] for strip in browser.get("/?format=json").json()["strips"]} == set(SERVICES)
        assert browser.post("/sign-in", data={"ticket": ticket}).status_code == 401


def test_the_proxy_speaks_tls_for_each_name(deployed: Containers) -> None:
    if not deployed.compose("ps", "--quiet", "proxy"):
        pytest.skip("the proxy did not start")
    root = deployed.compose("exec", "-T", "proxy", "cat", "/data/caddy/pki/authorities/local/root.crt")
    trusting = ssl.create_default_context(cadata=root)
    paths = dict.fromkeys(SERVICES, "/livez") | {"console": "/sign-in"}
    here = f"https://127.0.0.1:{deployed.variables['LUTONG_HTTPS_PORT']}"  # not every machine resolves names below localhost

    def ask(name: str, path: str, verify: ssl.SSLContext | bool) -> int:
        named = {"sni_hostname": f"{name}.localhost"}
        with httpx.Client(verify=verify) as client:
            return client.get(here + path, headers={"host": f"{name}.localhost"}, extensions=named).status_code

    assert {ask(name, path, trusting) for name, path in paths.items()} == {200}
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        ask("feed", "/livez", verify=True)
