"""What membership changed for a merchant: figures that are right as often as they say, over many experiments."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import exp, sqrt

import pytest

from lutong_membership.plans.domain.uplift import KPIS, Member, Uplift, Z, measure
from tests.unit.membership.uplift_world import NOTHING, PLANTED, Lives, finding, pool, trials, truths

TRIALS = 200


@pytest.fixture(scope="module")
def planted() -> list[Lives]:
    return pool(PLANTED)


@pytest.fixture(scope="module")
def measured(planted: list[Lives]) -> list[Uplift]:
    return [measure(rows, 30) for rows in trials(planted, TRIALS, size=3_000)]


def test_effects_as_large_as_the_articles_are_planted(planted: list[Lives]) -> None:
    assert truths(planted) == pytest.approx(PLANTED, rel=0.06)


@pytest.mark.parametrize("name", [kpi.name for kpi in KPIS])
def test_planted_effects_are_inside_nine_of_ten_intervals_and_more(
    name: str, planted: list[Lives], measured: list[Uplift]
) -> None:
    truth = truths(planted)[name]
    found = [finding(each, name) for each in measured]
    assert all(each.ratio is not None for each in found)
    inside = sum(each.ratio.low <= truth <= each.ratio.high for each in found if each.ratio)
    assert 0.90 <= inside / TRIALS <= 0.995
    assert sum(each.verdict == "higher" for each in found) / TRIALS > 0.4
    assert not any(each.verdict == "lower" for each in found)


def test_without_an_effect_one_interval_in_twenty_finds_one() -> None:
    alarms = Counter(
        found.name
        for rows in trials(pool(NOTHING), TRIALS)
        for found in measure(rows, 30).kpis
        if found.verdict in {"higher", "lower"}
    )
    assert set(alarms) <= {kpi.name for kpi in KPIS}
    assert all(1 <= alarms[kpi.name] <= 20 for kpi in KPIS)  # 10 expected; binomial, outside once in 1,400
    assert 25 <= alarms.total() <= 80


def test_negative_control_coupons_taken_one_by_one_would_be_far_too_sure(planted: list[Lives]) -> None:
    """What counting members is for: a member's coupons are used together, or not at all."""
    truth = truths(planted)["coupon_use"]

    def inside(rows: Sequence[Member]) -> bool:
        shares = []
        for arm in ("treated", "holdout"):
            issued = sum(member.coupons_issued for member in rows if member.arm == arm)
            used = sum(member.coupons_redeemed for member in rows if member.arm == arm)
            shares.append((used / issued, (1 - used / issued) / used))
        (treated, one), (holdout, other) = shares
        half = Z * sqrt(one + other)
        return treated / holdout * exp(-half) <= truth <= treated / holdout * exp(half)

    assert sum(map(inside, trials(planted, TRIALS))) / TRIALS < 0.85


# Whether the arms can be compared


def test_an_honest_assignment_passes_every_check(measured: list[Uplift]) -> None:
    failed = [check for each in measured for check in each.checks if not check.passed]
    assert len(failed) <= 4  # 800 checks at one in a thousand
    assert {check.name for check in measured[0].checks} == {
        "sample_ratio",
        "exposure_days",
        "orders_before",
        "paid_before",
    }


def leaking(rows: Sequence[Member], *, swap: bool) -> Iterator[Member]:
    """Some old customers of the holdout get themselves treated; when swapped, newcomers make up the number."""
    rng, owed = random.Random(5), 0
    for row in rows:
        if row.arm == "holdout" and row.orders_before and rng.random() < 0.5:
            owed += 1
            yield replace(row, arm="treated")
        elif swap and owed and row.arm == "treated" and not row.orders_before:
            owed -= 1
            yield replace(row, arm="holdout")
        else:
            yield row


@pytest.mark.parametrize(("swap", "caught"), [(False, "sample_ratio"), (True, "orders_before")])
def test_members_who_choose_their_arm_are_noticed(swap: bool, caught: str) -> None:
    (rows,) = trials(pool(NOTHING, size=4_000), 1, size=3_000)
    leaked = measure(list(leaking(rows, swap=swap)), 30)
    assert measure(rows, 30).sound
    assert not leaked.sound
    assert caught in {check.name for check in leaked.checks if not check.passed}
