"""What a program may not do here. Pure."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

USED: Final = frozenset({"pay", "credit"})
"""What membership does for programs: it holds and captures (`pay`), and lets members join on credit (`credit`)."""


class Granted(NamedTuple):
    """What a program may use. One that is not `enforced`, or not known, is from before capabilities: it may use all of it."""

    names: Collection[str]
    enforced: bool


def lacking(program_id: str, known: Mapping[str, Granted]) -> frozenset[str]:
    """What a program may not use.

    >>> sorted(lacking("fund", {"fund": Granted(("pay",), True)})), sorted(lacking("old", {}))
    (['credit'], [])
    """
    granted = known.get(program_id)
    return USED - {*granted.names} if granted and granted.enforced else frozenset()
