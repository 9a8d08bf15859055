"""Places where a test may kill the process, to see that nothing is lost there.

LUTONG_FAILPOINT=after_commit:3 kills the process the third time it gets there, as SIGKILL does:
nothing is flushed, closed or published. Settings refuse it unless LUTONG_PROFILE=test.
"""

import os
import signal
from dataclasses import dataclass
from typing import Final

POINTS: Final = (
    "before_transaction",
    "after_state",
    "after_outbox",
    "before_commit",
    "after_commit",
    "relay_fetched",
    "sent_not_acked",
    "acked_not_marked",
    "consumer_fetched",
    "inbox_inserted",
    "committed_not_offsets",
    "parked_not_committed",
    "parked_not_offsets",
)
JOB_POINTS: Final = ("job_claimed", "job_asked", "job_not_committed", "job_committed")
"""Reached only in services that run jobs."""


@dataclass(slots=True)
class _Armed:
    name: str = ""
    remaining: int = 0


_armed = _Armed()


def arm(spec: str) -> None:
    """Arm one point: `name` or `name:nth`. An unknown name is an error, lest a test test nothing."""
    name, _, nth = spec.partition(":")
    if name not in (*POINTS, *JOB_POINTS):
        known = ", ".join((*POINTS, *JOB_POINTS))
        raise ValueError(f"LUTONG_FAILPOINT: there is no point {name!r}; there are {known}")
    _armed.name, _armed.remaining = name, int(nth or 1)


def reach(name: str) -> None:
    """Die here, when a test wants it."""
    if _armed.name != name:
        return
    _armed.remaining -= 1
    if _armed.remaining == 0:
        os.kill(os.getpid(), signal.SIGKILL)
