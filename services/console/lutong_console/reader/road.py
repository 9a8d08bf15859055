"""How far an order is, as its buyer sees it: stages from the order to the goods. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

State = Literal["done", "now", "next", "failed"]
ENDED: Final = frozenset({"fulfilled", "declined", "rejected", "cancelled"})
"""Statuses of a request after which nothing moves any more."""

_STAGES: Final = ("ordered", "held", "sourced", "accepted", "picked")
_LAST: Final = {"delivery": ("handed_over", "delivered"), "pickup": ("ready", "collected")}
_STEPS: Final = {"sourced": 2, "accepted": 3, "picked": 4, "handed_over": 5, "ready_for_pickup": 5, "fulfilled": 6}
_PROMISED: Final = frozenset({"held", "captured"})


@dataclass(frozen=True, slots=True)
class Progress:
    """What three services report of one order: the feed its status, inventory its step, membership its hold."""

    status: str
    mode: str = "delivery"
    step: str | None = None
    hold: str | None = None


class Stage(NamedTuple):
    """One stage of the road, and whether the order has passed it."""

    name: str
    state: State


def stages(progress: Progress) -> list[Stage]:
    """The stages of an order in their order; one that failed is the last.

    >>> [stage.name for stage in stages(Progress("declined"))]
    ['ordered', 'declined']
    """
    names = _STAGES + _LAST.get(progress.mode, _LAST["delivery"])
    reached = _reached(progress)
    done = [Stage(name, "done") for name in names[: reached + 1]]
    if progress.status in ENDED - {"fulfilled"}:
        return [*done, Stage(progress.status, "failed")]
    ahead = [Stage(name, "next") for name in names[reached + 1 :]]
    return done + [stage._replace(state="now") for stage in ahead[:1]] + ahead[1:]


def _reached(progress: Progress) -> int:
    """The place of the last stage that is done: the farthest that any of the three services knows of."""
    if progress.status == "fulfilled":
        return _STEPS["fulfilled"]
    by_hold = 1 if progress.hold in _PROMISED else 0
    by_status = 2 if progress.status == "sourced" else 0
    return max(by_hold, by_status, _STEPS.get(progress.step or "", 0))
