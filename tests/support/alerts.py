"""Prometheus' rules as they are deployed, with what is recorded put in where an alert asks for it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

ROOT: Final = Path(__file__).parents[2]
FILES: Final = tuple(
    ROOT / "deploy" / "prometheus" / Path(name).name
    for name in yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))[
        "rule_files"
    ]
)

_RULES: Final[list[dict[str, Any]]] = [
    rule
    for path in FILES
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
RECORDED: Final[dict[str, str]] = {rule["record"]: rule["expr"] for rule in _RULES if "record" in rule}


def _whole(expression: str) -> str:
    """An expression without names of what is recorded. One that is not recorded stays, and is no metric."""
    names = set(re.findall(r"\b[a-z]+:\w+(?::\w+)?", expression)) & RECORDED.keys()
    for name in names:
        expression = re.sub(rf"{re.escape(name)}(?![\w:])", f"({_whole(RECORDED[name])})", expression)
    return expression


ALERTS: Final[dict[str, dict[str, Any]]] = {
    rule["alert"]: rule | {"expr": _whole(rule["expr"])} for rule in _RULES if "alert" in rule
}
"""Every alert by its name."""


class Exporter(NamedTuple):
    """What Prometheus calls it, and the metrics that alerts ask of it, with their labels."""

    job: str
    metrics: Mapping[str, frozenset[str]]


EXPORTERS: Final = {
    "kafka-exporter": Exporter(
        "kafka", dict.fromkeys(("kafka_partition_replicas", "kafka_partition_replicas_in_sync"), frozenset({"topic"}))
    ),
    "postgres-exporter": Exporter(
        "postgresql", dict.fromkeys(("pg_up", "pg_stat_activity_count", "pg_settings_max_connections"), frozenset())
    ),
    "disk-exporter": Exporter(
        "disk", dict.fromkeys(("node_filesystem_avail_bytes", "node_filesystem_size_bytes"), frozenset({"mountpoint"}))
    ),
}
"""By the name of its container."""
