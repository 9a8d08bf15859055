"""Logistic regression on weights of evidence, by statsmodels; equal rows are counted first."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import statsmodels.api as sm

Pattern: TypeAlias = tuple[tuple[float, ...], float]
"""The values of one row, and log-odds that are added to it as they are."""


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
    """Maximum likelihood of True, without an intercept of its own."""
    counted = sorted(Counter(rows).items())
    (patterns, outcomes), numbers = zip(*(row for row, _ in counted), strict=True), [number for _, number in counted]
    values, offsets = zip(*patterns, strict=True)
    model = sm.GLM(
        np.array(outcomes, float),
        np.array(values),
        family=sm.families.Binomial(),
        offset=np.array(offsets),
        freq_weights=np.array(numbers),
    )
    fitted = model.fit(tol=1e-12)
    return Fit(tuple(map(float, fitted.params)), tuple(map(float, fitted.bse)))
