"""How a service without goods ends. Pure: no clock, no database, no ids made here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from lutong_contracts import Event
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRejected
from lutong_contracts.values import Money
from lutong_inventory.refusal import Refusal

State = Literal["waiting", "done", "failed", "lapsed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Provision:
    """A service that is paid for, which its merchant is to do by `done_by`. It ends once: done, with the merchant's `reference`, or for a `reason`."""

    order_id: str
    merchant_id: str
    member_id: str
    post_id: str
    program_id: str
    amount_minor: int
    currency: str
    touch: str | None
    state: State
    done_by: datetime
    correlation_id: str
    causation_id: str | None
    reference: str | None = None
    reason: str | None = None

    @property
    def event(self) -> Event:
        """What its end is published as: the same events as of goods, so that money, credit and counters follow by the same ways."""
        if self.state == "done":
            return OrderFulfilled(
                order_id=self.order_id,
                member_id=self.member_id,
                merchant_id=self.merchant_id,
                post_id=self.post_id,
                program_id=self.program_id,
                location_id=self.merchant_id,
                location_kind="provider",
                amount=Money(amount_minor=self.amount_minor, currency=self.currency),
                touch=self.touch,
                reference=self.reference,
            )
        facts = {"order_id": self.order_id, "merchant_id": self.merchant_id, "reason": self.reason or "not_provided"}
        return (
            OrderCancelled(member_id=self.member_id, **facts) if self.state == "cancelled" else OrderRejected(**facts)
        )


def done(known: Provision, reference: str) -> Provision | Refusal:
    """The merchant did it. The same report again is the same; after its end nothing is: what was held is given back."""
    if known.state == "done" and known.reference == reference:
        return known
    if known.state != "waiting":
        return _ended(known)
    return replace(known, state="done", reference=reference)


def failed(known: Provision, reason: str) -> Provision | Refusal:
    """The merchant cannot do it, and states why. The same report again is the same."""
    if known.state == "failed" and known.reason == reason:
        return known
    if known.state != "waiting":
        return _ended(known)
    return replace(known, state="failed", reason=reason)


def lapsed(known: Provision) -> Provision:
    """The merchant reported nothing in time. What ended before stays as it is."""
    return replace(known, state="lapsed", reason="provider_silent") if known.state == "waiting" else known


def cancelled(known: Provision) -> Provision:
    """The member changed their mind. What ended before stays as it is."""
    if known.state != "waiting":
        return known
    return replace(known, state="cancelled", reason="cancelled_by_member")


def _ended(known: Provision) -> Refusal:
    how = known.reference or known.reason
    return Refusal("ended", f"service {known.order_id!r} is {known.state} ({how}): nothing more can be reported of it")
