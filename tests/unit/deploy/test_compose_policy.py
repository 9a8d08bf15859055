"""The files of the deployment keep their promises, and a file that breaks one is reported."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lutong_chassis.settings import Settings
from lutong_console import deployment
from lutong_console.cli.commands.init import init
from lutong_console.deployment import variables_of
from lutong_contracts.topics import SERVICES
from tests.support.alerts import ALERTS, EXPORTERS
from tests.unit.deploy.policy import Document, megabytes, problems, variables

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = sorted(DEPLOY.glob("compose*.yaml"))


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it ships no types
    """Knows compose's own tag."""


_Loader.add_constructor("!reset", lambda _loader, _node: None)


def read(name: str) -> Any:  # noqa: ANN401  # YAML
    return yaml.load((DEPLOY / name).read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a SafeLoader


@pytest.fixture(scope="module")
def document() -> Document:
    found: Document = read("compose.yaml")
    return found


def test_the_compose_file_keeps_every_promise(document: Document) -> None:
    assert problems(document) == []


def put(*path: str, value: Any) -> Callable[[Document], None]:  # noqa: ANN401  # YAML
    def change(document: Document) -> None:
        inner = document
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


BROKEN = {
    "feed: its disk can be written": put("services", "feed", "read_only", value=False),
    "kafka: it keeps capabilities": put("services", "kafka", "cap_drop", value=["NET_RAW"]),
    "topics: it may gain privileges": put("services", "topics", "security_opt", value=[]),
    "postgres: it is not apart": put("services", "postgres", "network_mode", value="host"),
    "postgres: it is root": put("services", "postgres", "user", value="0:0"),
    "feed: its log grows": put("services", "feed", "logging", value={"driver": "json-file"}),
    "grafana: it may use everything": put("services", "grafana", "deploy", value={}),
    "inventory: nobody starts it again": put("services", "inventory", "restart", value="on-failure"),
    "feed: is on the network of everything": put("services", "feed", "networks", value=[]),
    "inventory: reaches any address": put("services", "inventory", "networks", value=["egress", "kafka"]),
    "network postgres: has a way out": put("networks", "postgres", value={}),
    "is another image tomorrow": put("services", "prometheus", "image", value="prom/prometheus:latest"),
    "is a secret in a variable": put("services", "feed", "environment", "LUTONG_KAFKA_PASSWORD", value="x"),
    "has a password in it": put("services", "feed", "environment", "LUTONG_DATABASE_URL", value="postgresql://a:b@c/d"),
    "is no setting of a service": put("services", "feed", "environment", "LUTONG_KAFKA_USER", value="x"),
    "depends_on is a list": put("services", "registry", "depends_on", value=["topics"]),
    "waits for postgres by service_started": put(
        "services", "databases", "depends_on", value={"postgres": {"condition": "service_started"}}
    ),
    "cannot start without the profile of kafka-2": put(
        "services", "topics", "depends_on", "kafka-2", value={"condition": "service_healthy"}
    ),
    "feed-migrate: nobody waits for this job": put(
        "services", "feed", "depends_on", value={"topics": {"condition": "service_completed_successfully"}}
    ),
    "feed: nobody knows whether it is well": put("services", "feed", "healthcheck", value={"disable": True}),
    "kafka-exporter: nobody knows whether it is well": put(
        "services", "kafka-exporter", "healthcheck", value={"disable": True}
    ),
    "kafka: nobody knows whether it is well": put("services", "kafka", "healthcheck", value={}),
    "feed: is killed while it finishes": put("services", "feed", "stop_grace_period", value="10s"),
    "secret extra: `lutong init` does not write it": put("secrets", "extra", value={"file": "x"}),
    "secret kafka_admin: is not the file": put("secrets", "kafka_admin", value={"environment": "ADMIN"}),
    "feed: has other secrets than its own": put("services", "feed", "secrets", value=["auth_jwks", "kafka_admin"]),
    "kafka: 19092:19092 is open to everybody": put("services", "kafka", "ports", value=["19092:19092"]),
    "grafana: ${LUTONG_HTTP_ADDRESS": put(
        "services", "grafana", "ports", value=["${LUTONG_HTTP_ADDRESS:-127.0.0.1}:1:2"]
    ),
    "feed: writes into /etc of its host": put(
        "services", "feed", "volumes", value=[{"type": "bind", "source": "/etc", "target": "/host"}]
    ),
    "postgres: ./data:/data is no named volume": put("services", "postgres", "volumes", value=["./data:/data"]),
    "kafka: a heap of 900 MB": put("services", "kafka", "environment", "KAFKA_HEAP_OPTS", value="-Xmx900m"),
    "which is more than 4096": put(
        "services", "feed", "deploy", value={"resources": {"limits": {"memory": "4000m", "pids": 1}}}
    ),
    "feed: does not come as its own role": put(
        "services", "feed", "environment", "LUTONG_DATABASE_URL", value="postgresql://feed_owner@postgres/feed"
    ),
    "feed: changes its tables itself": put("services", "feed", "environment", "LUTONG_MIGRATE_ON_START", value="true"),
    "feed: asks nobody who they are": put("services", "feed", "environment", "LUTONG_AUTH", value="off"),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_file_that_breaks_a_promise_is_reported(document: Document, sentence: str) -> None:
    broken = copy.deepcopy(document)
    BROKEN[sentence](broken)
    assert [problem for problem in problems(broken) if sentence in problem]


def test_every_variable_has_one_default_and_stands_in_the_example() -> None:
    found = variables(DEPLOY / "compose.yaml")
    assert {name: defaults for name, defaults in found.items() if len(defaults) != 1 or min(defaults)[:2] != ":-"} == {}
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^#?([A-Z]\w+)=", example, re.MULTILINE)) - {"COMPOSE_PROFILES"}
    digests = {name for name in variables(DEPLOY / "compose.production.yaml") if name.endswith("_DIGEST")}
    passed_on = {name for name, value in read("compose.yaml")["x-environment"].items() if value is None}
    assert known == found.keys() | digests | passed_on | {"LUTONG_BACKUPS"}  # which the command line alone reads
    for profile in ("ha", "tracing"):
        assert variables_of(DEPLOY / f"{profile}.env").keys() <= known | {"COMPOSE_PROFILES"}
    assert not re.findall(r"^\w+=", example, re.MULTILINE), "a copy of the example changes nothing"


@pytest.mark.parametrize(("size", "machine_mb"), [("small", 4096), ("medium", 8192), ("large", 16384)])
def test_a_size_fits_its_machine_and_its_database(size: str, machine_mb: int) -> None:
    given = variables_of(DEPLOY / "sizes" / f"{size}.env")
    assert (
        given.keys() == variables_of(DEPLOY / "sizes" / "small.env").keys() <= variables(DEPLOY / "compose.yaml").keys()
    )
    replicas = {name: int(given[f"LUTONG_{name.upper()}_REPLICAS"]) for name in SERVICES}
    ports = {name: given[f"LUTONG_{name.upper()}_PORT"].split("-") for name in SERVICES}
    assert {name: int(ends[-1]) - int(ends[0]) + 1 for name, ends in ports.items()} == replicas
    servers = megabytes(given["LUTONG_KAFKA_MEMORY"]) + megabytes(given["LUTONG_POSTGRES_MEMORY"])
    assert servers + sum(replicas.values()) * megabytes(given["LUTONG_SERVICE_MEMORY"]) <= machine_mb * 0.9
    each = Settings.model_fields["database_connections_max"].default + 2  # the relay's, and one while it starts
    assert sum(replicas.values()) * each <= int(given["LUTONG_POSTGRES_CONNECTIONS"]) * 0.9


def test_the_smallest_size_is_what_compose_has_by_itself() -> None:
    defaults = variables(DEPLOY / "compose.yaml")
    given = variables_of(DEPLOY / "sizes" / "small.env")
    assert {name: {f":-{value}"} for name, value in given.items()} == {name: defaults[name] for name in given}


def test_production_decides_what_development_is_given() -> None:
    found = variables(DEPLOY / "compose.production.yaml")
    digests = {name: found.pop(name) for name in list(found) if name.endswith("_DIGEST")}
    assert set().union(*digests.values()) == {":-"}
    assert found.keys() == {"LUTONG_REGISTRY", "LUTONG_VERSION", "LUTONG_AUTH_ISSUER"}
    assert all(default.startswith(":?") for defaults in found.values() for default in defaults)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_overrides_change_only_pieces_that_exist(path: Path, document: Document) -> None:
    assert read(path.name)["services"].keys() <= document["services"].keys()


def test_prometheus_asks_every_service_by_its_name(document: Document) -> None:
    replicas, scrape, *others, collector = read("prometheus/prometheus.yml")["scrape_configs"]
    (names,) = replicas["dns_sd_configs"]
    assert (replicas["job_name"], names["names"], names["port"]) == ("lutong", list(SERVICES), 8000)
    asked = {group["labels"]["service"]: group["targets"] for group in scrape["static_configs"]}
    assert asked == {service: [f"{service}:8000"] for service in SERVICES}
    hosts = {target.split(":")[0] for each in others for group in each["static_configs"] for target in group["targets"]}
    assert hosts - {"console"} == {*EXPORTERS, "alertmanager"}
    hosts |= set(collector["dns_sd_configs"][0]["names"])
    watched = {name for name, piece in document["services"].items() if "watching" in piece["networks"]}
    assert hosts - {"console"} <= watched


def test_alertmanager_knows_the_alerts_that_it_holds_back() -> None:
    config = read("alertmanager/alertmanager.yml")
    named = [each for rule in config["inhibit_rules"] for each in (*rule["source_matchers"], *rule["target_matchers"])]
    for matcher in named:
        found = re.fullmatch(r'alertname(=|!=|=~)"([^"]+)"', matcher)
        assert found, matcher
        assert any(re.fullmatch(found[2], alert) for alert in ALERTS), matcher
    assert {each["matchers"][0] for each in config["route"]["routes"]} == {
        f'severity="{severity}"' for severity in {alert["labels"]["severity"] for alert in ALERTS.values()}
    }


def test_grafana_finds_dashboards_and_the_source_that_they_ask(document: Document) -> None:
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        assert set(re.findall(r'"uid": "(lutong-prometheus|\$\{.*?\})"', path.read_text())) == {source["uid"]}
    (provider,) = read("grafana/provisioning/dashboards/lutong.yml")["providers"]
    targets = {volume["target"] for volume in document["services"]["grafana"]["volumes"] if isinstance(volume, dict)}
    assert provider["options"]["path"] in targets


def test_services_send_traces_where_the_collector_takes_them(document: Document) -> None:
    endpoint = variables_of(DEPLOY / "tracing.env")["LUTONG_OTLP_ENDPOINT"]
    config = read("tracing/collector.yaml")
    assert endpoint == f"http://collector:{config['receivers']['otlp']['protocols']['http']['endpoint'].split(':')[1]}"
    (source,) = read("grafana/provisioning/datasources/jaeger.yml")["datasources"]
    assert source["url"] == f"http://collector:{config['extensions']['jaeger_query']['http']['endpoint'].split(':')[1]}"
    assert set(document["services"]["collector"]["networks"]) == {"http", "watching"}


def test_the_recipe_of_images_is_hashed_and_ends_without_rights() -> None:
    recipe = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    installs = [step for step in recipe.split("\n\n") if "-r requirements.lock" in step or "-r build.lock" in step]
    assert len(installs) == 2
    assert all("--require-hashes" in step and "--only-binary :all:" in step for step in installs)
    last = recipe[recipe.rindex("\nFROM ") :]
    assert not re.search(r"apt-get|gcc|pip install|curl|ADD ", last)
    for needed in (
        r"^USER 10001:10001$",
        r"^STOPSIGNAL SIGTERM$",
        r"^HEALTHCHECK ",
        r"org\.opencontainers\.image\.version",
    ):
        assert re.search(needed, last, re.MULTILINE), needed
    assert last.index("USER") > last.index("COPY --from=packages /own")


def test_the_command_line_reads_the_file_as_compose_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compose.yaml").write_bytes((DEPLOY / "compose.yaml").read_bytes())
    (tmp_path / ".env").write_text("LUTONG_FEED_PORT=1\nLUTONG_REGISTRY_PORT=2\n")
    monkeypatch.setenv("LUTONG_DEPLOY", str(tmp_path))
    monkeypatch.setenv("LUTONG_REGISTRY_PORT", "3")
    deployed = deployment.compose()
    assert [deployed.url(name) for name in ("feed", "registry", "membership")] == [
        f"http://127.0.0.1:{port}" for port in (1, 3, 18003)
    ]


def test_a_cluster_and_a_server_of_yours_are_asked_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").write_bytes((DEPLOY / "compose.yaml").read_bytes())
    monkeypatch.setenv("LUTONG_DEPLOY", str(tmp_path))
    init(tmp_path / "secrets", as_json=True)
    ours = deployment.compose()
    assert (ours.kafka_as("admin").bootstrap, ours.postgres) == ("127.0.0.1:19092", "127.0.0.1:15432")
    yours = {"BUNDLED_KAFKA": "0", "BUNDLED_POSTGRES": "0", "KAFKA_BOOTSTRAP": "k:1", "POSTGRES_HOST": "p:2"}
    for name, value in (yours | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}).items():
        monkeypatch.setenv(f"LUTONG_{name}", value)
    theirs = deployment.compose()
    kafka = theirs.kafka_as("admin")
    assert (kafka.bootstrap, kafka.protocol, theirs.postgres) == ("k:1", "SASL_SSL", "p:2")
    assert all("@p:2/" in url for url in theirs.database_urls.values())
