"""What a report on membership says: arms that nobody chooses, and figures as their definitions give them."""

import json
from collections import Counter
from dataclasses import asdict, replace
from math import exp, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.offers import Arm, arm_of
from lutong_membership.plans.domain.uplift import Member, Z, balance, measure, sample_ratio
from tests.unit.membership.uplift_world import finding

identifiers = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


def members(arm: Arm, count: int, **each: Any) -> list[Member]:  # whatever a test says
    return [Member(arm=arm, **{"exposure_days": 30.0} | each) for _ in range(count)]


def buyers(arm: Arm, count: int) -> list[Member]:
    return [Member(arm=arm, exposure_days=30, orders=1, paid_minor=100 + n) for n in range(count)]


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
        "repurchase": (1 / 2, 2),
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


# Whether the arms can be compared


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
