"""A schedule as a value: what clients ask, and what goes wrong. A seed gives it; a failure is shrunk by leaving out parts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

T = TypeVar("T")

ACTIVE_S: Final = 3.0
"""In this time of a schedule things are asked and go wrong; then all heals."""
KEYS: Final = ("a", "b", "c")

Kind = Literal[
    "crash", "crash_at", "pause", "cut", "cut_at", "slow", "database_away", "broker_away", "refuse", "lose_ack", "unreadable",
    "ghost", "stop", "again", "operator", "garbage",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = Kind.__args__  # type: ignore[attr-defined]
_OFTEN: Final[tuple[Kind, ...]] = ("unreadable", "database_away", "refuse")
"""What needs a coincidence to matter comes more often."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A client counts places under its Idempotency-Key, and asks again while it gets no answer."""

    at_s: float
    process: int
    key: str
    counter_id: str
    places: tuple[int, ...]
    poison: bool = False
    remind_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: when, or at which step; in which process; and for how long."""

    kind: Kind
    at_s: float
    process: int
    nth: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a schedule. `seed` also decides how long each step takes."""

    seed: int
    processes: int
    asks: tuple[Ask, ...]
    faults: tuple[Fault, ...]
    upgraded: bool = False
    """Whether processes begin as a release that does not handle reminders yet; those that start later do."""

    def simpler(self) -> Iterator["Plan"]:
        """The same schedule with less in it: half of the faults or asks, then all but one, then one process less."""
        yield from (replace(self, faults=fewer) for fewer in _fewer(self.faults))
        yield from (replace(self, asks=fewer) for fewer in _fewer(self.asks))
        if self.upgraded:
            yield replace(self, upgraded=False)
        if self.processes > 1:
            yield replace(self, processes=self.processes - 1)
        for n, ask in enumerate(self.asks):
            if len(ask.places) > 1:
                yield replace(self, asks=(*self.asks[:n], replace(ask, places=ask.places[:1]), *self.asks[n + 1 :]))

    @property
    def size(self) -> int:
        """How much is in it."""
        return self.upgraded + self.processes + len(self.faults) + sum(len(ask.places) for ask in self.asks)


def _fewer(parts: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    """Without all of them, without one half or the other, and so on down to without one."""
    size = len(parts)
    while size >= 1:
        for begin in range(0, len(parts), size):
            yield parts[:begin] + parts[begin + size :]
        size //= 2


def plan(seed: int) -> Plan:
    """The schedule of a seed."""
    rng = random.Random(seed)
    processes = rng.choice((1, 2, 2, 2))
    place = iter(range(1, 1_000))
    moments = [rng.uniform(0, ACTIVE_S * 0.75) for _ in range(rng.randint(1, 3))]
    upgraded = rng.random() < 0.25
    asks = tuple(
        Ask(
            rng.choice(moments) + rng.uniform(0, 0.06), rng.randrange(processes), f"key-{n}", rng.choice(KEYS),
            tuple(next(place) for _ in range(rng.choice((1, 1, 2, 6)))), rng.random() < 0.12,
            rng.uniform(0.2, 3) if rng.random() < (0.6 if upgraded else 0.2) else None,
        )
        for n in range(rng.randint(2, 7))
    )  # fmt: skip
    faults = tuple(
        Fault(
            rng.choice((*KINDS, *_OFTEN)),
            rng.uniform(0.3, ACTIVE_S),
            rng.randrange(processes),
            rng.randint(1, 100),
            rng.uniform(0.2, 3),
        )
        for _ in range(rng.choice((0, 1, 2, 3, 4)))
    )
    return Plan(seed, processes, asks, faults, upgraded)
