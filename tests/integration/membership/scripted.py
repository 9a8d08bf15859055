"""A provider that answers what a test wants, and knows what it was asked."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Scripted(Generic[Question, Answer]):
    """Takes payments as well as deductions: each answer of `answers` is given once, in order."""

    answers: list[Answer] = field(default_factory=list)
    sent: list[Question] = field(default_factory=list)
    queried: list[Question] = field(default_factory=list)

    async def charge(self, order: Question) -> Answer:
        self.sent.append(order)
        return self.answers.pop(0)

    async def deduct(self, order: Question) -> Answer:
        return await self.charge(order)

    async def query(self, order: Question) -> Answer:
        self.queried.append(order)
        return self.answers.pop(0)

    async def aclose(self) -> None:
        pass
