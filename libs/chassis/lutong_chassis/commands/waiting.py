"""Commands that wait for their batch: by who asked, each in turn. Pure but for the futures that it drops."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lutong_chassis.commands.asked import Asked, Given


class Waiter(NamedTuple):
    """A command, the future of its answer, and until when its caller waits (loop time)."""

    asked: Asked[object]
    future: "asyncio.Future[Given]"
    until_s: float = float("inf")


@dataclass(slots=True)
class Waiting:
    """What waits, by principal. A batch takes one of each in turn, so a flood of one leaves others their share."""

    by_principal: dict[str, deque[Waiter]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.by_principal.values()))

    def add(self, waiter: Waiter) -> None:
        """Let a command wait behind those of its principal."""
        self.by_principal.setdefault(waiter.asked.who.identity, deque()).append(waiter)

    def take(self, commands_max: int, bytes_max: int) -> list[Waiter]:
        """The next batch: at most so many commands and bytes, but one at least. Who is not served now is first next time."""
        taken: list[Waiter] = []
        size_bytes = 0
        for waiter in self._in_turn():
            size_bytes += waiter.asked.size_bytes
            if taken and size_bytes > bytes_max:
                self._put_back(waiter)
                break
            taken.append(waiter)
            if len(taken) == commands_max:
                break
        return taken

    def _in_turn(self) -> Iterator[Waiter]:
        """One of each principal after the other, without those whose asker is gone."""
        while self.by_principal:
            principal = next(iter(self.by_principal))
            queue = self.by_principal.pop(principal)
            waiter = queue.popleft()
            if queue:
                self.by_principal[principal] = queue
            if not waiter.future.done():
                yield waiter

    def _put_back(self, waiter: Waiter) -> None:
        principal = waiter.asked.who.identity
        queue = self.by_principal.pop(principal, deque())
        queue.appendleft(waiter)
        self.by_principal = {principal: queue} | self.by_principal
