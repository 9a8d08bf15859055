"""A circuit breaker: stop calling a provider that keeps failing, and try again with one request after a pause. Pure.

closed ──failures in a row──▶ open ──pause──▶ half open ──the trial succeeds──▶ closed
                               ▲                  │
                               └──the trial fails─┘
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a provider's health. Time is passed in, in seconds of any steady clock.

    `epoch` changes when the breaker opens and when a trial begins: a request that was admitted
    before is no evidence of the provider's health now, and its outcome does not count.
    """

    failures_max: int
    pause_s: float
    failures: int = 0
    epoch: int = 0
    trying: bool = False
    retry_at_s: float | None = None

    @property
    def state(self) -> State:
        """`half_open` while the trial of an open breaker is under way."""
        if self.retry_at_s is None:
            return "closed"
        return "half_open" if self.trying else "open"

    def admit(self, now_s: float) -> "Admission":
        """A permit for one request, or None. While open, one in every pause is the trial, also when a trial got lost."""
        if self.retry_at_s is None:
            return Admission(self, self.epoch)
        if now_s < self.retry_at_s:
            return Admission(self, None)
        trial = replace(self, epoch=self.epoch + 1, trying=True, retry_at_s=now_s + self.pause_s)
        return Admission(trial, trial.epoch)

    def settle(self, permit: int, *, ok: bool, now_s: float) -> "Breaker":
        """The breaker once the outcome of an admitted request is known."""
        if permit != self.epoch:
            return self
        if ok:
            return replace(self, failures=0, trying=False, retry_at_s=None)
        if self.retry_at_s is None and self.failures + 1 < self.failures_max:
            return replace(self, failures=self.failures + 1)
        return replace(self, failures=0, epoch=self.epoch + 1, trying=False, retry_at_s=now_s + self.pause_s)


class Admission(NamedTuple):
    """The breaker after a request asked to pass, and the request's permit: None when it may not be sent."""

    breaker: Breaker
    permit: int | None
