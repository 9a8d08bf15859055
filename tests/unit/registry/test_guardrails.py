"""When a version in gray is taken back: by chance rarely, however often one looks; when it is worse, soon."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_registry.releases.guardrails import (
    ALPHA,
    EXPECTED_MIN,
    REASONS,
    TRIALS_MIN,
    Arm,
    Measured,
    Metric,
    judge,
    odds,
    odds_needed,
)

RUNS = 400
LOOK_EVERY = 20
Stops = Callable[[Measured], bool]


def likely(measured: Measured) -> bool:
    """The test at 5 %: easier to measure than at the level that is used, and the same test."""
    return odds(measured) >= 20


def naive(measured: Measured) -> bool:
    """What is done without a sequential test: look for a p-value below 5 % again and again."""
    gray, control = measured.gray, measured.control
    hits, trials = gray.hits + control.hits, gray.trials + control.trials
    if min(gray.trials, control.trials) < TRIALS_MIN or hits in {0, trials}:
        return False
    variance = hits / trials * (1 - hits / trials) * (1 / gray.trials + 1 / control.trials)
    return (gray.share - control.share) / sqrt(variance) > 1.645


def looks(chance: Random, shares: tuple[float, float], percent: int, metric: Metric, trials: int) -> Iterator[Measured]:
    """What is seen of a version in gray and its control, again and again, while viewers come."""
    counts = [[0, 0], [0, 0]]
    for number in range(1, trials + 1):
        arm = chance.random() * 100 < percent
        counts[arm][0] += 1
        counts[arm][1] += chance.random() < shares[arm]
        if number % LOOK_EVERY == 0:
            yield Measured(1, metric, Arm(*counts[True]), Arm(*counts[False]))


def stopped(stops: Stops, shares: tuple[float, float], percent: int, metric: Metric, trials: int, runs: int) -> float:
    """Of so many versions, the share that is taken back; `shares` are those of hits: of the control, of the version."""
    chance = Random(f"{shares} {percent} {metric}")
    return sum(any(map(stops, looks(chance, shares, percent, metric, trials))) for _ in range(runs)) / runs


@pytest.mark.parametrize(
    ("share", "percent", "metric"),
    [(0.2, 10, "conversion"), (0.2, 50, "conversion"), (0.03, 10, "refunds"), (0.05, 50, "rejections")],
)
def test_a_version_that_is_as_good_is_seldom_taken_back(share: float, percent: int, metric: Metric) -> None:
    alarms = stopped(likely, (share, share), percent, metric, 1_500, RUNS)
    assert alarms <= 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS)


def test_looking_again_and_again_without_the_test_would_be_found() -> None:
    assert stopped(naive, (0.05, 0.05), 50, "rejections", 1_500, RUNS) > 0.15


@pytest.mark.parametrize(
    ("shares", "metric", "trials"),
    [((0.2, 0.1), "conversion", 4_000), ((0.02, 0.1), "rejections", 5_000), ((0.05, 0.15), "refunds", 5_000)],
)
def test_a_version_that_is_worse_is_taken_back_in_time(
    shares: tuple[float, float], metric: Metric, trials: int
) -> None:
    assert stopped(lambda seen: judge(seen) is not None, shares, 10, metric, trials, 40) >= 0.8


def test_a_version_that_is_better_stays() -> None:
    assert stopped(likely, (0.1, 0.2), 50, "conversion", 2_000, 20) == 0
    assert stopped(likely, (0.2, 0.1), 50, "refunds", 2_000, 20) == 0


def test_all_stages_and_metrics_together_stay_within_alpha() -> None:
    assert sum(len(REASONS) / odds_needed(stage) for stage in range(1, 10_000)) <= ALPHA


ARMS = st.integers(0, 5_000).flatmap(lambda n: st.builds(Arm, st.just(n), st.integers(0, n)))


@given(st.sampled_from(sorted(REASONS)), ARMS, ARMS)
def test_any_counts_have_odds_and_few_are_not_judged(metric: Metric, gray: Arm, control: Arm) -> None:
    measured = Measured(1, metric, gray, control)
    assert 0 <= odds(measured) < inf
    if min(gray.trials, control.trials) < TRIALS_MIN or min(gray.hits + control.hits, 10**6) < EXPECTED_MIN:
        assert judge(measured) is None


def test_odds_grow_with_how_much_worse_it_is() -> None:
    for metric, hits in (("conversion", range(200, 140, -10)), ("refunds", range(200, 260, 10))):
        seen = [odds(Measured(1, metric, Arm(1_000, each), Arm(9_000, 1_800))) for each in hits]  # type: ignore[arg-type]  # two of the metrics
        assert all(less < more for less, more in pairwise(seen))


def test_the_reason_is_given_in_two_languages_with_its_figures() -> None:
    evidence = judge(Measured(2, "conversion", Arm(1_000, 80), Arm(9_000, 1_800)))
    assert evidence is not None
    assert evidence.text_en == "In gray 80 orders from 1000 taps; of the control 1800 orders from 9000 taps."
    assert evidence.text_zh == "灰度版本1000 次打开成交 80 单，对照版本9000 次打开成交 1800 单"
    assert (evidence.odds_needed, evidence.odds > 480) == (480, True)
