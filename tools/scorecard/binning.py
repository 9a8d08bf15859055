"""Coarse bins in which the evidence only ever rises or only ever falls."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

BIN_SHARE_LEAST: Final = 0.02
BINS_MOST: Final = 6
DIFFERENCE_LEAST: Final = 6.63
"""Chi-square of one degree of freedom at 1 %: neighbours that differ less become one bin."""
_SHIFT_MOST: Final = 50
"""Log-odds: far beyond what half a person among all could show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A characteristic that may be judged: its name among the facts, and edges that a person would choose.

    `per_unit` divides edges for the labels: fen become yuan. What `counts` has a plural.
    """

    name: str
    reason: str
    more_is_worse: bool
    edges: tuple[int, ...]
    unit: str
    counts: bool = False
    per_unit: int = 1

    def amount(self, number: int) -> str:
        """A number with its unit."""
        return f"{number:,} {self.unit}{'s' if self.counts and number != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Case:
    """One applicant, for one characteristic: their value, outcome, and the log-odds of repaying known so far."""

    value: int
    repaid: bool
    log_odds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Applicants that are worth the same, so far. `low` is inclusive, `below` exclusive.

    They are counted by the log-odds that are known of them so far: (log-odds, people) pairs.
    """

    low: int | None
    below: int | None
    repaid: int
    people: Mapping[float, int]

    @property
    def size(self) -> int:
        """How many they are."""
        return sum(self.people.values())

    def joined(self, right: "Cell") -> "Cell":
        """This cell and its right neighbour as one."""
        keys = self.people.keys() | right.people.keys()
        people = {key: self.people.get(key, 0) + right.people.get(key, 0) for key in sorted(keys)}
        return Cell(self.low, right.below, self.repaid + right.repaid, people)


class Evidence(NamedTuple):
    """The weight of evidence of a cell, in log-odds, and the information behind it."""

    weight: float
    information: float


def weight_of_evidence(cell: Cell) -> Evidence:
    """How the odds of repaying differ from what is known so far, as a logarithm; and its information (1 / variance).

    When nothing is known but the average, this is the textbook's ln(share of goods / share of bads).
    In general it is the shift of log-odds that explains how many of the cell repaid.
    """
    from scipy.optimize import brentq  # a second: only when something is fitted
    from scipy.special import expit

    goods = min(max(cell.repaid, 0.5), cell.size - 0.5)  # all or none: half a person keeps it finite
    log_odds, people = np.array(list(cell.people)), np.array(list(cell.people.values()))

    def missing(shift: float) -> float:
        return goods - float(people @ expit(log_odds + shift))

    shift = float(brentq(missing, -_SHIFT_MOST, _SHIFT_MOST, xtol=1e-13))
    rates = expit(log_odds + shift)
    return Evidence(shift, float(people @ (rates * (1 - rates))))


def coarse_bins(candidate: Candidate, cases: Sequence[Case]) -> list[Cell]:
    """Merge neighbours until each bin is large enough, differs from the next, and lies in the expected order."""
    cells = _fine(candidate, cases)
    evidence = [weight_of_evidence(cell) for cell in cells]
    while len(cells) > 1:
        differences = [
            _difference(candidate, cells[at : at + 2], evidence[at : at + 2], len(cases))
            for at in range(len(cells) - 1)
        ]
        at = min(range(len(differences)), key=differences.__getitem__)
        if differences[at] >= DIFFERENCE_LEAST and len(cells) <= BINS_MOST:
            break
        cells[at : at + 2] = [cells[at].joined(cells[at + 1])]
        evidence[at : at + 2] = [weight_of_evidence(cells[at])]
    return cells


def _fine(candidate: Candidate, cases: Sequence[Case]) -> list[Cell]:
    """The cells between the candidate's edges; one that nobody is in belongs to its neighbour."""
    inside: list[list[Case]] = [[] for _ in range(len(candidate.edges) + 1)]
    for case in cases:
        inside[bisect_right(candidate.edges, case.value)].append(case)
    cells: list[Cell] = []
    for low, below, some in zip((None, *candidate.edges), (*candidate.edges, None), inside, strict=True):
        people = dict(sorted(Counter(case.log_odds for case in some).items()))
        cell = Cell(low, below, sum(case.repaid for case in some), people)
        if cells and not (cell.size and cells[-1].size):
            cells[-1] = cells[-1].joined(cell)
        else:
            cells.append(cell)
    return cells


def _difference(candidate: Candidate, pair: Sequence[Cell], evidence: Sequence[Evidence], total: int) -> float:
    """Chi-square between neighbours; below zero when they must be merged whatever it is."""
    (left, left_information), (right, right_information) = evidence
    if min(cell.size for cell in pair) < BIN_SHARE_LEAST * total:
        return -1.0
    if (right < left) is not candidate.more_is_worse:
        return -0.5
    return (left - right) ** 2 / (1 / left_information + 1 / right_information)
