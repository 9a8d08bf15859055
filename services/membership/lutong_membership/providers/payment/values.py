"""What is asked of a payment provider, and what it answers. Pure."""

from dataclasses import dataclass
from typing import Literal, Protocol

PaymentAnswer = Literal["succeeded", "failed", "unknown", "not_there"]
"""`unknown`: it may have happened, and has to be asked for. `not_there`: it certainly did not reach the provider."""


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """A repayment to take from a member, in minor units. Its id is its own for ever."""

    repayment_id: str
    member_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """What became of a payment: `receipt` is the provider's own id of money that came, `reason` why none did."""

    answer: PaymentAnswer
    receipt: str | None = None
    reason: str | None = None


class PaymentProvider(Protocol):
    """Takes repayments. Called by a job, never inside a transaction."""

    async def charge(self, order: PaymentOrder) -> PaymentOutcome:
        """Take the amount, in bounded time. Only for an order that was never sent, or is certainly not there."""
        ...

    async def query(self, order: PaymentOrder) -> PaymentOutcome:
        """Ask what became of an order that may have been sent. Moves nothing."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
