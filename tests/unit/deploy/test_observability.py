"""Dashboards and alerts ask only for what there is: every expression parses, every metric and runbook exists."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from lutong_chassis import observe
from lutong_chassis.kafka import KafkaAccess
from lutong_console.probe.prober import Prober
from lutong_console.targets import Suite
from lutong_console.verify.auditor import Checked
from lutong_console.web.invariants import exposition
from lutong_contracts import event_types
from lutong_inventory import app as inventory
from tests.support import alerts

ROOT = Path(__file__).parents[3]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
ALERTS = [*alerts.ALERTS.values()]
OF_PROMETHEUS = {"up"}
OF_EXPORTERS = {name: labels for each in alerts.EXPORTERS.values() for name, labels in each.metrics.items()}
OF_THE_SCRAPE = {"service", "job", "instance", "le"}


def metrics() -> dict[str, set[str]]:
    """Names that a service exposes, with their labels."""
    found: dict[str, set[str]] = {}
    for name, value in (vars(observe) | vars(inventory)).items():
        if name.isupper() and hasattr(value, "_labelnames"):
            kinds = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[value._type]
            found |= {value._name + kind: set(value._labelnames) for kind in kinds}
    return found | metrics_of_the_console()


def metrics_of_the_console() -> dict[str, set[str]]:
    """Names that the console exposes after a look of its auditor and a journey of its probe, with their labels."""
    now = datetime.now(UTC)
    last = Checked(now, 1.0, 1, 1, {"V1": 1}, (), is_first=False)
    prober = Prober(Suite({}, KafkaAccess(""), {}), 60)
    families = text_string_to_metric_families(exposition(last, now) + prober.exposition)
    return {sample.name: set(sample.labels) - {"le"} for family in families for sample in family.samples}


def expressions() -> Iterator[tuple[str, str]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]
    for alert in ALERTS:
        yield f"alert {alert['alert']}", alert["expr"]
    for name, expression in alerts.RECORDED.items():
        if "ratio" not in name:  # those ask for what is recorded: the alerts have them whole
            yield f"record {name}", expression


def wrong_with(expression: str) -> list[str]:
    """What an expression asks for that does not exist."""
    expression = re.sub(r"\$__(rate_interval|range)", "5m", expression)
    promql_parser.parse(expression)
    known = metrics() | OF_EXPORTERS
    used = set(re.findall(r"\b(up|(?:lutong|node|kafka|pg)_\w+)\b", expression))
    labels = {label for names in re.findall(r"by \(([^)]*)\)", expression) for label in names.split(", ")}
    labels |= set(re.findall(r"[{,]\s*(\w+)=", expression))
    allowed = set().union(*(known.get(name, set()) for name in used)) | OF_THE_SCRAPE
    types = set(re.findall(r'type="([^"]+)"', expression)) - event_types().keys()
    return sorted((used - known.keys() - OF_PROMETHEUS) | (labels - allowed) | types)


def test_pipeline_road_topics_and_postgresql_have_a_dashboard() -> None:
    assert [path.stem for path in DASHBOARDS] == ["pipeline", "postgresql", "road", "topics"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_expression_parses_and_asks_for_metrics_labels_and_types_that_exist(where: str, expression: str) -> None:
    assert wrong_with(expression) == [], where


@pytest.mark.parametrize(
    "expression",
    [
        "lutong_no_such_metric",
        "sum by (merchant) (lutong_parked_open_records)",
        'lutong_events_published_total{type="x"}',
    ],
)
def test_negative_control_what_does_not_exist_is_found(expression: str) -> None:
    assert wrong_with(expression)


def test_negative_control_what_does_not_parse_is_found() -> None:
    with pytest.raises(ValueError, match=r"unclosed|unexpected|parenthes"):
        wrong_with("sum by (service (up)")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_has_a_severity_a_sentence_and_a_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert alert["annotations"]["summary"]
    page = (ROOT / alert["annotations"]["runbook"]).read_text(encoding="utf-8")
    assert {"## Look", "## Do"} <= set(page.splitlines())


def test_every_runbook_belongs_to_an_alert() -> None:
    pages = {f"docs/runbooks/{path.name}" for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {alert["annotations"]["runbook"] for alert in ALERTS}


def test_no_label_can_grow_without_bound() -> None:
    bounded = {
        "outcome",
        "type",
        "reason",
        "route",
        "method",
        "table",
        "queue",
        "provider",
        "answer",
        "loop",
        "identity",
        "step",
    }
    assert set().union(*metrics().values()) <= bounded
    assert {metric.name for metric in REGISTRY.collect() if metric.name.startswith("lutong_")}
