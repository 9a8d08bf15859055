"""Whether a version in gray is worse than its control, decided after each event without waiting for a sample to be full.

A mixture sequential probability ratio test: how much likelier is what was seen if the version is worse, by an amount that is half normal
with the scale `EFFECT`, than if it is not? Under the second the odds exceed 1/alpha at any time with a probability of at most alpha (Ville),
so looking after each event costs nothing. Pure: no clock, no database.
"""

from math import erfc, exp, log, pi, sqrt
from typing import Final, Literal, NamedTuple

from lutong_contracts.registry import Evidence

Metric = Literal["conversion", "rejections", "short_picks", "refunds"]

ALPHA: Final = 0.05
"""How probable it is at most that a version which is as good as its control is taken back, over all metrics and all stages."""
EFFECT: Final = 0.2
"""The scale of what is looked for, in standard deviations of one trial: 8 points of a conversion of 20 %."""
TRIALS_MIN: Final = 100
"""Of each of the two: below, nothing is decided."""
EXPECTED_MIN: Final = 10
"""Of hits, and of trials without one, that are expected of each of the two: below, the normal approximation is not to be believed."""

SHORT_OF_GOODS: Final = frozenset({"sold_out", "damaged", "short"})
"""Why a location declines an order whose goods it has not; a rush hour is no version's fault."""

REASONS: Final[dict[Metric, str]] = {
    "conversion": "conversion_fell",
    "rejections": "rejections_rose",
    "short_picks": "short_picks_rose",
    "refunds": "refunds_rose",
}
_ENGLISH: Final[dict[Metric, str]] = {
    "conversion": "orders from {} taps",
    "rejections": "of {} orders rejected",
    "short_picks": "of {} orders short in their store",
    "refunds": "of {} fulfilled orders refunded",
}
_CHINESE: Final[dict[Metric, str]] = {
    "conversion": "{} 次打开成交 {} 单",
    "rejections": "{} 单中 {} 单被拒",
    "short_picks": "{} 单中 {} 单门店缺货",
    "refunds": "{} 单完成后 {} 单退款",
}
_ODDS_MAX: Final = 10**12


class Arm(NamedTuple):
    """Of so many trials so many hits."""

    trials: int
    hits: int

    @property
    def share(self) -> float:
        """Hits per trial."""
        return self.hits / self.trials


class Measured(NamedTuple):
    """What came of a metric at one stage, in gray and of the control."""

    stage: int
    metric: Metric
    gray: Arm
    control: Arm


def odds_needed(stage: int) -> int:
    """The odds at which a stage ends the version. Later stages need more, so that all of any number stay within `ALPHA`.

    >>> [odds_needed(stage) for stage in (1, 2, 3)]
    [160, 480, 960]
    """
    return round(len(REASONS) * stage * (stage + 1) / ALPHA)


def odds(measured: Measured) -> float:
    """How much likelier this is when the version is worse; 0 below the minimum sample."""
    gray, control = measured.gray, measured.control
    hits, trials = gray.hits + control.hits, gray.trials + control.trials
    pooled, fewer = hits / max(trials, 1), min(gray.trials, control.trials)
    if fewer < TRIALS_MIN or fewer * min(pooled, 1 - pooled) < EXPECTED_MIN:
        return 0.0
    worse = control.share - gray.share if measured.metric == "conversion" else gray.share - control.share
    size = 1 / (1 / gray.trials + 1 / control.trials)
    z = worse / sqrt(pooled * (1 - pooled) / size)
    spread = EFFECT**2 * size
    exponent = spread * z**2 / (2 * (1 + spread)) - log(1 + spread) / 2
    tail = _twice_normal(z * sqrt(spread / (1 + spread)))
    return min(float(_ODDS_MAX), exp(min(exponent, log(_ODDS_MAX))) * tail)


def _twice_normal(z: float) -> float:
    """Twice the normal distribution function. Far left it is taken from its expansion, which does not round to 0."""
    return erfc(-z / sqrt(2)) if z > -30 else 2 * exp(-z * z / 2) / (-z * sqrt(2 * pi))


def judge(measured: Measured) -> Evidence | None:
    """Why the version is taken back, if it is."""
    reached, needed = odds(measured), odds_needed(measured.stage)
    if reached < needed:
        return None
    gray, control = measured.gray, measured.control
    return Evidence(
        metric=measured.metric,
        gray_trials=gray.trials,
        gray_hits=gray.hits,
        control_trials=control.trials,
        control_hits=control.hits,
        odds=int(reached),
        odds_needed=needed,
        text_zh=f"灰度版本{_chinese(measured.metric, gray)}，对照版本{_chinese(measured.metric, control)}",
        text_en=f"In gray {_english(measured.metric, gray)}; of the control {_english(measured.metric, control)}.",
    )


def _english(metric: Metric, arm: Arm) -> str:
    return f"{arm.hits} {_ENGLISH[metric].format(arm.trials)}"


def _chinese(metric: Metric, arm: Arm) -> str:
    return _CHINESE[metric].format(arm.trials, arm.hits)
