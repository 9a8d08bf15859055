"""How an order moves: one step follows the other. Pure: no clock, no database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from lutong_inventory.refusal import Refusal

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


class TakeStep(NamedTuple):
    """Store staff takes a step with an order at its location."""

    order_id: str
    step: Step
    location_id: str


class TakeSteps(NamedTuple):
    """The same step with many orders, each at its own location; all or none."""

    order_ids: tuple[str, ...]
    step: Step


class CancelOrder(NamedTuple):
    """A location does not fulfil an order that has not left it."""

    order_id: str
    reason: str


class DeclineOrder(NamedTuple):
    """A location cannot serve an order: another one gets it."""

    order_id: str
    location_id: str
    reason: str
    skus: tuple[str, ...] = ()


class Standing(Protocol):
    """An order, as far as rules look at it."""

    @property
    def order_id(self) -> str:
        """Which one."""

    @property
    def state(self) -> State:
        """How far it is."""

    @property
    def mode(self) -> str:
        """How it reaches its member."""

    @property
    def location_id(self) -> str | None:
        """What its merchant calls the location that it is sourced from."""


def next_step(state: State, mode: str) -> Step | None:
    """The one step that may follow, or None when the order has ended."""
    return _NEXT.get(mode, {}).get(state)


def why_not_there(order: Standing, location_id: str) -> Refusal | None:
    """Why a location may not decide on an order: it is elsewhere."""
    if order.location_id == location_id:
        return None
    return Refusal("not_found", f"order {order.order_id!r} is not at location {location_id!r}")


def why_no_step(orders: Sequence[Standing], step: Step, *, needs_code: bool) -> Refusal | None:
    """Why a step cannot be taken with orders: none is, if one cannot.

    With `needs_code`, an order that is picked up is handed over by its code only.
    """
    for order in orders:
        if needs_code and order.state == "ready_for_pickup" and step == "fulfilled":
            where = f"POST /v1/orders/{order.order_id}/collection"
            return Refusal("needs_code", f"order {order.order_id!r} is handed over by its code: {where}")
    for order in orders:
        following = next_step(order.state, order.mode)
        if step != following:
            expected = f"the next step is {following}" if following else "it has ended"
            return Refusal("wrong_step", f"order {order.order_id!r} is {order.state}: {expected}, not {step}")
    return None


def why_too_late(order: Standing, to_be: Literal["cancelled", "declined"]) -> Refusal | None:
    """Why an order cannot end here any more: its goods have left."""
    if order.state in CANCELLABLE:
        return None
    return Refusal("too_late", f"order {order.order_id!r} is {order.state}: it can no longer be {to_be}")


def why_not_ordered(order: Standing, skus: Iterable[str], ordered: Collection[str]) -> Refusal | None:
    """Why an order cannot be declined for some goods: they are not in it."""
    strange = sorted(set(skus) - set(ordered))
    if not strange:
        return None
    return Refusal("not_ordered", f"order {order.order_id!r} has no {strange[0]!r}: name what it has")
