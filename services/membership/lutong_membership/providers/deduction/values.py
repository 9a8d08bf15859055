"""Questions to a direct debit provider, and its answers. Pure."""

from dataclasses import dataclass
from typing import Literal, Protocol

DeductionAnswer = Literal["succeeded", "failed", "unknown", "not_there"]
"""`unknown`: it may have happened, and has to be asked for. `not_there`: it certainly did not reach the provider."""


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt to take exactly this amount from a member. Its id is its own for ever."""

    deduction_id: str
    member_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. `reason` is a stable code for why it failed."""

    answer: DeductionAnswer
    reason: str | None = None


class DeductionProvider(Protocol):
    """Takes money from members' accounts. Called by a job, never inside a transaction."""

    async def deduct(self, order: Order) -> Outcome:
        """Take the amount, in bounded time. Only for an attempt that was never sent, or is certainly not there."""
        ...

    async def query(self, order: Order) -> Outcome:
        """Ask what became of an attempt that may have been sent. Moves nothing."""
        ...

    async def aclose(self) -> None:
        """Close connections; safe to call twice."""
        ...
