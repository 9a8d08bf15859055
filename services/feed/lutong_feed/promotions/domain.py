"""Which impressions spend page views, and what is shown in a place that is paid for. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_contracts.touches import Placement

PAID: Final[Mapping[str, Placement]] = {"home": "home_paid", "square": "square_paid", "for_you": "for_you_paid"}
"""Placements with a place that is paid for, and what that place is named in touches."""
PLACES: Final[Mapping[str, str]] = {paid: placement for placement, paid in PAID.items()}
"""The placement that a place is in."""

SLOT: Final = 3
"""The place of a page that is paid for, from 0: never the first, and one on a page."""
PROGRAMS: Final = 20
"""So many programs are candidates for a place."""
SEEN_MAX: Final = 3
"""So often a reader is shown a program in places that it pays for, in `SEEN_WITHIN`."""
SEEN_WITHIN: Final = timedelta(hours=24)
BEFORE: Final = timedelta(hours=1)
"""What was served so long before an allowance was taken counts on it: on those before, it found no room any more."""
FORGOTTEN: Final = timedelta(days=38)
"""After so long impressions are forgotten: none of a time so long ago is believed any more."""
_ABLE_FROM: Final = 0.3


class Allowance(NamedTuple):
    """What may be shown of a program in a placement: `pv` page views, of which `used` are spent."""

    spend_id: str
    promotion_id: str
    program_id: str
    placement: str
    pv: int
    used: int
    taken_at: datetime
    ends_at: datetime


class Impression(NamedTuple):
    """A viewer saw a program in a place that is paid for. `placement` is the one that the place is in."""

    request_id: str
    position: int
    placement: str
    program_id: str
    viewer_id: str
    served_at: datetime


class Item(NamedTuple):
    """An item of one answer."""

    request_id: str
    position: int


class Spent(NamedTuple):
    """An impression that spends a page view of an allowance."""

    request_id: str
    position: int
    spend_id: str
    program_id: str
    viewer_id: str
    served_at: datetime


class Standing(NamedTuple):
    """A candidate for a place, in the order of its reader: how far it is wanted, and how well it can be had here, each 0 to 1."""

    number: int
    program_id: str | None
    wanted: float
    ability: float


def spent(impressions: Iterable[Impression], allowances: Sequence[Allowance], known: Collection[Item]) -> list[Spent]:
    """Which impressions spend a page view, each once, of the allowance that ends first; those for which nothing is left spend none.

    >>> at = datetime(2026, 1, 2)
    >>> tea = Allowance("s", "p", "tea", "home", 1, 0, at, at + BEFORE)
    >>> seen = [Impression("r", place, "home", "tea", "bo", at) for place in (3, 3, 4)]
    >>> [each.position for each in spent(seen, [tea], set())]
    [3]
    """
    left = {each.spend_id: each.pv - each.used for each in allowances}
    in_order = sorted(allowances, key=lambda each: (each.ends_at, each.spend_id))
    done = set(known)
    found: list[Spent] = []
    for each in impressions:
        key = Item(each.request_id, each.position)
        of = next((one for one in in_order if left[one.spend_id] and _is_for(one, each)), None)
        if key in done or of is None:
            continue
        done.add(key)
        left[of.spend_id] -= 1
        found.append(Spent(*key, of.spend_id, each.program_id, each.viewer_id, each.served_at))
    return found


def _is_for(allowance: Allowance, seen: Impression) -> bool:
    of_it = (allowance.program_id, allowance.placement) == (seen.program_id, seen.placement)
    return of_it and seen.served_at >= allowance.taken_at - BEFORE


def chosen(in_order: Iterable[Standing], shown: Collection[str], numbers: Collection[int]) -> int | None:
    """The number of the post that has the place: the best of which its reader does not want less, that can be had here, and that is
    not on the page already; `shown` are the programs of the page, `numbers` the posts of the walk."""
    for each in in_order:
        new = each.number not in numbers and each.program_id not in shown
        if new and each.wanted == 1 and each.ability >= _ABLE_FROM:
            return each.number
    return None
