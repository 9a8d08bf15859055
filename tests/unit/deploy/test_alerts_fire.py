"""Every alert can fire: it is evaluated on what our metrics do when the trouble is there, and when it is not."""

import math
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

import promql_parser as promql
import pytest

from lutong_chassis.settings import Settings
from tests.support.alerts import ALERTS
from tests.support.promql import Series, evaluate, fires
from tools.docgen.objectives import OBJECTIVES, Objective

OURS: Final = {"service": "registry", "job": "lutong"}
WITHIN_S: Final = 1800.0

Story = list[Series]


def a_gauge(name: str, at: Callable[[float], float], **labels: str) -> Story:
    return [Series(name, at, OURS | labels)]


def always(value: float) -> Callable[[float], float]:
    return lambda _s: value


def growing(since_s: float = 0.0) -> Callable[[float], float]:
    """An age: a second older each second."""
    return lambda s: max(0.0, s - since_s)


def a_batch_that_always_fails() -> Story:
    """One try after the other, with the pauses of the consumer: what its two metrics do."""
    longest_s = float(Settings.model_fields["retry_delay_max_s"].default)
    tries_s = list(accumulate(min(longest_s, 0.05 * 2.0**attempt) for attempt in range(400)))
    return [
        Series("lutong_batch_retries_total", lambda s: float(sum(at_s <= s for at_s in tries_s)), OURS),
        Series("lutong_consumer_stuck_seconds", growing(), OURS),
    ]


def batches_that_fail_once_each() -> Story:
    """Deadlocks, all the time: each batch is tried twice, and none is stuck."""
    return [
        Series("lutong_batch_retries_total", lambda s: s // 5, OURS),
        Series("lutong_consumer_stuck_seconds", lambda s: 0.05 if s % 5 < 1 else 0.0, OURS),
    ]


def a_short_trouble() -> Story:
    """The database is away for twenty seconds once: eight tries."""
    return [
        Series("lutong_batch_retries_total", lambda s: min(8.0, s / 3), OURS),
        Series("lutong_consumer_stuck_seconds", lambda s: s if s < 20 else 0.0, OURS),
    ]


def commands_that_take(seconds: float) -> Story:
    bounds = ("0.5", "1.0", "2.5", "5.0", "+Inf")
    return [
        Series(
            "lutong_http_seconds_bucket",
            (lambda s: s) if float(bound) >= seconds else always(0.0),
            OURS | {"le": bound},
        )
        for bound in bounds
    ]


def counted(name: str, per_s: float, **labels: str) -> Story:
    return [Series(name, lambda s: math.floor(s * per_s), OURS | labels)]


def a_disk(free: float) -> Story:
    place = {"job": "disk", "mountpoint": "/volumes/postgres"}
    named = {"node_filesystem_avail_bytes": free * 1e11, "node_filesystem_size_bytes": 1e11}
    return [Series(name, always(value), place) for name, value in named.items()]


def connections(count: int) -> Story:
    """Half of them idle, of 150."""
    states = [Series("pg_stat_activity_count", always(count / 2), {"state": state}) for state in ("active", "idle")]
    return [*states, Series("pg_settings_max_connections", always(150), {})]


def shares(objective: Objective, bad: float, per_s: float = 10.0) -> Story:
    """So many a second, of which a share is not as the objective promises: each metric that its expressions ask for."""
    names = re.findall(r"rate\((\w+)(?:\{le=\"([\d.]+)\"\})?\[", f"{objective.bad} {objective.all}")
    part = {"lutong_http_failed_total": bad, "lutong_http_refused_total": 0.0}
    return [
        story
        for name, le in dict.fromkeys(names)
        for story in counted(name, per_s * (1 - bad if le else part.get(name, 1.0)), **({"le": le} if le else {}))
    ]


def budgets(times: float, per_s: float = 10.0) -> dict[str, Story]:
    """By objective, what uses up its budget so many times too fast."""
    return {each.name: shares(each, times * each.budget, per_s) for each in OBJECTIVES}


def copies(in_sync: float) -> Story:
    """A partition of three copies, so many of which are up to date."""
    labels = {"job": "kafka", "topic": "t", "partition": "1"}
    return [
        Series("kafka_partition_replicas", always(3), labels),
        Series("kafka_partition_replicas_in_sync", always(in_sync), labels),
    ]


def watched() -> Story:
    """Exporters that answer, of servers that let them in."""
    up = [Series("up", always(1), {"job": job}) for job in ("kafka", "postgresql", "disk")]
    return [*up, *copies(in_sync=3), Series("pg_up", always(1), {"job": "postgresql"})]


FIRES: Final[dict[str, Story]] = {
    "ServiceDown": a_gauge("up", always(0)),
    "OutboxNotPublished": a_gauge("lutong_outbox_oldest_seconds", growing()),
    "ConsumerStalled": a_gauge("lutong_consumer_stalled", always(1)),
    "ConsumerBehind": a_gauge("lutong_consumer_lag_seconds", growing()),
    "LoopFails": counted("lutong_loop_restarts_total", 1 / 30, loop="deadlines"),
    "BatchStuck": a_batch_that_always_fails(),
    "BatchesRetried": batches_that_fail_once_each(),
    "StockDrifts": a_gauge("lutong_stock_drift_shelves", always(1)),
    "RecordsParked": a_gauge("lutong_parked_open_records", always(1)),
    "ParkedTooLong": a_gauge("lutong_parked_oldest_seconds", growing(-4 * 3600.0)),
    "KeysMisplaced": counted("lutong_events_misplaced_total", 1 / 60),
    "DeadlineOverdue": a_gauge("lutong_deadline_overdue_seconds", growing()),
    "RebalanceStorm": counted("lutong_rebalances_total", 1 / 20),
    "CommandsRefused": counted("lutong_http_refused_total", 2),
    "CommandsSlow": commands_that_take(4.0),
    "TransactionTooLong": a_gauge("lutong_database_oldest_transaction_seconds", growing()),
    "DeadRowsPileUp": a_gauge("lutong_database_dead_rows", always(2e6), table="outbox"),
    "InvariantBroken": a_gauge("lutong_invariant_violations", always(3), identity="V6"),
    "InvariantsNotChecked": a_gauge("lutong_invariants_age_seconds", growing(-3600.0)),
    "ProbeFails": a_gauge("lutong_probe_age_seconds", growing()),
    "NotWatched": [Series("up", always(0), {"job": "kafka"})],
    "DiskFillsUp": a_disk(free=0.1),
    "PartitionsUnderReplicated": copies(in_sync=2),
    "ConnectionsRunOut": connections(140),
    **{f"{name}BurnFast": story for name, story in budgets(15).items()},
    **{f"{name}BurnSlowly": story for name, story in budgets(3.5).items()},
}
QUIET: Final[dict[str, Story]] = {
    "ServiceDown": a_gauge("up", always(1)),
    "OutboxNotPublished": a_gauge("lutong_outbox_oldest_seconds", lambda s: s % 20),
    "ConsumerStalled": a_gauge("lutong_consumer_stalled", always(0)),
    "ConsumerBehind": a_gauge("lutong_consumer_lag_seconds", lambda s: 90.0 if s < 120 else 0.0),
    "LoopFails": counted("lutong_loop_restarts_total", 1 / 600, loop="deadlines"),
    "BatchStuck": [*batches_that_fail_once_each(), *a_short_trouble()],
    "BatchesRetried": a_short_trouble(),
    "StockDrifts": a_gauge("lutong_stock_drift_shelves", always(0)),
    "RecordsParked": a_gauge("lutong_parked_open_records", lambda s: float(s < 120)),
    "ParkedTooLong": a_gauge("lutong_parked_oldest_seconds", growing()),
    "KeysMisplaced": a_gauge("lutong_events_misplaced_total", always(40)),
    "DeadlineOverdue": a_gauge("lutong_deadline_overdue_seconds", lambda s: s % 12),
    "RebalanceStorm": counted("lutong_rebalances_total", 1 / 300),
    "CommandsRefused": counted("lutong_http_refused_total", 0.5),
    "CommandsSlow": commands_that_take(0.4),
    "TransactionTooLong": a_gauge("lutong_database_oldest_transaction_seconds", lambda s: s % 50),
    "DeadRowsPileUp": a_gauge("lutong_database_dead_rows", always(1000), table="outbox"),
    "InvariantBroken": a_gauge("lutong_invariant_violations", always(0), identity="V6"),
    "InvariantsNotChecked": a_gauge("lutong_invariants_age_seconds", lambda s: s % 300),
    "ProbeFails": a_gauge("lutong_probe_age_seconds", lambda s: s % 240),
    "NotWatched": [*watched(), Series("up", always(0), OURS)],
    "DiskFillsUp": a_disk(free=0.2),
    "PartitionsUnderReplicated": copies(in_sync=3),
    "ConnectionsRunOut": connections(130),
    **{f"{name}BurnFast": story for name, story in budgets(5).items()},
    **{f"{name}BurnSlowly": story for name, story in budgets(0.9).items()},
}


def test_every_alert_has_both_of_its_stories() -> None:
    assert FIRES.keys() == QUIET.keys() == ALERTS.keys()


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_its_trouble_is_there(alert: str) -> None:
    assert fires(ALERTS[alert], FIRES[alert], within_s=WITHIN_S)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_quiet_while_all_is_well(alert: str) -> None:
    assert not fires(ALERTS[alert], QUIET[alert], within_s=WITHIN_S)


@pytest.mark.parametrize(
    "story",
    [
        [*watched(), Series("pg_up", always(0), {"job": "postgresql"})],
        [series for series in watched() if not series.name.startswith("kafka_")],
    ],
    ids=["PostgreSQL", "Kafka"],
)
def test_an_exporter_that_answers_and_is_not_let_in_is_found(story: Story) -> None:
    assert fires(ALERTS["NotWatched"], story, within_s=WITHIN_S)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_nobody_is_woken_for_one_of_ten(objective: Objective) -> None:
    few = shares(objective, 0.1, per_s=0.02)
    assert not fires(ALERTS[f"{objective.name}BurnFast"], few, within_s=WITHIN_S)


def test_what_is_over_wakes_nobody_any_more() -> None:
    """The long window still has it, and the short one does not."""
    rule = ALERTS["AnswersBurnFast"]
    over = [
        Series("lutong_http_failed_total", lambda s: 5 * min(s, 60.0), OURS),
        Series("lutong_http_seconds_count", lambda s: 10 * s, OURS),
        Series("lutong_http_refused_total", always(0.0), OURS),
    ]
    assert evaluate(promql.parse(rule["expr"]), over, 60.0)
    assert not evaluate(promql.parse(rule["expr"]), over, 1900.0)


def test_a_batch_that_always_fails_raises_an_alarm_within_three_minutes() -> None:
    assert fires(ALERTS["BatchStuck"], a_batch_that_always_fails(), within_s=180.0)


@pytest.mark.parametrize(
    "rule",
    [
        {"expr": "sum by (service) (rate(lutong_batch_retries_total[5m])) > 0.2", "for": "5m"},  # as it was at fd837d2
        {"expr": "max by (service) (lutong_consumer_stuck_seconds) > 60", "for": "1h"},
        {"expr": "max by (service) (lutong_consumer_stuck_secs) > 60", "for": "1m"},
    ],
)
def test_negative_control_a_rule_that_can_never_fire_is_found(rule: dict[str, Any]) -> None:
    assert not fires(rule, a_batch_that_always_fails(), within_s=WITHIN_S)
