"""Uplift per store: it finds what was planted, as often as it claims to, and nothing where there is nothing."""

import math
import random

import pytest

from lutong_inventory.turnover.domain import (
    WEEKS_LEAST,
    Estimate,
    Interval,
    Side,
    Week,
    between,
    estimate,
    measure,
    pool,
    student,
)

SHOPS = 40
VISION = 1.09
"""A store's revenue grows by 8 to 10 %."""


def a_store(rng: random.Random, growth: float, season: float = 1.0, *, compared: bool = False) -> list[Week]:
    """Twelve weeks a side of a store, whose weeks differ by a tenth and follow one another; all stores have the same season."""
    size, drift = math.exp(rng.gauss(13, 0.5)), 0.0
    weeks = []
    for side, level in (("before", 1.0), ("after", growth * season)):
        for _ in range(12):
            drift = 0.3 * drift + rng.gauss(0, 0.1)
            control = round(10**8 * (season if side == "after" else 1) * math.exp(rng.gauss(0, 0.01)))
            weeks.append(Week(side, round(size * level * math.exp(drift)), control if compared else None))  # type: ignore[arg-type]  # one of the two
    return weeks


def holds(interval: Interval | None, growth: float) -> bool:
    return interval is not None and interval.low <= growth - 1 <= interval.high


def test_the_mean_of_many_stores_is_found_and_covered() -> None:
    rng = random.Random(7)
    covered = found = 0
    for _ in range(200):
        uplift = measure([a_store(rng, VISION * math.exp(rng.gauss(0, 0.04))) for _ in range(SHOPS)])
        covered += holds(uplift.pooled, VISION)
        found += uplift.verdict == "higher"
    assert 183 <= covered <= 198  # 95 % of 200, give or take what is drawn
    assert found == 200


def test_nothing_is_found_where_there_is_nothing() -> None:
    rng = random.Random(8)
    verdicts = [measure([a_store(rng, 1.0) for _ in range(SHOPS)]).verdict for _ in range(200)]
    assert verdicts.count("no_effect_found") >= 182


def test_drawing_stores_together_is_nearer_the_truth() -> None:
    rng = random.Random(9)
    growths = [VISION * math.exp(rng.gauss(0, 0.04)) for _ in range(400)]
    drawn = [a_store(rng, growth) for growth in growths]
    stores = measure(drawn).stores
    errors = {"own": 0.0, "shrunk": 0.0}
    covered = 0
    for growth, store in zip(growths, stores, strict=True):
        assert store.own is not None
        assert store.shrunk is not None
        errors["own"] += (store.own.value - (growth - 1)) ** 2
        errors["shrunk"] += (store.shrunk.value - (growth - 1)) ** 2
        covered += holds(store.own, growth)
    assert errors["shrunk"] < 0.8 * errors["own"]
    assert 0.92 * len(growths) <= covered <= 0.98 * len(growths)
    alone = [estimate(weeks) for weeks in drawn]  # the control: as if weeks had nothing to do with the one before
    assert sum(holds(each.interval, growth) for each, growth in zip(alone, growths, strict=True) if each) < 0.88 * 400


@pytest.mark.parametrize("compared", [True, False])
def test_a_season_of_all_stores_is_no_uplift_where_others_are_compared(compared: bool) -> None:
    rng = random.Random(10)
    uplift = measure([a_store(rng, 1.0, season=1.3, compared=compared) for _ in range(SHOPS)])
    assert uplift.verdict == (
        "no_effect_found" if compared else "higher"
    )  # without others it is taken for one: the control
    assert {store.compared for store in uplift.stores} == {compared}


@pytest.mark.parametrize(("before", "after"), [(WEEKS_LEAST - 1, 20), (20, WEEKS_LEAST - 1), (0, 0)])
def test_of_few_weeks_nothing_is_claimed(before: int, after: int) -> None:
    rng = random.Random(11)
    sides: list[Side] = ["before"] * before + ["after"] * after  # type: ignore[assignment]  # two words
    weeks = [Week(side, rng.randint(90, 110)) for side in sides]
    uplift = measure([weeks])
    assert (uplift.measured, uplift.pooled, uplift.verdict) == (0, None, "not_enough_data")
    assert (uplift.stores[0].own, uplift.stores[0].weeks_before) == (None, before)


def test_a_store_that_took_nothing_or_always_the_same_has_no_estimate() -> None:
    for before, after in ((0, 100), (100, 0), (100, 100)):
        weeks = [Week("before", before)] * 8 + [Week("after", after)] * 8
        assert estimate(weeks) is None


def test_what_orders_take_from_the_counter_is_deducted() -> None:
    rng = random.Random(12)
    before = [Week("before", 1_000 + rng.randint(-50, 50)) for _ in range(12)]
    after = [Week("after", 700 + 300 + rng.randint(-50, 50)) for _ in range(12)]  # counter and orders
    assert measure([before + after]).verdict == "no_effect_found"


def test_stores_that_agree_have_no_spread_and_one_store_is_itself() -> None:
    alike = [Estimate(0.1, 0.01)] * 5
    assert between(alike) == 0
    pooled = pool(alike, 0.0)
    assert pooled is not None
    assert pooled.log == pytest.approx(0.1)
    assert pool(alike[:1], 0.0) == alike[0]
    assert between(alike[:1]) == 0


@pytest.mark.parametrize(("freedom", "quantile"), [(5, 2.571), (7, 2.365), (14, 2.145), (30, 2.042), (1000, 1.962)])
def test_the_quantiles_are_students(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, rel=0.005)
