"""How much of a SKU a shelf can promise, in a word that does not change with each unit. Pure: no clock, no database.

A band is left at other units than it is entered, so it depends on what was published last:

    units that can be promised    0   1   2 … 5   6   7   8 …
    out_of_stock                  ────┤                          until 2 units, or until all that is there is free
    limited_availability              ├───────────────┤          down to 1, up to 7
    in_stock                                      ├──────────    down to 6
"""

from typing import Final

from lutong_contracts.values import StockBand

RESTORED_UNITS: Final = 2
"""A shelf that ran empty has something again with so many units, or with all that it has."""

LIMITED_UNITS: Final = 5
"""With so many units or fewer a shelf has only a few."""

IN_STOCK_UNITS: Final = 8
"""A shelf that had only a few has enough again with so many units."""


def band_after(published: StockBand | None, available: int, reserved: int) -> StockBand:
    """The band of a shelf with so many units that can be promised, and so many that are.

    `published` is the band that was published last; None where none was, or nobody knows.

    >>> band_after("in_stock", 6, 0), band_after("limited_availability", 6, 0)
    ('in_stock', 'limited_availability')
    """
    if available <= 0:
        return "out_of_stock"
    if published == "out_of_stock" and available < RESTORED_UNITS and reserved > 0:
        return "out_of_stock"
    from_below = published in {"out_of_stock", "limited_availability"}
    return "in_stock" if available >= (IN_STOCK_UNITS if from_below else LIMITED_UNITS + 1) else "limited_availability"
