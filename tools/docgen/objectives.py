"""Service level objectives: what share of answers and events must be good, and the alerts that watch how fast the rest is used up.

Each objective is a ratio of two counters per service. `make generate` writes deploy/prometheus/objectives.yml, the table of
docs/objectives.md, and a dashboard. The windows and rates are those of the field (Google's SRE workbook, chapter 5).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_PLACE: Final = re.compile(r"(<!-- objectives -->\n).*?(<!-- end of objectives -->)", re.DOTALL)
_RUNBOOK: Final = "docs/runbooks/error-budget-burns.md"
_DAYS: Final = 30
VOLUME_MIN: Final = 100
"""Of fewer in the long window nobody is woken: one of ten is ten percent."""


class Objective(NamedTuple):
    """What is promised of each service over thirty days. `bad` and `all` give an expression over a window such as `5m`."""

    name: str
    promise: str
    percent: float
    bad: str
    all: str

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.percent / 100, 6)

    def share(self, window: str) -> str:
        """The name under which the share that was bad in a window is recorded."""
        return f"service:{self.name.lower()}_bad:ratio_rate{window}"

    def volume(self, window: str) -> str:
        """The name under which it is recorded how many there were a second."""
        return f"service:{self.name.lower()}:rate{window}"


class Pace(NamedTuple):
    """How many times too fast the budget goes; over a long window, and a short one that shows whether it still does."""

    times: float
    long: str
    short: str

    @property
    def long_s(self) -> int:
        """The long window in seconds."""
        return int(self.long[:-1]) * {"h": 3600, "d": 86400}[self.long[-1]]


FAST: Final = (Pace(14.4, "1h", "5m"), Pace(6, "6h", "30m"))
SLOW: Final = (Pace(3, "1d", "2h"), Pace(1, "3d", "6h"))


def _rate(metric: str, le: str | None = None) -> str:
    chosen = f'{{le="{le}"}}' if le else ""
    return f"sum by (service) (rate({metric}{chosen}[WINDOW]))"


def _slower(name: str, le: str) -> str:
    return f"{_rate(f'{name}_count')} - {_rate(f'{name}_bucket', le)}"


OBJECTIVES: Final = (
    Objective(
        "Answers", "commands and queries are answered, and not with 5xx", 99.9,
        _rate("lutong_http_failed_total"), f"{_rate('lutong_http_seconds_count')} + {_rate('lutong_http_refused_total')}",
    ),
    Objective(
        "QuickAnswers", "commands and queries are answered within 1 s", 99.0,
        _slower("lutong_http_seconds", "1.0"), _rate("lutong_http_seconds_count"),
    ),
    Objective(
        "Publication", "events are acknowledged by Kafka within 5 s of their commit", 99.9,
        _slower("lutong_relay_seconds", "5.0"), _rate("lutong_relay_seconds_count"),
    ),
    Objective(
        "Freshness", "events are handled within 15 s of being published", 99.5,
        _slower("lutong_stage_seconds", "15.0"), _rate("lutong_stage_seconds_count"),
    ),
)  # fmt: skip


def rules() -> bytes:
    """The alert rules, as Prometheus reads them."""
    return ("\n".join(_file()) + "\n").encode()


def described(page: str) -> str:
    """A page with its table of objectives written anew."""
    table = "\n".join(_table())
    return _PLACE.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)


def _file() -> Iterator[str]:
    yield "# Written by `make generate` from tools/docgen/objectives.py: how fast error budgets are used up (docs/objectives.md)."
    yield from ("groups:", "  - name: lutong-shares", "    rules:")
    for objective in OBJECTIVES:
        for window in dict.fromkeys(w for pace in (*FAST, *SLOW) for w in (pace.short, pace.long)):
            yield from _record(objective, window)
    yield from ("  - name: lutong-objectives", "    rules:")
    for objective in OBJECTIVES:
        for word, severity, paces in (("Fast", "critical", FAST), ("Slowly", "warning", SLOW)):
            yield from _alert(objective, word, severity, paces)


def _record(objective: Objective, window: str) -> Iterator[str]:
    many, bad = (each.replace("WINDOW", window) for each in (objective.all, objective.bad))
    yield f"      - {{record: '{objective.volume(window)}', expr: '{many}'}}"
    yield f"      - {{record: '{objective.share(window)}', expr: '({bad}) / {objective.volume(window)}'}}"


def _alert(objective: Objective, word: str, severity: str, paces: tuple[Pace, ...]) -> Iterator[str]:
    used = f"{_short(objective.budget * 100)} %"
    yield f"      - alert: {objective.name}Burn{word}"
    yield "        expr: >-"
    yield from (f"          {'or ' if n else ''}({_too_fast(objective, pace)})" for n, pace in enumerate(paces))
    yield "        for: 2m"
    yield f"        labels: {{severity: {severity}}}"
    yield "        annotations:"
    yield f'          summary: "{{{{ $labels.service }}}}: {{{{ $value | humanizePercentage }}}} were bad, and {used} may be: {objective.promise}"'
    yield f"          runbook: {_RUNBOOK}"


def _too_fast(objective: Objective, pace: Pace) -> str:
    """Too many were bad for long, still are, and there were enough of them to judge by."""
    bound, enough = _short(pace.times * objective.budget), _short(VOLUME_MIN / pace.long_s)
    return (
        f"{objective.share(pace.long)} > {bound} and {objective.share(pace.short)} > {bound}"
        f" and {objective.volume(pace.long)} > {enough}"
    )


def _short(number: float) -> str:
    return f"{number:.7f}".rstrip("0").rstrip(".")


def _table() -> Iterator[str]:
    yield f"| objective | of each service, over {_DAYS} days | may be bad | alert at once | alert in work hours |"
    yield "|---|---|---|---|---|"
    for objective in OBJECTIVES:
        fast, slow = (
            ", or ".join(f"{_short(100 * p.times * objective.budget)} % for {p.long}" for p in paces)
            for paces in (FAST, SLOW)
        )
        budget = f"{_short(objective.budget * 100)} %"
        yield f"| {objective.name} | {_short(objective.percent)} % of {objective.promise} | {budget} | {fast} | {slow} |"
