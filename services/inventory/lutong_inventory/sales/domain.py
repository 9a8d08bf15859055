"""Which location an order is credited to. Pure: no clock, no database.

The flagship is every store's bigger stockroom: a store that sells what it has not on its shelf should lose nothing by it.
"""

from typing import Final, Literal, NamedTuple

Why = Literal["till", "handed_on", "shelf"]

SHORT_OF_GOODS: Final = ("sold_out", "damaged", "short")
"""Why a store lost an order that it would have served: its shelf. Who had no time, or forgot, handed nothing on."""


class Sale(NamedTuple):
    """A fulfilled order, or a part of one that several locations serve. Locations are under their keys: which one shipped it, whose staff led its member to it (`sold_by`),
    and the last store that had it and was short of goods (`handed_on_by`)."""

    order_id: str
    shipped_by: str
    shipped_kind: str
    sold_by: str | None = None
    handed_on_by: str | None = None
    is_part: bool = False


class Credit(NamedTuple):
    """The location that an order is credited to, and why."""

    location_key: str
    why: Why


def credited(sale: Sale) -> Credit:
    """The one location that an order is credited to.

    The one at whose till it was ordered, wherever it came from; else the store that was short of the goods, when the flagship
    sent them instead; else the one that shipped it.

    >>> credited(Sale("o-1", "flagship", "flagship", handed_on_by="near"))
    Credit(location_key='near', why='handed_on')
    """
    if sale.sold_by:
        return Credit(sale.sold_by, "till")
    if sale.handed_on_by and sale.shipped_kind == "flagship":
        return Credit(sale.handed_on_by, "handed_on")
    return Credit(sale.shipped_by, "shelf")
