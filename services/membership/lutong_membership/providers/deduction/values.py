"""What is asked of whoever takes money from members' accounts, and what is answered. Pure."""

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
    """What became of an attempt. `reason` says why it failed, in a stable word."""

    answer: DeductionAnswer
    reason: str | None = None


class DeductionProvider(Protocol):
    """Who takes money from members' accounts. Asked by an errand, never inside a transaction."""

    async def deduct(self, order: Order) -> Outcome:
        """Take the amount, in bounded time. Only for an attempt that was never sent, or is certainly not there."""
        ...

    async def query(self, order: Order) -> Outcome:
        """Ask what became of an attempt that may have been sent. Moves nothing."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds."""
        ...
