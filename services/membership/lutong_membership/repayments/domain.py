"""Repayments: a member asks to pay, evidence decides, and only then money is booked. Pure.

Evidence is the receipt of a payment provider, or the reference of a bank statement that an operator read. A claim
that was sent to the provider may have been paid: only the provider ends it. Claims without evidence expire.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from lutong_contracts.membership import RepaymentClaimed, RepaymentConfirmed, RepaymentLapsed, RepaymentRejected
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.collection import Part
from lutong_membership.ledger.domain.entries import Entry, LineKey, Source, pair
from lutong_membership.values import Emitted, Refusal

RepaymentState = Literal["claimed", "sent", "unknown", "confirmed", "rejected"]
Witness = Literal["provider", "bank"]

REPAYMENT_LIFE: Final[Mapping[RepaymentState, tuple[RepaymentState, ...]]] = {
    "claimed": ("sent", "confirmed", "rejected"),
    "sent": ("claimed", "unknown", "confirmed", "rejected"),
    "unknown": ("claimed", "confirmed", "rejected"),
    "confirmed": (),
    "rejected": (),
}
OPEN: Final[tuple[RepaymentState, ...]] = ("claimed", "sent", "unknown")
ASKED: Final[tuple[RepaymentState, ...]] = ("sent", "unknown")
"""The provider may have taken the money: only the provider's answer ends it."""

ACCOUNT: Final[Mapping[Witness, Source]] = {"provider": "clearing", "bank": "cash"}
"""Where the money is, by the evidence of it."""


class Evidence(NamedTuple):
    """The evidence that money came: `reference` is the receipt of the provider, or a line of a statement of `bank`."""

    witness: Witness
    reference: str
    amount_minor: int
    currency: str
    bank: str | None = None


class ClaimRepayment(NamedTuple):
    """A member asks to pay an amount in minor units."""

    member_id: str
    amount_minor: int
    currency: str


class RecordRepayment(NamedTuple):
    """An operator writes down money that came, with its evidence."""

    member_id: str
    evidence: Evidence

    @property
    def line_key(self) -> LineKey:
        """The line that it pays."""
        return LineKey(self.member_id, self.evidence.currency)


class ConfirmRepayment(NamedTuple):
    """An operator read on a bank statement what a member asked to pay."""

    repayment_id: str
    evidence: Evidence


class RejectRepayment(NamedTuple):
    """An operator waits no longer for what a member asked to pay."""

    repayment_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Repayment:
    """Money that a member wants to pay, or has paid, in minor units."""

    repayment_id: str
    member_id: str
    currency: str
    amount_minor: int
    claimed_by: str
    expires_at: datetime
    state: RepaymentState = "claimed"
    evidence: Witness | Literal["before"] | None = None
    bank: str | None = None
    reference: str | None = None
    decided_by: str | None = None
    reason: str | None = None

    @property
    def money(self) -> Money:
        """How much."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    @property
    def line_key(self) -> LineKey:
        """The line that it pays."""
        return LineKey(self.member_id, self.currency)

    def moved(self, state: RepaymentState) -> "Repayment":
        """The repayment in another state, which must be one that may follow."""
        if state not in REPAYMENT_LIFE[self.state]:
            raise RuntimeError(f"repayment {self.repayment_id} is {self.state}: {state} cannot follow")
        return replace(self, state=state)


class Ended(NamedTuple):
    """A repayment that is confirmed or rejected, and the events of it."""

    repayment: Repayment
    emitted: tuple[Emitted, ...]


def claim(repayment: Repayment, payable_minor: int, claimed_minor: int) -> Refusal | tuple[Emitted, ...]:
    """A member asks to pay: at most what can be paid now, less what was asked before and is open."""
    left_minor = payable_minor - claimed_minor
    if repayment.amount_minor > left_minor:
        detail = f"{max(0, left_minor)} minor units can be repaid now: ask to pay at most that"
        if claimed_minor:
            detail += f"; {claimed_minor} are asked for already"
        return Refusal("not_owed", detail)
    facts = {"repayment_id": repayment.repayment_id}
    asked = RepaymentClaimed(
        **facts, member_id=repayment.member_id, amount=repayment.money, expires_at=repayment.expires_at
    )
    return Emitted(asked), Emitted(RepaymentLapsed(**facts), repayment.expires_at)


def confirm(repayment: Repayment, evidence: Evidence, by: str, now: datetime) -> Refusal | Ended:
    """Evidence came: the repayment is confirmed for exactly its amount. A provider's answer ends what it was asked."""
    if evidence.witness == "bank" and (refusal := _may_be_confirmed(repayment, by, now)):
        return refusal
    if (evidence.amount_minor, evidence.currency) != (repayment.amount_minor, repayment.currency):
        wanted = f"{repayment.amount_minor} {repayment.currency}"
        detail = f"{wanted} were claimed: reject the claim, and write down what came as a repayment of its own"
        return Refusal("another_amount", detail)
    done = replace(
        repayment.moved("confirmed"),
        evidence=evidence.witness,
        bank=evidence.bank,
        reference=evidence.reference,
        decided_by=by,
    )
    event = RepaymentConfirmed(
        repayment_id=done.repayment_id, member_id=done.member_id, amount=done.money, evidence=evidence.witness
    )
    return Ended(done, (Emitted(event),))


def _may_be_confirmed(repayment: Repayment, by: str, now: datetime) -> Refusal | None:
    if by in {repayment.claimed_by, repayment.member_id}:
        return Refusal("own_business", "who asks to pay does not confirm it: let another operator look")
    if repayment.state in ASKED:
        return Refusal("provider_asked", "the payment provider is asked: wait for its answer")
    if repayment.state != "claimed":
        return Refusal("repayment_closed", f"repayment {repayment.repayment_id!r} is {repayment.state}")
    if repayment.expires_at <= now:
        return Refusal("claim_expired", "the claim expired: write down what came as a repayment of its own")
    return None


def received(repayment: Repayment, evidence: Evidence, by: str) -> Refusal | Ended:
    """Money came that was not announced: an operator read it on a statement."""
    if by == repayment.member_id:
        return Refusal("own_business", "who pays does not write it down: let another operator look")
    return confirm(replace(repayment, claimed_by="bank"), evidence, by, repayment.expires_at - timedelta(seconds=1))


def reject(repayment: Repayment, reason: str, by: str) -> Refusal | Ended:
    """No money came, or none will: nothing is booked."""
    if "rejected" not in REPAYMENT_LIFE[repayment.state]:
        return Refusal("repayment_closed", f"repayment {repayment.repayment_id!r} is {repayment.state}")
    done = replace(repayment.moved("rejected"), decided_by=by, reason=reason)
    facts = {"repayment_id": done.repayment_id, "member_id": done.member_id, "amount": done.money}
    return Ended(done, (Emitted(RepaymentRejected(**facts, reason=reason)),))


def same_again(
    known: Repayment, member_id: str, evidence: Evidence, repayment_id: str | None = None
) -> Repayment | Refusal:
    """The repayment with this reference, when the same is asked for again; a reference pays once, whatever it is for."""
    theirs: dict[str, object] = {
        "repayment_id": repayment_id or known.repayment_id,
        "member_id": member_id,
        "amount_minor": evidence.amount_minor,
        "currency": evidence.currency,
    }
    others = [name for name, value in theirs.items() if getattr(known, name) != value]
    if others:
        detail = f"this reference is repayment {known.repayment_id!r} already, with another {', '.join(others)}"
        return Refusal("reference_known", detail, {"differs": others})
    return known


def reject_by_operator(repayment: Repayment, by: str) -> Refusal | Ended:
    """An operator found no money. Of what a provider was asked only the provider's answer decides."""
    if repayment.state in ASKED:
        return Refusal("provider_asked", "the payment provider is asked: wait for its answer")
    return reject(repayment, "rejected_by_operator", by)


def surplus(repayment: Repayment, parts: Iterable[Part]) -> Entry | None:
    """What is paid beyond what can be paid now is the member's credit: it came, so it is owed to them."""
    rest_minor = repayment.amount_minor - sum(part.amount_minor for part in parts)
    if not rest_minor or repayment.evidence in {None, "before"}:
        return None
    source = "clearing" if repayment.evidence == "provider" else "cash"
    legs = pair(f"platform:{source}", f"credit:{repayment.member_id}", rest_minor)
    return Entry("overpayment", repayment.member_id, repayment.currency, legs, reference=repayment.repayment_id)
