"""What counts towards an obligation, what was enjoyed, and what would be charged for it now, with proof of every unit. Pure.

One accrual per business id, in business time. An accrual never changes: a refund is an accrual of its own that cites
the one it takes back. The same function settles and answers questions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from lutong_membership.plans.domain.terms import ByTimes, Obligation, Terms, Times

AccrualKind = Literal["order", "refund", "right", "right_reversed"]
Effect = Literal["counted", "credited", "late", "outside"]

COUNTS: Final[tuple[Effect, ...]] = ("counted", "credited")
"""`counted` came before the settlement, `credited` after it and in the member's favour.
`late` came too late to have an effect, `outside` did not happen in the term."""


class RefundBeyondAccrualError(ValueError):
    """More is taken back than there is: a bug upstream, to be set aside and looked at."""


@dataclass(frozen=True, slots=True)
class Accrual:
    """Something of business that happened `at`: times and amount towards the obligation, and the benefit enjoyed."""

    accrual_id: str
    agreement_id: str
    kind: AccrualKind
    at: datetime
    times: int = 0
    amount_minor: int = 0
    benefit_minor: int = 0
    order_id: str | None = None
    right_id: str | None = None
    cites: str | None = None
    effect: Effect = "counted"

    @property
    def counts(self) -> bool:
        """Whether it is part of what is settled."""
        return self.effect in COUNTS


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member came, and what they enjoyed, net of what was taken back."""

    times: int = 0
    amount_minor: int = 0
    benefit_minor: int = 0

    def fulfils(self, obligation: Obligation | None) -> bool:
        """Whether that is what the plan asks for. A plan that asks for nothing is fulfilled."""
        if obligation is None:
            return True
        if isinstance(obligation, Times):
            return self.times >= obligation.times
        return self.amount_minor >= obligation.amount_minor


def progress(accruals: Iterable[Accrual]) -> Progress:
    """The sum of what counts."""
    counted = [accrual for accrual in accruals if accrual.counts]
    return Progress(
        sum(accrual.times for accrual in counted),
        sum(accrual.amount_minor for accrual in counted),
        sum(accrual.benefit_minor for accrual in counted),
    )


def share(benefit_minor: int, part_minor: int, whole_minor: int) -> int:
    """What is left of a benefit when part of an order is left. Rounded down: a fraction is not charged."""
    return benefit_minor * part_minor // whole_minor if whole_minor else 0


def reversal(accrual_id: str, cited: Accrual, before: Sequence[Accrual], amount_minor: int, at: datetime) -> Accrual:
    """Take part of an accrual back, or all of it; `before` is what was taken back of it already.

    The benefit shrinks with the order: what is left is rounded down each time, so that nothing is
    left of a whole refund, however many parts it came in. An order counts as long as some of it stays.
    """
    left_before_minor = cited.amount_minor + sum(earlier.amount_minor for earlier in before)
    left_minor = left_before_minor - amount_minor
    if left_minor < 0:
        message = f"{accrual_id}: {amount_minor} taken back of {cited.accrual_id}, which has {left_before_minor} left"
        raise RefundBeyondAccrualError(message)
    benefit_left_minor = cited.benefit_minor + sum(earlier.benefit_minor for earlier in before)
    return replace(
        cited,
        accrual_id=accrual_id,
        kind="right_reversed" if cited.kind == "right" else "refund",
        at=at,
        cites=cited.accrual_id,
        times=-cited.times if left_before_minor and not left_minor else 0,
        amount_minor=-amount_minor,
        benefit_minor=share(cited.benefit_minor, left_minor, cited.amount_minor) - benefit_left_minor,
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """One line of a quote: what, for which business id, and by how much it changes the charge."""

    what: str
    reference: str | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What is charged, and why. The amounts of the proof add up to the charge."""

    progress: Progress
    fulfilled: bool
    benefit_minor: int
    cap_minor: int
    charge_minor: int
    proof: tuple[Proof, ...]


def quote(terms: Terms, accruals: Sequence[Accrual], *, free: bool = False) -> Quote:
    """Settle as if the term ended now. `free` is the quit of a member who may leave at no cost.

    Never more than what was enjoyed, net of what was taken back, and never more than the cap that
    was shown; nothing at all when the obligation is fulfilled.
    """
    reached = progress(accruals)
    fulfilled = reached.fulfils(terms.obligation)
    proof = [Proof(a.kind, a.accrual_id, a.benefit_minor) for a in accruals if a.counts and a.benefit_minor]
    charge_minor = benefit_minor = max(0, reached.benefit_minor)

    def lowered(what: str, to_minor: int) -> None:
        nonlocal charge_minor
        if to_minor < charge_minor:
            proof.append(Proof(what, None, to_minor - charge_minor))
            charge_minor = to_minor

    if fulfilled:
        lowered("fulfilled", 0)
    if free:
        lowered("cooling_off", 0)
    if isinstance(terms.settlement, ByTimes):
        lowered("tier", _tier(terms.settlement, reached.times))
    lowered("cap", terms.cap_minor)
    if terms.withholding and charge_minor <= terms.withholding.exempt_minor:
        lowered("exempt", 0)
    return Quote(reached, fulfilled, benefit_minor, terms.cap_minor, charge_minor, tuple(proof))


def _tier(settlement: ByTimes, times: int) -> int:
    """The charge of the highest tier that was reached."""
    return [tier.charge_minor for tier in settlement.tiers if tier.times <= max(0, times)][-1]
