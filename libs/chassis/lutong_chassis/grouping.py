"""Turning one poll into as few handler calls as per-key order allows. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Keyed(Protocol):
    """Something with an event and a key."""

    @property
    def event(self) -> object:
        """The event; its class decides which handler it goes to."""

    @property
    def key(self) -> str:
        """What its order is kept by."""


K = TypeVar("K", bound=Keyed)


def group(received: Sequence[K]) -> list[list[K]]:
    """Groups of one event type each, to be handled one after the other.

    Walk in order; an event joins the latest group of its type, unless its key already appears in
    a later group: joining would let it overtake, so it opens a new group. Within a key the order
    of arrival is never broken; across keys it may be.
    """
    groups: list[list[K]] = []
    latest_of_type: dict[type, int] = {}
    latest_of_key: dict[str, int] = {}
    for item in received:
        cls = type(item.event)
        index = latest_of_type.get(cls)
        if index is None or latest_of_key.get(item.key, -1) > index:
            index = len(groups)
            groups.append([])
            latest_of_type[cls] = index
        groups[index].append(item)
        latest_of_key[item.key] = index
    return groups
