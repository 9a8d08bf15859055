"""How a version of a template reaches its stores: 1 %, 10 %, all; stopped and taken back on errors. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from lutong_contracts import Event
from lutong_contracts.light_stores import LightRolloutAdvanced, LightRolloutEnded, LightRolloutStopped

STAGES: Final = (1, 10, 100)
"""Per cent of the stores, in the order of their place in line: each stage contains the one before."""

TemplateState = Literal["submitted", "approved", "rejected"]
RolloutState = Literal["running", "reverting", "stopped", "completed"]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A version on its way to the stores of a template. `bound` is the place in line up to which the stage goes.

    `errors_max` is how many stores may fail before it stops; `wait_s` how long a stage is watched before the next begins.
    """

    rollout_id: str
    template_id: str
    version: int
    state: RolloutState
    stage: int
    bound: int
    wait_s: int
    errors_max: int
    next_at: datetime
    upgraded: int
    conflicts: int
    skipped: int
    errors: int
    reverted: int
    reason: str | None
    detail: str | None

    @property
    def percent(self) -> int:
        """The share of stores that the stage is for."""
        return STAGES[self.stage]

    @property
    def is_last(self) -> bool:
        """Whether no stage follows."""
        return self.stage == len(STAGES) - 1


class Failure(NamedTuple):
    """A store that a version does not fit, or that had to be taken off since it has it."""

    store_id: str
    reason: str


def stage_stores(stores: int, percent: int) -> int:
    """How many stores a stage reaches: its share of them, and at least one, or a small brand would have no canary.

    >>> [stage_stores(stores, 1) for stores in (10_000, 150, 3, 0)]
    [100, 2, 1, 0]
    """
    return -(-stores * percent // 100)


def exceeds(rollout: Rollout, failures: int) -> bool:
    """Whether with these failures there are more than the rollout bears."""
    return rollout.errors + failures > rollout.errors_max


def stopped(rollout: Rollout, reason: str, detail: str) -> Event:
    """The rollout goes no further; stores that have the version get back what they had."""
    return LightRolloutStopped(
        template_id=rollout.template_id, rollout_id=rollout.rollout_id, version=rollout.version,
        percent=rollout.percent, reason=reason, detail=detail[:200],
    )  # fmt: skip


def advanced(rollout: Rollout) -> Event:
    """A stage went well, and the next one begins."""
    return LightRolloutAdvanced(
        template_id=rollout.template_id, rollout_id=rollout.rollout_id, version=rollout.version,
        percent=rollout.percent, upgraded=rollout.upgraded,
    )  # fmt: skip


def ended(rollout: Rollout, outcome: Literal["completed", "rolled_back"]) -> Event:
    """It is over: all stores have the version that could have it, or none has it any more."""
    return LightRolloutEnded(
        template_id=rollout.template_id, rollout_id=rollout.rollout_id, version=rollout.version, outcome=outcome,
        upgraded=rollout.upgraded, reverted=rollout.reverted, conflicts=rollout.conflicts, skipped=rollout.skipped,
    )  # fmt: skip
