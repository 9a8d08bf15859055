"""What one person may decide alone, and what two decide together. Pure.

Sums count, not single steps: all that one member was given, and all that one operator gave away, by one
person alone within a period. Without a threshold for its currency everything needs two people. Who proposes
does not approve, and whom it concerns does neither.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from lutong_membership.thresholds import AdjustmentKind, Policy
from lutong_membership.values import Refusal

GIFTS: Final[tuple[AdjustmentKind, ...]] = ("waiver", "write_off", "payout")
"""What gives money away: added up together, so that a payout and a waiver do not pass one after the other."""


class Spent(NamedTuple):
    """What was decided by one person alone within the period: for this member, and by this operator."""

    member_minor: int = 0
    operator_minor: int = 0


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What an operator wants done. Of a line `amount_minor` is the limit; of a write-off, what is unpaid when it is done."""

    reference: str
    kind: AdjustmentKind
    member_id: str
    currency: str
    amount_minor: int
    reason: str
    agreement_id: str | None = None
    debt_id: str | None = None


def counted_with(kind: AdjustmentKind) -> tuple[AdjustmentKind, ...]:
    """What is added up with this: gifts of all kinds together, raises of lines on their own."""
    return ("line",) if kind == "line" else GIFTS


def weight(wanted: Adjustment, target_minor: int) -> int:
    """What counts towards the sums: of a line, how much it is raised above the limit that was decided before."""
    return max(0, wanted.amount_minor - target_minor) if wanted.kind == "line" else wanted.amount_minor


def decides_alone(policy: Policy, wanted: Adjustment, weight_minor: int, spent: Spent) -> bool:
    """Whether one person is enough: within both sums and, for a line that is raised, within the largest line."""
    if not weight_minor:
        return True
    if wanted.kind == "line" and wanted.amount_minor > policy.line_max.get(wanted.currency, 0):
        return False
    limits = policy.limits(wanted.kind, wanted.currency)
    return (
        spent.member_minor + weight_minor <= limits.member_minor
        and spent.operator_minor + weight_minor <= limits.operator_minor
    )


ProposalState = Literal["open", "approved", "rejected", "expired"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one person proposed, and what became of it. Dunning proposes, too, as `ladder`."""

    wanted: Adjustment
    proposed_by: str
    expires_at: datetime
    state: ProposalState = "open"
    decided_by: str | None = None


Verdict = Literal["approved", "rejected"]


def why_not_theirs(subject: str, concerned: frozenset[str]) -> Refusal | None:
    """Why a person may not decide about this at all: it is their own business."""
    if subject in concerned:
        return Refusal("own_business", "whom it concerns neither proposes nor approves it: ask another operator")
    return None


def why_not_as_proposed(wanted: Adjustment, amount_minor: int) -> Refusal | None:
    """Why a proposal is not carried out: it comes to more by now than the operator who approved it looked at."""
    if amount_minor <= wanted.amount_minor:
        return None
    detail = f"it comes to {amount_minor} minor units by now: propose it anew"
    return Refusal("amount_changed", detail, {"amount_minor": amount_minor})


def decided(
    proposal: Proposal, verdict: Verdict, subject: str, now: datetime, concerned: frozenset[str]
) -> Refusal | Literal["now", "before"]:
    """Whether a verdict takes effect now, or did before: the same verdict twice gets the same answer."""
    if proposal.proposed_by == subject:
        return Refusal("own_proposal", "who proposed it cannot decide on it: ask another operator")
    if refusal := why_not_theirs(subject, concerned):
        return refusal
    if (proposal.state, proposal.decided_by) == (verdict, subject):
        return "before"
    if proposal.state == "expired" or (proposal.state == "open" and proposal.expires_at <= now):
        return Refusal("proposal_expired", "the proposal expired: propose it anew")
    if proposal.state != "open":
        return Refusal("proposal_closed", f"the proposal is {proposal.state}")
    return "now"
