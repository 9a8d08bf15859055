"""What membership changed for a merchant: arms that nobody chooses, figures that are right as often as they say."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from math import exp, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_membership.plans.domain.uplift import (
    KPIS,
    Arm,
    Finding,
    Member,
    Uplift,
    Z,
    arm_of,
    balance,
    measure,
    sample_ratio,
)
from tests.unit.membership.uplift_world import NOTHING, PLANTED, Lives, pool, trials, truths

TRIALS = 200
identifiers = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


def members(arm: Arm, count: int, **each: Any) -> list[Member]:  # whatever a test says
    return [Member(arm=arm, **{"exposure_days": 30.0} | each) for _ in range(count)]


def buyers(arm: Arm, count: int) -> list[Member]:
    return [Member(arm=arm, exposure_days=30, orders=1, paid_minor=100 + n) for n in range(count)]


def finding(measured: Uplift, name: str) -> Finding:
    return next(found for found in measured.kpis if found.name == name)


# Arms


@given(identifiers, identifiers, identifiers, identifiers, st.floats(0, 100), st.floats(0, 100))
def test_a_larger_holdout_holds_out_the_same_members_and_more(
    member: str, merchant: str, plan: str, salt: str, one: float, other: float
) -> None:
    smaller, larger = sorted((one, other))
    if arm_of(member, merchant, plan, salt, smaller) == "holdout":
        assert arm_of(member, merchant, plan, salt, larger) == "holdout"
    assert arm_of(member, merchant, plan, salt, 0) == "treated"
    assert arm_of(member, merchant, plan, salt, 100) == "holdout"


def test_an_arm_is_for_ever() -> None:
    """Spelled out: an arm that changes with a release would break every comparison that runs."""
    arms = [arm_of(f"m-{n}", "watsons", "light", "salt", 50) for n in range(12)]
    assert "".join(arm[0] for arm in arms) == "hthhthtthttt"


@pytest.mark.parametrize("percent", [5, 10, 50, 90])
def test_arms_are_as_large_as_they_should_be(percent: float) -> None:
    counts = Counter(arm_of(f"m-{n}", "shop", "light", "salt", percent) for n in range(20_000))
    assert sample_ratio(counts["treated"], counts["holdout"], percent).passed


@pytest.mark.parametrize("part", ["merchant_id", "plan_id", "salt"])
def test_arms_of_different_merchants_plans_and_salts_are_independent(part: str) -> None:
    same = {"merchant_id": "shop", "plan_id": "light", "salt": "salt"}
    other = same | {part: "other"}
    pairs = Counter(
        (arm_of(f"m-{n}", **same, holdout_percent=50), arm_of(f"m-{n}", **other, holdout_percent=50))
        for n in range(20_000)
    )
    assert all(abs(count - 5_000) < 4 * sqrt(20_000 * 0.25 * 0.75) for count in pairs.values())
    assert len(pairs) == 4


@pytest.mark.parametrize("percent", [-1, 100.5, float("nan")])
def test_a_holdout_that_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        arm_of("m", "shop", "light", "salt", percent)


# Figures


def test_each_figure_is_what_its_definition_gives() -> None:
    """Two members by hand: 3 orders for 30,000 in 30 days; 1 first order for 5,000 in 60 days."""
    life = Member(arm="treated", exposure_days=30, consulted=1, coupons_issued=4)
    rows = [
        replace(life, orders=3, paid_minor=30_000, signed=1, coupons_redeemed=3),
        replace(life, exposure_days=60, orders=1, paid_minor=5_000, first_order_in_window=True),
        Member(arm="treated", exposure_days=90),
    ]
    measured = measure(rows, 0)
    figures = {found.name: (found.treated, found.n_treated) for found in measured.kpis}
    assert figures == {
        "order_value": (8_750, 2),
        "order_frequency": (4 / 3, 2),
        "new_customers": (1 / 3, 3),
        "card_opening": (1 / 2, 2),
        "coupon_use": (3 / 8, 2),
    }
    assert {found.verdict for found in measured.kpis} == {"not_enough_data"}
    assert measured.members == {"treated": 3, "holdout": 0}


def test_an_interval_is_the_textbooks_for_shares() -> None:
    """120 of 400 against 80 of 400: the log ratio's variance is (1-p)/(np) of each arm, with n-1 for n."""
    rows = [
        *members("treated", 120, first_order_in_window=True), *members("treated", 280),
        *members("holdout", 80, first_order_in_window=True), *members("holdout", 320),
    ]  # fmt: skip
    found = finding(measure(rows, 50), "new_customers")
    half = Z * sqrt((0.7 / 0.3 + 0.8 / 0.2) / 399)
    assert found.ratio is not None
    assert found.difference is not None
    assert (found.ratio.value, found.ratio.low, found.ratio.high) == pytest.approx(
        (1.5, 1.5 * exp(-half), 1.5 * exp(half))
    )
    half = Z * sqrt((0.3 * 0.7 + 0.2 * 0.8) / 399)
    assert (found.difference.low, found.difference.high) == pytest.approx((0.1 - half, 0.1 + half))
    assert found.verdict == "higher"


@pytest.mark.parametrize(
    ("treated", "holdout"),
    [
        ([], []),
        (buyers("treated", 500), []),
        (buyers("treated", 500), [*buyers("holdout", 29), *members("holdout", 471)]),
        ([*buyers("treated", 29), *members("treated", 471)], buyers("holdout", 500)),
        (members("treated", 500), members("holdout", 500)),
        (members("treated", 500, orders=1, paid_minor=7), members("holdout", 500, orders=1, paid_minor=7)),
    ],
    ids=["nobody", "no holdout", "too few held out", "too few treated", "nobody buys", "nothing varies"],
)
def test_too_little_to_tell_is_an_answer(treated: list[Member], holdout: list[Member]) -> None:
    found = finding(measure([*treated, *holdout], 50), "order_value")
    assert (found.verdict, found.ratio, found.difference) == ("not_enough_data", None, None)


@pytest.mark.parametrize(("new", "verdict"), [(9, "not_enough_data"), (10, "lower")])
def test_a_share_of_a_handful_is_too_little_to_tell(new: int, verdict: str) -> None:
    few = [*members("treated", new, first_order_in_window=True), *members("treated", 500 - new)]
    many = [*members("holdout", 200, first_order_in_window=True), *members("holdout", 300)]
    assert finding(measure([*few, *many], 50), "new_customers").verdict == verdict


def test_the_report_is_json() -> None:
    document = json.loads(json.dumps(asdict(measure(members("treated", 40, orders=1), 50))))
    assert document["members"] == {"treated": 40, "holdout": 0}
    assert document["kpis"][0]["ratio"] is None


# Over many experiments


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


@pytest.mark.parametrize(
    ("treated", "holdout", "percent", "passed"),
    [
        (700, 300, 30, True), (650, 350, 30, False), (1000, 0, 0, True), (999, 1, 0, False), (0, 1000, 100, True),
        (1, 999, 100, False), (3, 1, 30, True), (0, 0, 30, True),
    ],
)  # fmt: skip
def test_the_sample_ratio_is_held_to_what_was_meant(treated: int, holdout: int, percent: float, passed: bool) -> None:
    assert sample_ratio(treated, holdout, percent).passed is passed


def test_a_constant_that_differs_between_the_arms_is_no_balance() -> None:
    rows = [*members("treated", 50, orders_before=1), *members("holdout", 50, orders_before=2)]
    assert not balance("orders_before", rows, lambda member: member.orders_before).passed
    assert balance("exposure_days", rows, lambda member: member.exposure_days).passed
