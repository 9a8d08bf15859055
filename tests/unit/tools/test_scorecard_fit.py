"""How the scorecard is fitted: the statistics against what is known of them, and the file against the data."""

import gzip
import os
import random
import tomllib
from importlib import import_module
from itertools import pairwise
from math import exp, log
from pathlib import Path
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_membership.providers.credit.scorecard import load
from tools.scorecard import measures
from tools.scorecard.__main__ import REPORT, SCORECARD
from tools.scorecard.binning import Candidate, Case, Cell, coarse_bins, weight_of_evidence
from tools.scorecard.data import FILE, Person, read
from tools.scorecard.evaluate import Evaluation, evaluate
from tools.scorecard.fit import Fitted, fit
from tools.scorecard.regression import Observation, logistic
from tools.scorecard.report import report
from tools.scorecard.write import scorecard_toml

DATA = Path(os.environ.get("LUTONG_CREDIT_DATA") or Path(__file__).parents[4] / "shared" / "data" / "credit")
DELAYS = Candidate(
    name="delay", reason="long_delay", more_is_worse=True, edges=tuple(range(1, 10)), unit="month", counts=True
)

outcomes = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30).filter(
    lambda pairs: len({good for _, good in pairs}) == 2
)


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """What takes seconds to import is there before the time of an example is taken, and not before it is needed."""
    for name in ("scipy.stats", "scipy.optimize", "statsmodels.api"):
        import_module(name)


@given(outcomes)
def test_the_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    goods, bads = ([score for score, good in pairs if good is kind] for kind in (True, False))
    brute = fmean((good > bad) + (good == bad) / 2 for good in goods for bad in bads)
    assert measures.rank([s for s, _ in pairs], [g for _, g in pairs]).auc == pytest.approx(brute)


@given(outcomes)
def test_kolmogorov_smirnov_is_the_largest_distance_of_the_shares_below_a_cut(pairs: list[tuple[int, bool]]) -> None:
    goods, bads = ([score for score, good in pairs if good is kind] for kind in (True, False))
    brute = max(
        abs(sum(s <= cut for s in goods) / len(goods) - sum(s <= cut for s in bads) / len(bads)) for cut in range(6)
    )
    assert measures.kolmogorov_smirnov([s for s, _ in pairs], [g for _, g in pairs]) == pytest.approx(brute)


def test_delongs_intervals_are_as_wide_as_resampled_ones_also_for_pairs() -> None:
    rng = random.Random(1)
    goods = [rng.random() < 0.7 for _ in range(400)]
    strong = [good + rng.gauss(0, 1.0) for good in goods]
    weak = [score + rng.gauss(0, 1.5) for score in strong]
    single, gain = [], []
    for _ in range(400):
        chosen = rng.choices(range(len(goods)), k=len(goods))
        resampled = [goods[i] for i in chosen]
        aucs = [measures.rank([scores[i] for i in chosen], resampled).auc for scores in (strong, weak)]
        single.append(aucs[0])
        gain.append(aucs[0] - aucs[1])
    measured = measures.auc(measures.rank(strong, goods))
    paired = measures.auc_gain(measures.rank(strong, goods), measures.rank(weak, goods))
    assert (measured.high - measured.low) / 2 / measures.Z == pytest.approx(stdev(single), rel=0.12)
    assert (paired.high - paired.low) / 2 / measures.Z == pytest.approx(stdev(gain), rel=0.12)


def test_intervals_of_shares_and_their_difference_are_the_published_ones() -> None:
    """Newcombe 1998: 56 of 70 against 48 of 80 is 0.2000 (0.0524 to 0.3339)."""
    treated, control = measures.share(56, 70), measures.share(48, 80)
    gap = measures.difference(treated, control)
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_population_is_stable_against_itself_and_not_against_another() -> None:
    scores = [float(n) for n in range(100)]
    edges = measures.deciles(scores)
    assert len(edges) == 9
    assert measures.stability(scores, scores, edges) == 0
    assert measures.stability(scores, [score / 2 + 25 for score in scores], edges) > 0.25


def test_the_regression_recovers_what_was_planted_within_its_own_errors() -> None:
    rng, rows = random.Random(2), []
    for _ in range(20_000):
        values = (1.0, float(rng.randrange(3)), float(rng.randrange(2)))
        known = 0.5 * rng.randrange(2)
        chance = 1 / (1 + exp(-(0.3 + 0.7 * values[1] - 1.1 * values[2] + known)))
        rows.append(Observation(values, known, rng.random() < chance))
    fit = logistic(rows)
    assert all(
        abs(value - planted) < 3 * error < 0.2
        for value, planted, error in zip(fit.coefficients, (0.3, 0.7, -1.1), fit.errors, strict=True)
    )
    assert fit.strengths[1] > 10


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_regression_of_one_group_is_its_odds_and_their_textbook_error(goods: int, bads: int) -> None:
    fit = logistic([Observation((1.0,), 0.0, good) for good in (*[True] * goods, *[False] * bads)])
    assert fit.coefficients[0] == pytest.approx(log(goods / bads), abs=1e-9)
    assert fit.errors[0] == pytest.approx((1 / goods + 1 / bads) ** 0.5, rel=1e-5)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(50, 500), st.integers(50, 500))
def test_weight_of_evidence_is_the_textbooks_when_only_the_average_is_known(
    goods: int, bads: int, all_goods: int, all_bads: int
) -> None:
    cell = Cell(None, None, goods, {log(all_goods / all_bads): goods + bads})
    assert weight_of_evidence(cell)[0] == pytest.approx(log((goods / all_goods) / (bads / all_bads)), abs=1e-9)


def test_evidence_that_is_known_already_weighs_nothing() -> None:
    cell = Cell(None, None, repaid=90, people={log(9): 100})
    assert weight_of_evidence(cell)[0] == pytest.approx(0, abs=1e-9)


def test_a_bin_where_all_or_none_repaid_still_has_a_finite_weight() -> None:
    assert 2 < weight_of_evidence(Cell(None, None, repaid=100, people={0.0: 100}))[0] < 8
    assert -8 < weight_of_evidence(Cell(None, None, repaid=0, people={0.0: 100}))[0] < -2


@given(st.integers(0, 2**32), st.floats(-0.5, 0.5))
def test_bins_are_large_enough_lie_side_by_side_and_only_get_worse(seed: int, slope: float) -> None:
    rng = random.Random(seed)
    cases = [
        Case(value, rng.random() < 1 / (1 + exp(-1 + slope * value)), 0.5)
        for value in (rng.randrange(10) for _ in range(600))
    ]
    cells = coarse_bins(DELAYS, cases)
    weights = [weight_of_evidence(cell)[0] for cell in cells]
    assert (cells[0].low, cells[-1].below) == (None, None)
    assert all(left.below == right.low for left, right in pairwise(cells))
    assert sum(cell.size for cell in cells) == len(cases)
    assert len(cells) == 1 or min(cell.size for cell in cells) >= 12
    assert all(left > right for left, right in pairwise(weights))


def test_what_goes_the_wrong_way_or_carries_nothing_is_one_bin() -> None:
    backwards = [Case(value, value > 4, 0.0) for value in range(10) for _ in range(50)]
    assert len(coarse_bins(DELAYS, backwards)) == 1
    forwards = [Case(value, value < 5, 0.0) for value in range(10) for _ in range(50)]
    assert len(coarse_bins(DELAYS, forwards)) == 2


@pytest.fixture(scope="module")
def refitted() -> tuple[list[Person], Fitted, Evaluation]:
    if not (DATA / FILE).exists():
        pytest.skip(
            "the public credit data lies beside the project (../shared/data/credit or LUTONG_CREDIT_DATA), not in it"
        )
    people = read(DATA)
    fitted = fit(people)
    return people, fitted, evaluate(fitted.card, people)


def test_the_scorecard_and_its_report_are_what_the_data_gives(
    refitted: tuple[list[Person], Fitted, Evaluation],
) -> None:
    _, fitted, evaluation = refitted
    written = SCORECARD.read_text(encoding="utf-8")
    fitted_on = tomllib.loads(written)["provenance"]["fitted_on"]
    assert scorecard_toml(fitted, evaluation, fitted_on) == written, "run `make scorecard` and look at what changed"
    assert report(fitted, evaluation) == REPORT.read_text(encoding="utf-8")
    assert load() == fitted.card


def test_the_scorecard_beats_every_single_feature_on_people_it_has_not_seen(
    refitted: tuple[list[Person], Fitted, Evaluation],
) -> None:
    people, _, found = refitted
    assert found.held_out == sum(person.held_out for person in people) > 7_000
    assert found.auc.low > 0.708  # the best single feature of the whole set, from the data's description
    assert found.gain.low > 0  # and the best of the held-out people, found in this very run
    assert found.auc.value - found.auc_trained > -0.02
    assert found.psi < 0.1
    assert sum(band.observed.low <= band.foretold <= band.observed.high for band in found.bands) >= 8


def test_equal_rows_are_on_one_side_of_the_split(refitted: tuple[list[Person], Fitted, Evaluation]) -> None:
    people, _, _ = refitted
    with gzip.open(DATA / FILE, "rt", encoding="utf-8-sig") as lines:
        rows = lines.read().splitlines()[1:]
    sides = {(row, person.held_out) for row, person in zip(rows, people, strict=True)}
    assert len(sides) == len(set(rows)) < len(rows)
