"""What a store's revenue grew by since it serves orders of the suite. Pure: no clock, no database.

The revenue of a store is what it took at its counter, which its merchant reports day by day, and what it is credited with
(`sales`). Uplift is the mean week since it was given its first order, over the mean week before: so what orders take away from the
counter is deducted. Where the merchant has stores that were never given an order, each week is divided by what those took in the
same seven days: a season that all of them had is no uplift.

Weeks are what is counted, in their order, since the days of a week differ; neighbours resemble each other, which makes
intervals wider (`carried_over`). An interval is of 95 %, on the logarithm, where a ratio
is symmetric, with Student's t by Welch and Satterthwaite. One store is mostly noise: `pooled` weighs all of them by what is
known of each and how much they differ (DerSimonian and Laird), and `shrunk` draws each towards that, the less there is known of it the more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, mean, variance
from typing import Final, Literal, NamedTuple

Side = Literal["before", "after"]
Verdict = Literal["higher", "lower", "no_effect_found", "not_enough_data"]

WEEKS_LEAST: Final = 8
"""So many whole weeks on each side; of fewer nothing is reported but how many there are."""
WEEKS_MOST: Final = 26
_CARRIED_MOST: Final = 0.6
_Z: Final = NormalDist().inv_cdf(0.975)


class Week(NamedTuple):
    """Seven days of a store: what it took in minor units, and what the stores took that it is compared with, if there are any."""

    side: Side
    revenue_minor: int
    control_minor: int | None = None

    @property
    def level(self) -> float:
        """What of it is compared."""
        return self.revenue_minor / (self.control_minor or 1)


class Estimate(NamedTuple):
    """The logarithm of a ratio, its variance, and the half of its interval in standard errors."""

    log: float
    variance: float
    width: float = _Z

    @property
    def interval(self) -> "Interval":
        """The uplift, as a share: 0.08 is 8 % more."""
        half = self.width * math.sqrt(self.variance)
        return Interval(*(math.expm1(self.log + each) for each in (0, -half, half)))


@dataclass(frozen=True, slots=True)
class Interval:
    """An uplift with its 95 % interval, as shares: 0.08 is 8 % more."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class StoreUplift:
    """What is known of one store. `own` is by its weeks alone, `shrunk` with what is known of the others."""

    weeks_before: int
    weeks_after: int
    compared: bool
    own: Interval | None
    shrunk: Interval | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Uplift:
    """What is known of all stores of which there are enough weeks; `stores` are in the order in which they were given."""

    measured: int
    pooled: Interval | None
    verdict: Verdict
    stores: tuple[StoreUplift, ...]


def estimate(weeks: Sequence[Week], following: float = 0.0) -> Estimate | None:
    """The growth of one store, or None where there are too few weeks or nothing was taken. `following` is how much of what
    is unusual about a week is left in the next one."""
    sides = _levels(weeks)
    if min(map(len, sides)) < WEEKS_LEAST or not all(map(any, sides)):
        return None
    wider = (1 + following) / (1 - following)
    errors = [wider * variance(side) / len(side) / mean(side) ** 2 for side in sides]
    whole = sum(errors)
    if not whole:
        return None
    freedom = whole**2 / sum(error**2 / (len(side) - 1) for error, side in zip(errors, sides, strict=True))
    return Estimate(math.log(mean(sides[1]) / mean(sides[0])), whole, student(freedom))


def carried_over(stores: Sequence[Sequence[Week]]) -> float:
    """How much of what is unusual about a week is left in the next one: the correlation of neighbours, over all stores.

    Of one store it could not be known. Short series have it too low by about (1 + 3 r) / n, which is added.
    """
    near = whole = 0.0
    sides = [side for weeks in stores for side in _levels(weeks) if len(side) >= WEEKS_LEAST and any(side)]
    for side in sides:
        usual = mean(side)
        odd = [each / usual - 1 for each in side]
        near += sum(one * other for one, other in pairwise(odd)) * len(odd) / (len(odd) - 1)
        whole += sum(each**2 for each in odd)
    if not whole:
        return 0.0
    found = near / whole
    return min(_CARRIED_MOST, max(0.0, found + (1 + 3 * found) / mean(map(len, sides))))


def _levels(weeks: Sequence[Week]) -> list[list[float]]:
    return [[week.level for week in weeks if week.side == side] for side in ("before", "after")]


def measure(stores: Sequence[Sequence[Week]]) -> Uplift:
    """Measure stores by their weeks, each by itself and all together."""
    following = carried_over(stores)
    found = [estimate(weeks, following) for weeks in stores]
    known = [each for each in found if each]
    spread = between(known)
    pooled = pool(known, spread)
    return Uplift(
        measured=len(known),
        pooled=pooled.interval if pooled else None,
        verdict=_verdict(pooled),
        stores=tuple(_of_store(weeks, each, pooled, spread) for weeks, each in zip(stores, found, strict=True)),
    )


def between(known: Sequence[Estimate]) -> float:
    """How much stores really differ: the variance of their logarithms beyond their own noise. 0 where it cannot be known."""
    weights = [1 / each.variance for each in known]
    if len(known) < 2:
        return 0.0
    centre = sum(weight * each.log for weight, each in zip(weights, known, strict=True)) / sum(weights)
    excess = sum(weight * (each.log - centre) ** 2 for weight, each in zip(weights, known, strict=True))
    scale = sum(weights) - sum(weight**2 for weight in weights) / sum(weights)
    return max(0.0, (excess - (len(known) - 1)) / scale)


def pool(known: Sequence[Estimate], spread: float) -> Estimate | None:
    """The mean growth of a merchant's stores. Its interval is as wide as so many stores allow, also when they are few."""
    if not known:
        return None
    if len(known) == 1:
        return known[0]
    weights = [1 / (each.variance + spread) for each in known]
    centre = sum(weight * each.log for weight, each in zip(weights, known, strict=True)) / sum(weights)
    return Estimate(centre, 1 / sum(weights), student(len(known) - 1))


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t (Cornish and Fisher; within 0.5 % from five degrees of freedom on).

    >>> round(student(10), 2)
    2.23
    """
    n = max(1.0, freedom)
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def _of_store(weeks: Sequence[Week], own: Estimate | None, pooled: Estimate | None, spread: float) -> StoreUplift:
    sides = [week.side for week in weeks]
    return StoreUplift(
        weeks_before=sides.count("before"),
        weeks_after=sides.count("after"),
        compared=any(week.control_minor for week in weeks),
        own=own.interval if own else None,
        shrunk=_shrunk(own, pooled, spread).interval if own and pooled else None,
        verdict=_verdict(own),
    )


def _shrunk(own: Estimate, pooled: Estimate, spread: float) -> Estimate:
    """A store's growth as a normal prior around the mean of all sees it; without any spread it is that mean."""
    if not spread:
        return pooled
    trust = spread / (spread + own.variance)
    centre = trust * own.log + (1 - trust) * pooled.log
    return Estimate(centre, trust * own.variance + (1 - trust) ** 2 * pooled.variance)


def _verdict(found: Estimate | None) -> Verdict:
    if found is None:
        return "not_enough_data"
    interval = found.interval
    return "higher" if interval.low > 0 else "lower" if interval.high < 0 else "no_effect_found"
