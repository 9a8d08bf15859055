"""What a program may not do here. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

USED: Final = frozenset({"pay", "credit", "identity", "coupons"})
"""What membership does for programs: it holds and captures (`pay`), lets members join on credit (`credit`), lets a viewer order as the member
that it is bound to (`identity`), and takes coupons off (`coupons`)."""


class Granted(NamedTuple):
    """What a program may use. One that is not `enforced`, or not known, is from before capabilities: it may use all of it."""

    names: Collection[str]
    enforced: bool


def lacking(program_ids: Iterable[str | None], known: Mapping[str, Granted]) -> frozenset[str]:
    """What may not be used of an order: what any of these programs may not use. A light store sells what another program does, and is held to
    the grants of both.

    >>> known = {"fund": Granted(("pay",), True)}
    >>> sorted(lacking(["fund"], known)), sorted(lacking(["old", None], known)), sorted(lacking(["store", "fund"], known))
    (['coupons', 'credit', 'identity'], [], ['coupons', 'credit', 'identity'])
    """
    held_to = [known[each] for each in program_ids if each and each in known and known[each].enforced]
    return frozenset(name for name in USED if any(name not in each.names for each in held_to))
