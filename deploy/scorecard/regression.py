"""Logistic regression by Newton's method, on counted patterns."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Pattern: TypeAlias = tuple[tuple[float, ...], float]
"""The values of one row, and log-odds that are added to it as they are."""
Matrix: TypeAlias = list[list[float]]


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients, each with its standard error."""

    coefficients: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def strengths(self) -> tuple[float, ...]:
        """How many standard errors each coefficient is away from zero."""
        return tuple(value / error for value, error in zip(self.coefficients, self.errors, strict=True))


def logistic(rows: Iterable[tuple[Pattern, bool]]) -> Fit:
    """Maximum likelihood of True. Rows of one pattern are counted first, then handled as one."""
    people: Counter[Pattern] = Counter()
    goods: Counter[Pattern] = Counter()
    for pattern, good in rows:
        people[pattern] += 1
        goods[pattern] += good
    counted = [(values, fixed, number, goods[values, fixed]) for (values, fixed), number in sorted(people.items())]
    width = len(counted[0][0])
    coefficients = [0.0] * width
    for _ in range(50):
        gradient, information = _slopes(counted, coefficients)
        step = solve(information, gradient)
        coefficients = [value + change for value, change in zip(coefficients, step, strict=True)]
        if max(abs(change) for change in step) < 1e-12:
            break
    units = [[float(row == column) for row in range(width)] for column in range(width)]
    errors = tuple(math.sqrt(solve(information, unit)[at]) for at, unit in enumerate(units))
    return Fit(tuple(coefficients), errors)


def _slopes(
    counted: Sequence[tuple[tuple[float, ...], float, int, int]], coefficients: Sequence[float]
) -> tuple[list[float], Matrix]:
    """The gradient of the log-likelihood, and the information matrix."""
    width = len(coefficients)
    gradient = [0.0] * width
    information = [[0.0] * width for _ in range(width)]
    for values, fixed, number, good in counted:
        rate = 1 / (1 + math.exp(-fixed - sum(map(float.__mul__, coefficients, values))))
        weight = number * rate * (1 - rate)
        for row, value in enumerate(values):
            gradient[row] += (good - number * rate) * value
            for column, other in enumerate(values):
                information[row][column] += weight * value * other
    return gradient, information


def solve(matrix: Matrix, right: Sequence[float]) -> list[float]:
    """The vector that the matrix maps to the right side (Gauss, with pivoting)."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at in range(len(rows)):
        pivot = max(range(at, len(rows)), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for below in range(at + 1, len(rows)):
            factor = rows[below][at] / rows[at][at]
            rows[below] = [value - factor * upper for value, upper in zip(rows[below], rows[at], strict=True)]
    solved: list[float] = []
    for row in reversed(rows):
        known = sum(map(float.__mul__, row[-1 - len(solved) : -1], solved))
        solved.insert(0, (row[-1] - known) / row[-2 - len(solved)])
    return solved
