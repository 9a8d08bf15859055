"""From applicants to a scorecard: a table for those who paid on time, one for those who did not; each in two steps.

1. What the service knows of everybody: coarse bins, weights of evidence, logistic regression on them.
2. What it knows of some: the same, but the weight of evidence is what a bin adds *beyond* step 1.

So a fact of step 2 that is not known moves nothing, and what is left is a scorecard in its own
right. One regression over everything could not do that: months late and the present delay show
much the same, and a member who lacks one of them would look half as late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

from lutong_membership.providers.credit.scorecard import Bin, Characteristic, Scorecard, Table
from tools.scorecard.binning import Candidate, Case, Cell, coarse_bins, weight_of_evidence
from tools.scorecard.candidates import (
    LIMITS,
    NAME,
    PLANS,
    REASON_POINTS_LEAST,
    REASONS_MOST,
    SCALE,
    VALID_DAYS,
    Plan,
)
from tools.scorecard.data import Person
from tools.scorecard.regression import Fit, Observation, logistic

STRENGTH_LEAST: Final = 1.645
"""One-sided 5 %: the sign of a coefficient is known beforehand, a wrong one is as good as none."""


@dataclass(frozen=True, slots=True)
class Binned:
    """A candidate in bins, and what each bin weighs."""

    candidate: Candidate
    cells: tuple[Cell, ...]
    weights: tuple[float, ...]

    def evidence(self, person: Person) -> float:
        """What this shows of a person; nothing when it is not known."""
        value = person.facts[self.candidate.name]
        if value is None:
            return 0.0
        pairs = zip(self.cells, self.weights, strict=True)
        return next(weight for cell, weight in pairs if cell.below is None or value < cell.below)


@dataclass(frozen=True, slots=True)
class Judged:
    """A characteristic that is judged, and what the regression finds for it."""

    binned: Binned
    coefficient: float
    error: float

    @property
    def information_value(self) -> float:
        """How well the bins separate goods from bads (textbook: 0.1 some, 0.3 much)."""
        cells = self.binned.cells
        goods = sum(cell.repaid for cell in cells)
        bads = sum(cell.size for cell in cells) - goods
        shares = [(cell.repaid / goods, (cell.size - cell.repaid) / bads) for cell in cells]
        return sum((good - bad) * log(good / bad) for good, bad in shares)


class LeftOut(NamedTuple):
    """A characteristic that is not judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """One table, where its numbers come from, and what was left out of it and why."""

    plan: Plan
    table: Table
    judged: tuple[Judged, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came out: the scorecard, and its parts by name."""

    card: Scorecard
    parts: Mapping[str, Part]


def fit(people: Sequence[Person]) -> Fitted:
    """A scorecard from those who are not held out. The same people give the same scorecard."""
    train = [person for person in people if not person.held_out]
    parts = {
        "on_time": _part(PLANS["on_time"], [person for person in train if not person.facts["late_months"]]),
        "late": _part(PLANS["late"], [person for person in train if person.facts["late_months"]]),
    }
    card = Scorecard(
        name=NAME,
        scale=SCALE,
        on_time=parts["on_time"].table,
        late=parts["late"].table,
        limits=LIMITS,
        valid_days=VALID_DAYS,
        reasons_most=REASONS_MOST,
        reason_points_least=REASON_POINTS_LEAST,
    )
    return Fitted(card, parts)


def _part(plan: Plan, people: Sequence[Person]) -> Part:
    """Both steps for the members of one kind."""
    goods = sum(person.repaid for person in people)
    average = log(goods / (len(people) - goods))
    first, left_out = _step(people, plan.always, [average] * len(people))
    known = [average + sum(each.coefficient * each.binned.evidence(person) for each in first) for person in people]
    second, also_left_out = _step(people, plan.sometimes, known)
    start_points = SCALE.base_points + SCALE.points_per_log_odds * (average - log(SCALE.base_odds))
    judged = (*first, *second)
    table = Table(round(start_points), tuple(_characteristic(each) for each in judged))
    return Part(plan, table, judged, (*left_out, *also_left_out))


def _step(
    people: Sequence[Person], candidates: Sequence[Candidate], known: Sequence[float]
) -> tuple[list[Judged], list[LeftOut]]:
    """Bin, regress, and leave out what does not help, the weakest first, until everything that is left helps."""
    every = [_binned(candidate, people, known) for candidate in candidates]
    helping = [each for each in every if len(each.cells) > 1]
    left_out = [
        LeftOut(each.candidate.name, "adds nothing beyond what is judged already")
        for each in every
        if each not in helping
    ]
    while helping:
        result = _regress(helping, people, known)
        weakest, strength = min(enumerate(result.strengths), key=lambda pair: pair[1])
        if strength >= STRENGTH_LEAST:
            numbers = zip(helping, result.coefficients, result.errors, strict=True)
            return [Judged(*number) for number in numbers], left_out
        name = helping.pop(weakest).candidate.name
        left_out.append(LeftOut(name, f"a coefficient of {strength:.1f} standard errors beside the others"))
    return [], left_out


def _binned(candidate: Candidate, people: Sequence[Person], known: Sequence[float]) -> Binned:
    cases = [
        Case(value, person.repaid, log_odds)
        for person, log_odds in zip(people, known, strict=True)
        if (value := person.facts[candidate.name]) is not None
    ]
    cells = tuple(coarse_bins(candidate, cases))
    return Binned(candidate, cells, tuple(weight_of_evidence(cell)[0] for cell in cells))


def _regress(helping: Sequence[Binned], people: Sequence[Person], known: Sequence[float]) -> Fit:
    """Logistic regression on the weights of evidence. What is known so far stands in the place of an intercept."""
    return logistic(
        Observation(tuple(each.evidence(person) for each in helping), log_odds, person.repaid)
        for person, log_odds in zip(people, known, strict=True)
    )


def _characteristic(judged: Judged) -> Characteristic:
    candidate, unit = judged.binned.candidate, SCALE.points_per_log_odds * judged.coefficient
    bins = (
        Bin(cell.below, label(candidate, cell), round(weight, 3), round(unit * weight))
        for cell, weight in zip(judged.binned.cells, judged.binned.weights, strict=True)
    )
    return Characteristic(candidate.name, candidate.reason, round(judged.coefficient, 3), tuple(bins))


def label(candidate: Candidate, cell: Cell) -> str:
    """A bin in words: `1 month`, `under 30 %`, `12,500 to under 30,000 yuan`."""
    low, below = (None if edge is None else edge // candidate.per_unit for edge in (cell.low, cell.below))
    if candidate.counts and below is not None and below - (low or 0) == 1:
        return candidate.amount(low or 0)
    if low is None:
        return f"under {candidate.amount(below or 0)}"
    if below is None:
        return f"{candidate.amount(low)} or more"
    return f"{low:,} to under {candidate.amount(below)}"
