"""As much of Prometheus as our alerts need: rules evaluated on made-up series, to see which of them can fire at all.

Semantics as in Prometheus' documentation: an instant vector holds the last sample of each series within five minutes;
`rate` and `increase` take the samples within the range and allow for counters that start again (no extrapolation: our
ranges hold many scrapes); comparisons filter; a rule fires when it holds at every evaluation for as long as `for` says.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import add, ge, gt, le, lt, mul, sub, truediv
from typing import Any, Final, NamedTuple, TypeAlias

import promql_parser as promql

SCRAPE_S: Final = 15.0
LOOK_BACK_S: Final = 300.0

Tree: TypeAlias = Any  # the parser's classes have no base in common
Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
Value = Vector | float

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": gt,
    "<": lt,
    ">=": ge,
    "<=": le,
    "==": lambda left, right: left == right,
}
_COMPUTE: Final[dict[str, Callable[[float, float], float]]] = {"+": add, "-": sub, "*": mul, "/": truediv}
_AGGREGATE: Final[dict[str, Callable[[Sequence[float]], float]]] = {"sum": sum, "max": max, "min": min}


class Sample(NamedTuple):
    """A value that was scraped, and when, in seconds since the story began."""

    at_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with its labels, and its value at each moment, in seconds since the story began."""

    name: str
    at: Callable[[float], float]
    labels: Mapping[str, str] = field(default_factory=dict)

    def samples(self, since_s: float, until_s: float) -> list[Sample]:
        """What was scraped in a span of time."""
        first, last = max(0, math.ceil(since_s / SCRAPE_S)), math.floor(until_s / SCRAPE_S)
        return [Sample(n * SCRAPE_S, self.at(n * SCRAPE_S)) for n in range(first, last + 1)]


def fires(rule: Mapping[str, Any], story: Sequence[Series], *, within_s: float) -> bool:
    """Whether a rule of Prometheus fires in a story within a time."""
    hold_s = promql.parse_duration(rule["for"]).total_seconds() if "for" in rule else 0.0
    tree, since_s = promql.parse(rule["expr"]), math.inf
    for n in range(int(within_s / SCRAPE_S) + 1):
        at_s = n * SCRAPE_S
        since_s = min(since_s, at_s) if evaluate(tree, story, at_s) else math.inf
        if at_s - since_s >= hold_s:
            return True
    return False


def evaluate(tree: Tree, story: Sequence[Series], at_s: float) -> Value:
    """A vector, or a number, by what the expression is."""
    if isinstance(tree, promql.NumberLiteral):
        return float(tree.val)
    if isinstance(tree, promql.ParenExpr):
        return evaluate(tree.expr, story, at_s)
    if isinstance(tree, promql.VectorSelector):
        found = {_key(series): series.samples(at_s - LOOK_BACK_S, at_s) for series in _chosen(tree, story)}
        return {labels: samples[-1][1] for labels, samples in found.items() if samples}
    if isinstance(tree, promql.AggregateExpr):
        return _aggregate(tree, _vector(tree.expr, story, at_s))
    if isinstance(tree, promql.BinaryExpr):
        on = tree.modifier.matching.labels if tree.modifier and tree.modifier.matching else None
        return _binary(str(tree.op), evaluate(tree.lhs, story, at_s), evaluate(tree.rhs, story, at_s), on)
    if isinstance(tree, promql.Call):
        return _call(tree, story, at_s)
    raise NotImplementedError(f"our alerts do not use {type(tree).__name__} yet")


def _vector(tree: Tree, story: Sequence[Series], at_s: float) -> Vector:
    value = evaluate(tree, story, at_s)
    assert isinstance(value, dict)
    return value


def _key(series: Series) -> Labels:
    return tuple(sorted(series.labels.items()))


def _chosen(tree: Tree, story: Sequence[Series]) -> list[Series]:
    wanted = [(each.name, each.value, str(each.op).endswith(".Equal")) for each in tree.matchers.matchers]
    assert all(str(each.op).endswith("Equal") for each in tree.matchers.matchers)
    return [
        series
        for series in story
        if series.name == tree.name
        and all((series.labels.get(name, "") == value) == same for name, value, same in wanted)
    ]


def _aggregate(tree: Tree, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in vector.items():
        groups[tuple(pair for pair in labels if tree.modifier and pair[0] in tree.modifier.labels)].append(value)
    return {labels: _AGGREGATE[str(tree.op)](values) for labels, values in groups.items()}


def _binary(op: str, left: Value, right: Value, on: Sequence[str] | None = None) -> Value:
    if isinstance(left, dict) and isinstance(right, dict):
        return _unless(left, right, on) if op == "unless" else _matched(op, left, right)
    assert not isinstance(right, dict), "our alerts compare with numbers only"
    if not isinstance(left, dict):
        return _COMPUTE[op](left, right)
    if op in _COMPARE:
        return {labels: value for labels, value in left.items() if _COMPARE[op](value, right)}
    return {labels: _COMPUTE[op](value, right) for labels, value in left.items()}


def _unless(left: Vector, right: Vector, on: Sequence[str] | None) -> Vector:
    """What is on the left alone, by the labels that count: all, or those of `on`."""

    def counted(labels: Labels) -> Labels:
        return labels if on is None else tuple(pair for pair in labels if pair[0] in on)

    there = {counted(labels) for labels in right}
    return {labels: value for labels, value in left.items() if counted(labels) not in there}


def _matched(op: str, left: Vector, right: Vector) -> Vector:
    """Two vectors, by their labels: what one side lacks is in neither sum nor quotient."""
    if op == "or":
        return right | left
    both = {labels: (value, right[labels]) for labels, value in left.items() if labels in right}
    if op == "and":
        return {labels: value for labels, (value, _) in both.items()}
    return {labels: _COMPUTE[op](*values) for labels, values in both.items() if op != "/" or values[1]}


def _call(tree: Tree, story: Sequence[Series], at_s: float) -> Vector:
    if tree.func.name == "histogram_quantile":
        return _quantile(tree.args[0].val, _vector(tree.args[1], story, at_s))
    (matrix,) = tree.args
    range_s = matrix.range.total_seconds()
    per = {"rate": range_s, "increase": 1.0}[tree.func.name]
    grown = {_key(s): _growth(s.samples(at_s - range_s, at_s)) for s in _chosen(matrix.vector_selector, story)}
    return {labels: growth / per for labels, growth in grown.items() if growth is not None}


def _growth(samples: Sequence[Sample]) -> float | None:
    """How much a counter grew; None with fewer than two samples. One that is smaller than before began again."""
    if len(samples) < 2:
        return None
    values = [sample.value for sample in samples]
    return sum(now - before if now >= before else now for before, now in pairwise(values))


def _quantile(share: float, buckets: Vector) -> Vector:
    """The upper bound of the bucket that the share falls into."""
    by_rest: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        by_rest[tuple(pair for pair in labels if pair[0] != "le")].append((float(dict(labels)["le"]), count))
    found = {}
    for labels, counts in by_rest.items():
        ordered = sorted(counts)
        if total := ordered[-1][1]:
            found[labels] = next(bound for bound, count in ordered if count >= share * total)
    return found
