"""What may be judged of whom, in two steps, and what is decided beforehand rather than fitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lutong_membership.providers.credit.scorecard import Limit, Scale
from tools.scorecard.binning import Candidate

NAME: Final = "scorecard-2"
SCALE: Final = Scale(floor=350, cap=950, base_points=650, base_odds=4.0, points_to_double_the_odds=100)
LIMITS: Final = (Limit(800, 2_000_000), Limit(750, 800_000), Limit(650, 300_000))
"""Policy, not statistics: from so many points on, so much credit, in minor units."""
VALID_DAYS: Final = 30
REASONS_MOST: Final = 4
REASON_POINTS_LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be judged of members of one kind: what is known of everybody, and what of some."""

    title: str
    always: tuple[Candidate, ...]
    sometimes: tuple[Candidate, ...]


_YUAN: Final = 100
_LATE_MONTHS: Final = Candidate(
    name="late_months", reason="paid_late", more_is_worse=True, unit="month", counts=True,
    edges=(1, 2, 3, 4, 5, 6),
)  # fmt: skip
_WORST_DELAY: Final = Candidate(
    name="worst_delay_months", reason="long_delay", more_is_worse=True, unit="month", counts=True,
    edges=(1, 2, 3, 4),
)  # fmt: skip
_UTILISATION: Final = Candidate(
    name="utilisation_percent", reason="high_utilisation", more_is_worse=True, unit="%",
    edges=(5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120),
)  # fmt: skip
_DECLARED_LIMIT: Final = Candidate(
    name="declared_limit_minor", reason="small_declared_limit", more_is_worse=False, unit="yuan", per_unit=_YUAN,
    edges=tuple(
        _YUAN * yuan
        for yuan in (5_000, 7_500, 10_000, 12_500, 15_000, 20_000, 30_000, 40_000, 50_000, 75_000, 100_000)
    ),
)  # fmt: skip
_LATEST_DELAY: Final = Candidate(
    name="latest_delay_months", reason="late_now", more_is_worse=True, unit="month", counts=True,
    edges=(1, 2, 3),
)  # fmt: skip
_REPAID_MONTHLY: Final = Candidate(
    name="repaid_monthly_minor", reason="small_repayments", more_is_worse=False, unit="yuan", per_unit=_YUAN,
    edges=tuple(_YUAN * yuan for yuan in (1, 100, 250, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)),
)  # fmt: skip
_UNPAID_BILLS: Final = Candidate(
    name="unpaid_bills", reason="unpaid_bills", more_is_worse=True, unit="bill", counts=True,
    edges=(1, 2, 3, 4),
)  # fmt: skip
_REPAYMENT_PERCENT: Final = Candidate(
    name="repayment_percent", reason="small_repayments", more_is_worse=False, unit="%",
    edges=(1, 3, 5, 10, 15, 20, 30, 50, 75, 90, 100),
)  # fmt: skip

PLANS: Final[Mapping[str, Plan]] = {
    "on_time": Plan(
        "never late in the last six months",
        always=(_UTILISATION, _DECLARED_LIMIT),
        sometimes=(_REPAID_MONTHLY, _UNPAID_BILLS, _REPAYMENT_PERCENT),
    ),
    "late": Plan(
        "late in at least one of the last six months",
        always=(_LATE_MONTHS, _WORST_DELAY, _UTILISATION, _DECLARED_LIMIT),
        sometimes=(_LATEST_DELAY, _REPAID_MONTHLY, _UNPAID_BILLS, _REPAYMENT_PERCENT),
    ),
}
