"""Pacing: a round that found a stream of small things rests for a moment, so that the next one takes more of them together.

What a round costs hardly depends on how much it carries: round trips, a commit, a request to each partition. Without a rest,
thirty taps at a time went through the relay and three consumers while thirty more were entered; at the same speed of the
road, resting took 44 % of the CPU of a tap and 31 % of that of an order away.
"""

from typing import Final

STREAM: Final = 8
"""So many at once are a stream. Fewer never rest: a person may wait for them."""

_REST_MAX_S: Final = 0.05
_REST_FACTOR: Final = 3.0


def rest_s(carried: int, carried_max: int, worked_s: float) -> float:
    """How long to rest, in seconds, after a round that carried so much and worked so long. A full round has a backlog behind it.

    >>> rest_s(3, 500, 0.004), rest_s(32, 500, 0.004), rest_s(32, 500, 1.0), rest_s(500, 500, 1.0)
    (0.0, 0.012, 0.05, 0.0)
    """
    return min(_REST_MAX_S, _REST_FACTOR * worked_s) if STREAM <= carried < carried_max else 0.0
