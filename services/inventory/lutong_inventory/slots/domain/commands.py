"""What members ask of slots."""

from typing import NamedTuple

from lutong_contracts.values import Place


class HoldSlot(NamedTuple):
    """A member wants a place in a slot, before they order. The destination is coarse."""

    slot_id: str
    member_id: str
    destination: Place


class ReleaseHold(NamedTuple):
    """A member does not want a place after all."""

    hold_id: str
    member_id: str


class RebookOrder(NamedTuple):
    """A member wants an order in another slot of its location, in which they hold a place."""

    order_id: str
    hold_id: str
    member_id: str
