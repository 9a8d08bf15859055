"""What a member would be charged now, with proof of every unit: the same function settles and answers questions. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from lutong_membership.agreements.domain.accruals import Accrual, Progress, progress
from lutong_membership.plans.domain.terms import ByTimes, Terms


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
