"""What a merchant's stores did with their orders, as rates. Pure.

*Given* is how often an order was sourced at a store. It *fulfilled* those that it brought, *rejected* those that it declined or whose
shelf turned out short, and let others *lapse*. What is still open, or was cancelled, is in none of the rates.
"""

from typing import Final, NamedTuple

LAPSED: Final = ("not_accepted_in_time", "not_fulfilled_in_time")
"""Why an order left a store that did nothing with it; all other reasons are its own word."""


MEMBERS_OWN: Final = ("cancelled_by_member", "no_show")
"""Why orders ended by the word of their members: they count for no service level."""


class Rates(NamedTuple):
    """Shares, from 0 to 1; None where there is nothing to count."""

    fill: float | None
    reject: float | None
    on_time: float | None


class Counts(NamedTuple):
    """What a store did with orders. `arrived` are those fulfilled of which is known when they were with their member."""

    given: int = 0
    rejected: int = 0
    lapsed: int = 0
    fulfilled: int = 0
    arrived: int = 0
    on_time: int = 0


def rates(counts: Counts) -> Rates:
    """What of its ended orders a store fulfilled, what of those given it rejected, and what arrived on time.

    >>> rates(Counts(given=10, rejected=1, lapsed=1, fulfilled=6, arrived=6, on_time=3))
    Rates(fill=0.75, reject=0.1, on_time=0.5)
    """
    ended = counts.fulfilled + counts.rejected + counts.lapsed
    return Rates(
        _share(counts.fulfilled, ended), _share(counts.rejected, counts.given), _share(counts.on_time, counts.arrived)
    )


class ModeCounts(NamedTuple):
    """What became of orders of one mode, those that their members gave up left out. `served` are fulfilled or on their way;
    of these some came in `parts`, some from the `flagship` (in part or as a whole), and some were `rerouted` before."""

    orders: int = 0
    served: int = 0
    rejected: int = 0
    in_parts: int = 0
    by_flagship: int = 0
    rerouted: int = 0


def service_level(counts: ModeCounts) -> float | None:
    """Of the orders that came, what is served.

    >>> service_level(ModeCounts(orders=8, served=6))
    0.75
    """
    return _share(counts.served, counts.orders)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
