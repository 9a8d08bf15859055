"""How a service without goods ends. Pure: no clock, no database, no ids made here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from lutong_contracts import Event
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRefunded, OrderRejected
from lutong_contracts.values import Money
from lutong_inventory.refunds.domain import Delivered, refund_of_amount
from lutong_inventory.refusal import Refusal

State = Literal["waiting", "done", "failed", "lapsed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Provision:
    """A service that is paid for, which its merchant is to do by `done_by`. It ends once: done, with the merchant's `reference`, or for a `reason`.

    Done may be for less than what is held (`done_minor`); at most that is given back afterwards (`refunded_minor`).
    """

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
    listed_minor: int | None = None
    """What its lines cost by the list; unknown of what arrived at a version that did not keep it."""
    done_minor: int | None = None
    refunded_minor: int = 0

    @property
    def paid_minor(self) -> int:
        """What its member pays: nothing before it is done, and all that was held, unless its provider reported less."""
        if self.state != "done":
            return 0
        return self.amount_minor if self.done_minor is None else self.done_minor

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
                amount=Money(amount_minor=self.paid_minor, currency=self.currency),
                touch=self.touch,
                listed=self._listed,
                reference=self.reference,
            )
        facts = {"order_id": self.order_id, "merchant_id": self.merchant_id, "reason": self.reason or "not_provided"}
        return (
            OrderCancelled(member_id=self.member_id, **facts) if self.state == "cancelled" else OrderRejected(**facts)
        )

    @property
    def _listed(self) -> Money | None:
        """The share of the list price that was done, where some was not: who is short of what a coupon asks for has it back."""
        if self.listed_minor is None or self.paid_minor == self.amount_minor:
            return None
        return Money(amount_minor=self.listed_minor * self.paid_minor // self.amount_minor, currency=self.currency)


def done(known: Provision, reference: str, amount_minor: int | None = None) -> Provision | Refusal:
    """The merchant did it, for all that is held or for less. The same report again is the same; after its end nothing is: what was held is
    given back.
    """
    done_minor = known.amount_minor if amount_minor is None else amount_minor
    if known.state == "done" and (known.reference, known.paid_minor) == (reference, done_minor):
        return known
    if known.state != "waiting":
        return _ended(known)
    if done_minor > known.amount_minor:
        return Refusal("more_than_held", f"{known.amount_minor} minor units are held: report at most that as done")
    return replace(known, state="done", reference=reference, done_minor=done_minor)


def failed(known: Provision, reason: str) -> Provision | Refusal:
    """The merchant cannot do it, and states why. The same report again is the same."""
    if known.state == "failed" and known.reason == reason:
        return known
    if known.state != "waiting":
        return _ended(known)
    return replace(known, state="failed", reason=reason)


def refunded(known: Provision, amount_minor: int) -> Provision | Refusal:
    """What its member paid is given back, or some of it: never more than that, over all refunds."""
    if known.state != "done":
        detail = f"service {known.order_id!r} is {known.state}: nothing was paid for it"
        return Refusal("not_fulfilled", detail)
    back_minor = refund_of_amount(Delivered((), known.paid_minor, known.refunded_minor, {}), amount_minor)
    if isinstance(back_minor, Refusal):
        return back_minor
    return replace(known, refunded_minor=known.refunded_minor + back_minor)


def given_back(known: Provision, refund_id: str, amount_minor: int) -> OrderRefunded:
    """What a refund is published as: the same event as of goods."""
    return OrderRefunded(
        order_id=known.order_id,
        refund_id=refund_id,
        member_id=known.member_id,
        merchant_id=known.merchant_id,
        amount=Money(amount_minor=amount_minor, currency=known.currency),
        touch=known.touch,
    )


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
