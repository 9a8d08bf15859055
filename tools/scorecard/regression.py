"""Logistic regression on weights of evidence, by statsmodels; equal rows are counted first."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Observation(NamedTuple):
    """The values of one row, log-odds that are added to it as they are, and what came of it."""

    values: tuple[float, ...]
    offset: float
    outcome: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients, each with its standard error."""

    coefficients: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def strengths(self) -> tuple[float, ...]:
        """How many standard errors each coefficient is away from zero."""
        return tuple(value / error for value, error in zip(self.coefficients, self.errors, strict=True))


def logistic(rows: Iterable[Observation]) -> Fit:
    """Maximum likelihood of True, without an intercept of its own."""
    import statsmodels.api as sm  # seconds: only when something is fitted

    counted = sorted(Counter(rows).items())
    values, offsets, outcomes = zip(*(row for row, _ in counted), strict=True)
    numbers = [number for _, number in counted]
    model = sm.GLM(
        np.array(outcomes, float),
        np.array(values),
        family=sm.families.Binomial(),
        offset=np.array(offsets),
        freq_weights=np.array(numbers),
    )
    fitted = model.fit(tol=1e-12)
    return Fit(tuple(map(float, fitted.params)), tuple(map(float, fitted.bse)))
