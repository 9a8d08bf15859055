"""How well scores order and foretell: AUC with its interval, KS, PSI, calibration. A higher score is a better one.

scipy and statsmodels take seconds to import: functions do it, so that who only reads this file does not wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np

Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share(Estimate):
    """A share of a number of people, with Wilson's interval."""

    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """For each who repaid, the share of the others that scored lower; and the other way round (ties count half)."""

    goods: Any  # an array of numpy, as is `bads`
    bads: Any

    @property
    def auc(self) -> float:
        """The chance that one who repays scores higher than one who does not."""
        return float(self.goods.mean())


def rank(scores: Sequence[float], repaid: Sequence[bool]) -> Ranking:
    """Placements of both kinds among each other (Sun and Xu 2014: midranks of all, less midranks of the own kind)."""
    from scipy import stats

    goods, bads = _kinds(scores, repaid)
    ranks = stats.rankdata(np.concatenate([goods, bads]))
    return Ranking(
        (ranks[: len(goods)] - stats.rankdata(goods)) / len(bads),
        1 - (ranks[len(goods) :] - stats.rankdata(bads)) / len(goods),
    )


def auc(ranking: Ranking) -> Estimate:
    """The AUC with DeLong's interval: both kinds are samples."""
    from scipy import stats

    error = float(np.sqrt(stats.sem(ranking.goods) ** 2 + stats.sem(ranking.bads) ** 2))
    return Estimate(ranking.auc, ranking.auc - Z * error, ranking.auc + Z * error)


def auc_gain(better: Ranking, other: Ranking) -> Estimate:
    """The difference of two AUCs on the same people, with DeLong's interval for pairs."""
    return auc(Ranking(better.goods - other.goods, better.bads - other.bads))


def kolmogorov_smirnov(scores: Sequence[float], repaid: Sequence[bool]) -> float:
    """The largest distance between the two kinds' cumulative shares."""
    goods, bads = _kinds(scores, repaid)
    cuts = np.unique(scores)
    shares = [np.searchsorted(np.sort(kind), cuts, side="right") / len(kind) for kind in (goods, bads)]
    return float(np.abs(shares[0] - shares[1]).max())


def stability(expected: Sequence[float], actual: Sequence[float], edges: Sequence[float]) -> float:
    """Population stability index over the bands that the edges cut: 0 is the same, 0.1 worth a look, 0.25 a shift.

    A band that nobody is in counts as half a person, to stay finite.
    """
    bands = [-np.inf, *edges, np.inf]
    was, is_now = (np.maximum(0.5, np.histogram(scores, bands)[0]) / len(scores) for scores in (expected, actual))
    return float(((is_now - was) * np.log(is_now / was)).sum())


def deciles(scores: Sequence[float]) -> list[float]:
    """Nine edges that cut the scores into ten bands of about the same size; fewer when scores repeat."""
    ordered = sorted(scores)
    return sorted({ordered[len(ordered) * tenth // 10] for tenth in range(1, 10)} - {ordered[0]})


def share(count: int, total: int) -> Share:
    """A share with Wilson's interval."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, total, method="wilson")
    return Share(count / total, float(low), float(high), count, total)


def difference(larger: Share, smaller: Share) -> Estimate:
    """The difference of two independent shares, with Newcombe's interval (built from Wilson's)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        larger.count, larger.total, smaller.count, smaller.total, method="newcomb", compare="diff"
    )
    return Estimate(larger.value - smaller.value, float(low), float(high))


def _kinds(scores: Sequence[float], repaid: Sequence[bool]) -> tuple[Any, Any]:
    """Scores of those who repaid, and of the others."""
    every, good = np.asarray(scores, float), np.asarray(repaid, bool)
    return every[good], every[~good]
