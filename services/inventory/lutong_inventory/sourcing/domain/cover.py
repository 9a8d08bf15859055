"""Which few locations have together what none has alone. Pure: no clock, no database."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

Has = Mapping[str, Collection[str]]
"""Which SKUs of an order locations have, by the key of the location."""


def fewest(
    needed: Collection[str], has: Has, parts_max: int, cost: Callable[[tuple[str, ...]], Any]
) -> tuple[str, ...] | None:
    """The fewest locations that have all that is needed, of equally few those of the least cost; None where too few do.

    >>> fewest({"tea", "cup"}, {"a": {"tea"}, "b": {"cup"}, "c": {"cup"}}, 2, cost=sorted)
    ('a', 'b')
    """
    for parts in range(1, parts_max + 1):
        best = min(_covers(frozenset(needed), has, parts), key=cost, default=None)
        if best is not None:
            return best
    return None


def _covers(needed: frozenset[str], has: Has, parts: int) -> Iterator[tuple[str, ...]]:
    """Sets of so many locations at most that have all of it; each has something that those before it have not.

    What the fewest have is looked at first: one of these few must be among them.
    """
    if not needed:
        yield ()
        return
    most = max((len(needed.intersection(skus)) for skus in has.values()), default=0)
    if len(needed) > parts * most:
        return
    rarest = min(sorted(needed), key=lambda sku: sum(sku in skus for skus in has.values()))
    for key, skus in has.items():
        if rarest in skus:
            for others in _covers(needed.difference(skus), has, parts - 1):
                yield (key, *others)
