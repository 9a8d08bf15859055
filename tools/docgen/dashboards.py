"""The Grafana dashboards, written down as what each panel asks; `make generate` writes their JSON.

Panels query Prometheus by the datasource that deploy/grafana provisions. Every metric in them must exist:
`make check` parses each expression and looks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tools.docgen.story import story

_WIDTH: Final = 24
_HEIGHT: Final = 8
_DATASOURCE: Final = {"type": "prometheus", "uid": "lutong-prometheus"}


class Query(NamedTuple):
    """A query of a panel, in PromQL, and the legend of its lines."""

    legend: str
    expression: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: its title, its queries, the unit, its description, and its share of a row."""

    title: str
    asks: tuple[Query, ...]
    unit: str = "short"
    about: str = ""
    share: int = 2
    kind: str = "timeseries"


def _quantiles(metric: str, by: str) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"p{name} {{{{{by}}}}}",
            f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))",
        )
        for name, share in (("50", 0.5), ("95", 0.95), ("99", 0.99))
    )


def _rate(metric: str, by: str) -> tuple[Query, ...]:
    return (Query(f"{{{{{by}}}}}", f"sum by ({by}) (rate({metric}[$__rate_interval]))"),)


def _per_service(metric: str) -> tuple[Query, ...]:
    return (Query("{{service}}", f"max by (service) ({metric})"),)


PIPELINE: Final = (
    Panel(
        "Oldest event not published", _per_service("lutong_outbox_oldest_seconds"), "s",
        "From the outbox to Kafka. Grows when the relay or Kafka is down.",
    ),
    Panel("Events not published", _per_service("lutong_outbox_pending_events")),
    Panel(
        "Lag in seconds", _per_service("lutong_consumer_lag_seconds"), "s",
        "Age of what is not handled yet. A large lag in events that is young is a burst; an old one is trouble.",
    ),
    Panel("Lag in events", (Query("{{service}}", "sum by (service) (lutong_consumer_lag_events)"),)),
    Panel("Handled, duplicate, ignored, stopped", _rate("lutong_events_consumed_total", "outcome"), "cps", share=3),
    Panel("Relay: commit to acknowledgement", _quantiles("lutong_relay_seconds", "service"), "s", share=3),
    Panel("Events in a batch", _quantiles("lutong_batch_size_events", "service"), share=3),
    Panel(
        "Parked, or waiting behind a parked one", _per_service("lutong_parked_open_records"),
        about="lutong parked list", share=3,
    ),
    Panel("Set aside, by reason", _rate("lutong_events_parked_total", "reason"), "cps", share=3),
    Panel("Batches tried again", _rate("lutong_batch_retries_total", "service"), "cps", share=3),
    Panel("Rebalances", _rate("lutong_rebalances_total", "service"), "cps", share=3),
    Panel("Deadlines overdue", _per_service("lutong_deadline_overdue_seconds"), "s", share=3),
    Panel("Stuck consumers", _per_service("lutong_consumer_stalled"), share=3),
    Panel(
        "The same batch fails for", _per_service("lutong_consumer_stuck_seconds"), "s", about="lutong doctor", share=3
    ),
    Panel("Keys in foreign partitions", _rate("lutong_events_misplaced_total", "service"), "cps", share=3),
)  # fmt: skip


def _published(event_type: str) -> str:
    return f'sum(rate(lutong_events_published_total{{type="{event_type}"}}[$__rate_interval]))'


def _road() -> tuple[Panel, ...]:
    """The funnel of the road, in the order of the story, and how long each stage takes."""
    steps = [event.type for event in story()]
    names = {event.type: event.__name__ for event in story()}
    funnel = tuple(
        Query(names[step], f'sum(increase(lutong_events_published_total{{type="{step}"}}[$__range]))') for step in steps
    )
    return (
        Panel("The road: events in this range", funnel, about="From a post to its fulfilment.", share=1, kind="bargauge"),
        Panel("Events a second", tuple(Query(names[step], _published(step)) for step in steps), "cps", share=1),
        Panel(
            "How old an event is when it is handled: p50, p95, p99 of each stage",
            _quantiles("lutong_stage_seconds", "type"), "s", share=1,
        ),
        Panel("Commands and queries: p50, p95, p99", _quantiles("lutong_http_seconds", "route"), "s"),
        Panel("Refused because too many were in progress", _rate("lutong_http_refused_total", "service"), "cps"),
    )  # fmt: skip


TOPICS: Final = (
    Panel("Published, by type", _rate("lutong_events_published_total", "type"), "cps", share=1),
    Panel("Time in a handler, by type", _quantiles("lutong_handler_seconds", "type"), "s", share=1),
    Panel("Age when handled, by type", _quantiles("lutong_stage_seconds", "type"), "s", share=1),
)

POSTGRESQL: Final = (
    Panel("Size", _per_service("lutong_database_size_bytes"), "bytes"),
    Panel("Connections", _per_service("lutong_database_connections")),
    Panel("Oldest transaction", _per_service("lutong_database_oldest_transaction_seconds"), "s"),
    Panel(
        "Dead rows", (Query("{{service}} {{table}}", "topk(12, max by (service, table) (lutong_database_dead_rows))"),),
        about="What vacuum has not removed yet.",
    ),
    Panel("Events not published", _per_service("lutong_outbox_pending_events")),
    Panel("Parked, or waiting behind a parked one", _per_service("lutong_parked_open_records")),
)  # fmt: skip


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its file name."""
    return {
        "pipeline.json": _dashboard("lutong-pipeline", "Lutong · pipeline", PIPELINE),
        "road.json": _dashboard("lutong-road", "Lutong · the road", _road()),
        "topics.json": _dashboard("lutong-topics", "Lutong · topics", TOPICS),
        "postgresql.json": _dashboard("lutong-postgresql", "Lutong · PostgreSQL", POSTGRESQL),
    }


def rendered() -> dict[str, bytes]:
    """The dashboards as files."""
    return {
        name: (json.dumps(dashboard, ensure_ascii=False, indent=1) + "\n").encode()
        for name, dashboard in dashboards().items()
    }


def _dashboard(uid: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": title,
        "tags": ["lutong"],
        "timezone": "browser",
        "editable": False,
        "refresh": "10s",
        "schemaVersion": 39,
        "time": {"from": "now-1h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["lutong"], "title": "Lutong", "asDropdown": False}],
        "panels": list(_placed(panels)),
    }


def _placed(panels: Sequence[Panel]) -> Sequence[dict[str, Any]]:
    """Panels from left to right, and the next row when one does not fit any more."""
    placed = []
    x = y = 0
    for number, panel in enumerate(panels, 1):
        width = _WIDTH // panel.share
        if x + width > _WIDTH:
            x, y = 0, y + _HEIGHT
        placed.append(_panel(panel, number) | {"gridPos": {"x": x, "y": y, "w": width, "h": _HEIGHT}})
        x += width
    return placed


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    targets = [
        {"refId": f"A{n}", "expr": expression, "legendFormat": legend, "datasource": _DATASOURCE, "instant": panel.kind == "bargauge"}
        for n, (legend, expression) in enumerate(panel.asks)
    ]  # fmt: skip
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"displayMode": "gradient", "orientation": "horizontal"} if panel.kind == "bargauge" else {},
        "targets": targets,
    }
