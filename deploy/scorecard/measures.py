"""How well scores order and foretell: AUC with its interval, KS, PSI, calibration. A higher score is a better one."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance
from typing import Final

Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """For each who repaid, the share of the others that scored lower; and the other way round (ties count half)."""

    goods: tuple[float, ...]
    bads: tuple[float, ...]

    @property
    def auc(self) -> float:
        """The chance that one who repays scores higher than one who does not."""
        return fmean(self.goods)


def rank(scores: Sequence[float], repaid: Sequence[bool]) -> Ranking:
    """Placements of both kinds among each other."""
    goods = [score for score, good in zip(scores, repaid, strict=True) if good]
    bads = [score for score, good in zip(scores, repaid, strict=True) if not good]
    good_order, bad_order = sorted(goods), sorted(bads)
    return Ranking(
        tuple((bisect_left(bad_order, s) + bisect_right(bad_order, s)) / 2 / len(bads) for s in goods),
        tuple(1 - (bisect_left(good_order, s) + bisect_right(good_order, s)) / 2 / len(goods) for s in bads),
    )


def auc(ranking: Ranking) -> Estimate:
    """The AUC with DeLong's interval."""
    error = math.sqrt(
        variance(ranking.goods) / len(ranking.goods) + variance(ranking.bads) / len(ranking.bads)
    )  # both kinds are samples
    return Estimate(ranking.auc, ranking.auc - Z * error, ranking.auc + Z * error)


def auc_gain(better: Ranking, other: Ranking) -> Estimate:
    """The difference of two AUCs on the same people, with DeLong's interval for pairs."""
    return auc(
        Ranking(
            tuple(map(float.__sub__, better.goods, other.goods)),
            tuple(map(float.__sub__, better.bads, other.bads)),
        )
    )


def kolmogorov_smirnov(scores: Sequence[float], repaid: Sequence[bool]) -> float:
    """The largest distance between the two kinds' cumulative shares."""
    goods, bads = sum(repaid), len(repaid) - sum(repaid)
    distance = largest = 0.0
    pairs = sorted(zip(scores, repaid, strict=True))
    for at, (score, good) in enumerate(pairs):
        distance += -1 / goods if good else 1 / bads
        if at + 1 == len(pairs) or pairs[at + 1][0] != score:
            largest = max(largest, abs(distance))
    return largest


def stability(expected: Sequence[float], actual: Sequence[float], edges: Sequence[float]) -> float:
    """Population stability index over the bands that the edges cut: 0 is the same, 0.1 worth a look, 0.25 a shift.

    A band that nobody is in counts as half a person, to stay finite.
    """
    index = 0.0
    for low, below in zip((-math.inf, *edges), (*edges, math.inf), strict=True):
        was, is_now = (
            max(0.5, sum(low <= score < below for score in scores)) / len(scores) for scores in (expected, actual)
        )
        index += (is_now - was) * math.log(is_now / was)
    return index


def deciles(scores: Sequence[float]) -> list[float]:
    """Nine edges that cut the scores into ten bands of about the same size; fewer when scores repeat."""
    ordered = sorted(scores)
    return sorted({ordered[len(ordered) * tenth // 10] for tenth in range(1, 10)} - {ordered[0]})


def share(count: int, total: int) -> Estimate:
    """A share with Wilson's interval."""
    middle = (count + Z**2 / 2) / (total + Z**2)
    half = Z / (total + Z**2) * math.sqrt(count * (total - count) / total + Z**2 / 4)
    return Estimate(count / total, middle - half, middle + half)


def difference(larger: Estimate, smaller: Estimate) -> Estimate:
    """The difference of two independent shares, with Newcombe's interval (built from Wilson's)."""
    gap = larger.value - smaller.value
    return Estimate(
        gap,
        gap - math.hypot(larger.value - larger.low, smaller.high - smaller.value),
        gap + math.hypot(larger.high - larger.value, smaller.value - smaller.low),
    )
