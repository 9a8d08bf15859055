"""Where money comes in and goes out: claims, references of a bank, and what operators decide alone or by two.

The sums, references and proposals that PostgreSQL keeps under its locks are plain lists here; each can be left out.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from lutong_membership.agreements.domain.approvals import (
    GIFTS,
    Adjustment,
    Proposal,
    Spent,
    decided,
    decides_alone,
    why_not_theirs,
)
from lutong_membership.repayments.domain import Evidence, Repayment, claim, confirm
from lutong_membership.thresholds import Policy
from lutong_membership.values import Refusal

CNY: Final = "CNY"
OPERATORS: Final = ("ops-1", "ops-2", "m-1")
"""The last one is a member, too."""

POLICY: Final = Policy(
    gifts={CNY: 1_500},
    gifts_of_operator={CNY: 4_000},
    raises={CNY: 10_000},
    raises_of_operator={CNY: 30_000},
    line_max={CNY: 12_000},
    period=timedelta(days=10),
    proposal_life=timedelta(days=3),
)
Without = frozenset[str]


@dataclass(frozen=True, slots=True)
class Done:
    """What was decided: how much it weighs, by whom, who approved it, and when."""

    wanted: Adjustment
    weight_minor: int
    by: str
    approved_by: str | None
    at: datetime


@dataclass(slots=True)
class Till:
    """Claims by id, proposals by id, and all that was decided."""

    without: Without = frozenset()
    claims: dict[str, Repayment] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)

    def claim(self, repayment_id: str, member: str, amount_minor: int, payable_minor: int, now: datetime) -> None:
        """A member asks to pay."""
        asked = Repayment(repayment_id, member, CNY, amount_minor, member, now + timedelta(days=2))
        open_minor = sum(
            one.amount_minor
            for one in self.claims.values()
            if one.member_id == member and one.state == "claimed" and one.expires_at > now
        )
        if not isinstance(claim(asked, payable_minor, open_minor), Refusal):
            self.claims[repayment_id] = asked

    def confirm(self, repayment_id: str, reference: str, operator: str, now: datetime) -> Repayment | None:
        """An operator names a line of a statement; gives what is to be booked."""
        used = {one.reference for one in self.claims.values() if one.state == "confirmed"}
        if reference in used and "reference" not in self.without:
            return None
        asked = self.claims[repayment_id]
        evidence = Evidence("bank", reference, asked.amount_minor, CNY, "icbc")
        outcome = confirm(asked, evidence, operator, now)
        if isinstance(outcome, Refusal):
            return None
        self.claims[repayment_id] = outcome[0]
        return outcome[0]

    def spent(self, wanted: Adjustment, operator: str, now: datetime) -> Spent:
        """What one person decided alone within the period."""
        if "sums" in self.without:
            return Spent()
        kinds = ("line",) if wanted.kind == "line" else GIFTS
        counted = [
            one
            for one in self.done
            if one.approved_by is None and one.wanted.kind in kinds and one.at > now - POLICY.period
        ]
        return Spent(
            sum(one.weight_minor for one in counted if one.wanted.member_id == wanted.member_id),
            sum(one.weight_minor for one in counted if one.by == operator),
        )

    def may(self, wanted: Adjustment, weight_minor: int, operator: str, now: datetime) -> bool:
        """Whether it is done now; else it is proposed, if it may be."""
        if why_not_theirs(operator, frozenset({wanted.member_id})):
            return False
        if decides_alone(POLICY, wanted, weight_minor, self.spent(wanted, operator, now)):
            self.done.append(Done(wanted, weight_minor, operator, None, now))
            return True
        self.proposals[wanted.reference] = Proposal(wanted, operator, now + POLICY.proposal_life)
        return False

    def approve(self, proposal_id: str, operator: str, now: datetime) -> Adjustment | None:
        """Another operator looks at a proposal; gives what is to be done."""
        found = self.proposals[proposal_id]
        looked_at = replace(found, proposed_by="another") if "two" in self.without else found
        if decided(looked_at, "approved", operator, now, frozenset({found.wanted.member_id})) != "now":
            return None
        return found.wanted

    def close(self, wanted: Adjustment, weight_minor: int, operator: str, now: datetime) -> None:
        """It was done, as two decided."""
        found = self.proposals[wanted.reference]
        self.proposals[wanted.reference] = replace(found, state="approved", decided_by=operator)
        self.done.append(Done(wanted, weight_minor, found.proposed_by, operator, now))
