"""What light membership changed for a merchant: members who were offered it against members who were held out. Pure.

Attribution alone is correlation. So a share of each merchant's members is held out at random and
for good (`lutong_contracts.offers.arm_of`), and both arms are counted from the same moment on: when a member first comes to
the point where the offer would be made, whether it is made or not. That moment is their exposure.

Every figure is a ratio of two sums over the members of an arm (`KPIS`), and members, not orders,
are what was drawn at random: a member's orders resemble each other. So variances are of members'
residuals (the delta method for a ratio of sums), which needs one pass and no random draws; the simulation
in tests/unit/membership/test_uplift.py holds it to its 95 %, against a naive variance that fails.
The ratio's interval is built on the logarithm, where it is symmetric; it decides the verdict.

Read with care: order value and frequency look at buyers only. When membership brings buyers who
would not have come, they are part of the difference. Six figures at 95 % alarm once in four looks
where there is nothing, and looking every day does so sooner: fix the window beforehand.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

from lutong_contracts.offers import Arm

Verdict = Literal["higher", "lower", "no_effect_found", "not_enough_data"]

Z: Final = NormalDist().inv_cdf(0.975)
MEMBERS_LEAST: Final = 30
"""So many members of an arm must have something to count, and a third of them something that counts."""
ALARM_P: Final = 0.001
"""A check that fails this clearly is no accident; the usual 5 % would cry wolf at every twentieth look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One exposed member in the window. Orders are paid ones; amounts are net of coupons and discounts.

    What lies before the exposure (`orders_before`, `paid_before_minor`) cannot be an effect: it
    shows whether the arms were alike to begin with.
    """

    arm: Arm
    exposure_days: float
    orders: int = 0
    paid_minor: int = 0
    first_order_in_window: bool = False
    consulted: int = 0
    signed: int = 0
    coupons_issued: int = 0
    coupons_redeemed: int = 0
    orders_before: int = 0
    paid_before_minor: int = 0


REPURCHASE_ORDERS: Final = 2
"""So many orders of a buyer are a repurchase."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """A figure: the sum of `counted` over the sum of `per`. The definition is shown with it."""

    name: str
    definition: str
    unit: Literal["minor", "orders", "share"]
    counted: Callable[[Member], float]
    per: Callable[[Member], float]


KPIS: Final = (
    Kpi(
        "order_value",
        "paid per order, net of coupons and discounts",
        "minor",
        lambda member: member.paid_minor,
        lambda member: member.orders,
    ),
    Kpi(
        "order_frequency",
        "orders per buyer in 30 days of exposure; a buyer has at least one order in the window",
        "orders",
        lambda member: member.orders,
        lambda member: member.exposure_days / 30 if member.orders else 0,
    ),
    Kpi(
        "repurchase",
        "buyers with a second order in the window, of all buyers",
        "share",
        lambda member: member.orders >= REPURCHASE_ORDERS,
        lambda member: member.orders > 0,
    ),
    Kpi(
        "new_customers",
        "members whose first paid order with the merchant falls in the window, of all who were exposed",
        "share",
        lambda member: member.first_order_in_window,
        lambda _: 1,
    ),
    Kpi(
        "card_opening",
        "agreements signed, of those consulted",
        "share",
        lambda member: member.signed,
        lambda member: member.consulted,
    ),
    Kpi(
        "coupon_use",
        "coupons redeemed, of those issued",
        "share",
        lambda member: member.coupons_redeemed,
        lambda member: member.coupons_issued,
    ),
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure, treated against holdout. `n` counts members with something to count."""

    name: str
    definition: str
    unit: str
    treated: float | None
    holdout: float | None
    n_treated: int
    n_holdout: int
    difference: Interval | None
    ratio: Interval | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the arms can be compared at all. The p-value is None when there is too little data."""

    name: str
    passed: bool
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Uplift:
    """The report on a merchant's plan. Findings of a comparison that is not sound mean nothing."""

    holdout_percent: float
    members: Mapping[Arm, int]
    sound: bool
    checks: tuple[Check, ...]
    kpis: tuple[Finding, ...]


def measure(members: Sequence[Member], holdout_percent: float) -> Uplift:
    """Compare the arms: checks first, then the figures."""
    counts = Counter(member.arm for member in members)
    checks = (
        sample_ratio(counts["treated"], counts["holdout"], holdout_percent),
        balance("exposure_days", members, lambda member: member.exposure_days),
        balance("orders_before", members, lambda member: member.orders_before),
        balance("paid_before", members, lambda member: member.paid_before_minor),
    )
    return Uplift(
        holdout_percent=holdout_percent,
        members={"treated": counts["treated"], "holdout": counts["holdout"]},
        sound=all(check.passed for check in checks),
        checks=checks,
        kpis=tuple(_finding(kpi, members) for kpi in KPIS),
    )


def sample_ratio(treated: int, holdout: int, holdout_percent: float) -> Check:
    """Whether as many were held out as should be (chi-square, one degree of freedom).

    A mismatch means that the arms were not drawn by the hash alone, or that one arm's members
    are counted from another moment than the other's.
    """
    share = holdout_percent / 100
    expected = (treated + holdout) * share
    spread = expected * (1 - share)
    if not spread:
        return Check("sample_ratio", passed=holdout == expected, p_value=None)
    if spread < 5:
        return Check("sample_ratio", passed=True, p_value=None)
    return _check("sample_ratio", (holdout - expected) / math.sqrt(spread))


def balance(name: str, members: Sequence[Member], of: Callable[[Member], float]) -> Check:
    """Whether the arms had the same mean of something that membership cannot have changed (Welch's z)."""
    arms = [
        _sums(_Observation(of(member), 1.0) for member in members if member.arm == arm)
        for arm in ("treated", "holdout")
    ]
    if any(arm.members < MEMBERS_LEAST for arm in arms):
        return Check(name, passed=True, p_value=None)
    error = math.sqrt(sum(arm.variance for arm in arms))
    gap = arms[0].value - arms[1].value
    return _check(name, gap / error) if error else Check(name, passed=not gap, p_value=None)


def _check(name: str, z: float) -> Check:
    p_value = math.erfc(abs(z) / math.sqrt(2))
    return Check(name, p_value >= ALARM_P, p_value)


class _Observation(NamedTuple):
    """What is counted of one member, and what it is divided by."""

    counted: float
    per: float


@dataclass(frozen=True, slots=True)
class _Sums:
    """A ratio of sums over members, and what its variance is made of."""

    members: int  # with something to count
    counting: int  # with something that counts
    value: float
    variance: float

    @property
    def enough(self) -> bool:
        """Whether a normal approximation may be trusted."""
        return self.members >= MEMBERS_LEAST and self.counting >= MEMBERS_LEAST / 3 and self.variance > 0


def _sums(observations: Iterable[_Observation]) -> _Sums:
    """Add up what members did. Those with nothing to count add nothing to any sum."""
    counting = [each for each in observations if each.per]
    size, whole = len(counting), sum(each.per for each in counting)
    if size < 2:
        return _Sums(size, 0, 0.0, 0.0)
    value = sum(each.counted for each in counting) / whole
    residuals = sum((each.counted - value * each.per) ** 2 for each in counting)
    variance = size / (size - 1) * residuals / whole**2
    return _Sums(size, sum(each.counted > 0 for each in counting), value, variance)


def _finding(kpi: Kpi, members: Sequence[Member]) -> Finding:
    treated, holdout = (
        _sums(_Observation(kpi.counted(member), kpi.per(member)) for member in members if member.arm == arm)
        for arm in ("treated", "holdout")
    )
    difference = ratio = None
    verdict: Verdict = "not_enough_data"
    if treated.enough and holdout.enough:
        difference = _difference(treated, holdout)
        ratio = _ratio(treated, holdout)
        verdict = "higher" if ratio.low > 1 else "lower" if ratio.high < 1 else "no_effect_found"
    return Finding(
        name=kpi.name,
        definition=kpi.definition,
        unit=kpi.unit,
        treated=treated.value if treated.members else None,
        holdout=holdout.value if holdout.members else None,
        n_treated=treated.members,
        n_holdout=holdout.members,
        difference=difference,
        ratio=ratio,
        verdict=verdict,
    )


def _difference(treated: _Sums, holdout: _Sums) -> Interval:
    gap = treated.value - holdout.value
    half = Z * math.sqrt(treated.variance + holdout.variance)
    return Interval(gap, gap - half, gap + half)


def _ratio(treated: _Sums, holdout: _Sums) -> Interval:
    ratio = treated.value / holdout.value
    half = Z * math.sqrt(treated.variance / treated.value**2 + holdout.variance / holdout.value**2)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half))
