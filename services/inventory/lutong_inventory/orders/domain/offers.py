"""When a store cannot serve an order after all, and only the flagship can: the member is asked. Pure: no clock, no database.

The member chose a store that is near. The flagship sends what it has by post: that is later, and may not be what they want,
so it takes their consent, unless they gave it beforehand.
"""

from datetime import timedelta
from typing import Final

from lutong_inventory.orders.domain.steps import State
from lutong_inventory.refusal import Refusal

SPEED_M_PER_S: Final = 4
"""How fast a rider is in a city, about."""


def needs_consent(kind_before: str | None, kind: str, *, flagship_ok: bool) -> bool:
    """Whether a member has to be asked: an order of a store becomes one of the flagship, and they did not agree before."""
    return kind_before == "store" and kind == "flagship" and not flagship_ok


def agreed_by(kind_before: str | None, kind: str, flagship_ok_by: str | None) -> str | None:
    """By what a member agreed that the flagship sends what a store had; None where no store had it. Older orders agreed by request.

    >>> agreed_by("store", "flagship", "plan"), agreed_by("flagship", "flagship", "plan")
    ('plan', None)
    """
    return flagship_ok_by or "request" if kind_before == "store" and kind == "flagship" else None


def eta(kind: str, distance_m: int, store_eta: timedelta, flagship_eta: timedelta) -> timedelta:
    """How long it takes until goods arrive, about.

    >>> eta("store", 2_400, timedelta(minutes=30), timedelta(days=2))
    datetime.timedelta(seconds=2400)
    """
    if kind == "flagship":
        return flagship_eta
    return store_eta + timedelta(seconds=distance_m // SPEED_M_PER_S)


def answer(order_id: str, state: State) -> Refusal | None:
    """Why an order takes no answer; None when its member is asked."""
    if state == "offered":
        return None
    return Refusal("no_offer", f"order {order_id!r} is {state}: nothing is asked about it")
