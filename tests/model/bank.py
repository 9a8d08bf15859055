"""A bank that deducts, forgets to answer, answers late, and never lies about what it did."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from lutong_membership.agreements.domain.direct_debit import Deduction

Answer = Literal["succeeded", "failed", "unknown", "not_there"]


@dataclass(frozen=True, slots=True)
class Taken:
    """Money that was taken: which attempt, for which debt, how much, and when."""

    deduction_id: str
    debt_id: str
    amount_minor: int
    at: datetime


@dataclass(slots=True)
class Bank:
    """What a bank did, and what it was asked a second time although it knew."""

    outcomes: dict[str, Answer] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    asked_twice: list[str] = field(default_factory=list)

    def deduct(self, attempt: Deduction, now: datetime, rng: random.Random) -> Answer:
        """Take money; the request may get lost on its way, and the answer on its way back."""
        if attempt.deduction_id in self.outcomes:
            self.asked_twice.append(attempt.deduction_id)
        if rng.random() < 0.2:
            return rng.choice(["unknown", "not_there"])
        outcome: Answer = "succeeded" if rng.random() < 0.6 else "failed"
        self.outcomes[attempt.deduction_id] = outcome
        if outcome == "succeeded":
            self.taken.append(Taken(attempt.deduction_id, attempt.debt_id, attempt.amount_minor, now))
        return "unknown" if rng.random() < 0.4 else outcome

    def query(self, attempt: Deduction, rng: random.Random) -> Answer:
        """Say what became of an attempt."""
        return "unknown" if rng.random() < 0.3 else self.outcomes.get(attempt.deduction_id, "not_there")
