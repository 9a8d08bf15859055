"""How an order moves: one step follows the other. Pure: no clock, no database."""

from collections.abc import Mapping
from typing import Final, Literal

State = Literal[
    "offered", "sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled", "rejected", "cancelled"
]
Step = Literal["accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled"]

LEAVES_WITH: Final[Mapping[str, Step]] = {"delivery": "handed_over", "pickup": "fulfilled"}
"""The step by which goods leave the shelf: who counts it afterwards does not find them."""

CANCELLABLE: Final = ("offered", "sourced", "accepted", "picked", "ready_for_pickup")
"""States in which the goods have not left the location."""

_NEXT: Final[Mapping[str, Mapping[State, Step]]] = {
    "delivery": {"sourced": "accepted", "accepted": "picked", "picked": "handed_over", "handed_over": "fulfilled"},
    "pickup": {
        "sourced": "accepted",
        "accepted": "picked",
        "picked": "ready_for_pickup",
        "ready_for_pickup": "fulfilled",
    },
}

MODES: Final = frozenset(_NEXT)
"""The modes that this version knows; what comes in another one is refused."""


def next_step(state: State, mode: str) -> Step | None:
    """The one step that may follow, or None when the order has ended."""
    return _NEXT.get(mode, {}).get(state)
