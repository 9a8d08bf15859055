"""Up to which sums one operator decides alone, by currency. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, NamedTuple

AdjustmentKind = Literal["waiver", "write_off", "payout", "line"]
Minors = Mapping[str, int]
"""Amounts in minor units by currency."""

PROPOSAL_LIFE_DEFAULT: Final = timedelta(days=7)
PERIOD_DEFAULT: Final = timedelta(days=30)


class Limits(NamedTuple):
    """Up to which sums one person decides alone: for one member, and over all members."""

    member_minor: int = 0
    operator_minor: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What the platform lets one operator decide alone, by currency. What is not named is nothing."""

    gifts: Minors = field(default_factory=dict)
    gifts_of_operator: Minors = field(default_factory=dict)
    raises: Minors = field(default_factory=dict)
    raises_of_operator: Minors = field(default_factory=dict)
    line_max: Minors = field(default_factory=dict)
    period: timedelta = PERIOD_DEFAULT
    proposal_life: timedelta = PROPOSAL_LIFE_DEFAULT

    def limits(self, kind: AdjustmentKind, currency: str) -> Limits:
        """Up to which sums this may be decided alone."""
        member, operator = (
            (self.raises, self.raises_of_operator) if kind == "line" else (self.gifts, self.gifts_of_operator)
        )
        return Limits(member.get(currency, 0), operator.get(currency, 0))
