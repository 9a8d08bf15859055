"""What merchants and operators report of shelves, as they name them. Pure values."""

from datetime import datetime
from typing import NamedTuple

from lutong_inventory.stock.domain.counts import Correction


class Seen(NamedTuple):
    """What was counted on a shelf, in units. Without safety stock that stays as it was; without a time it was now."""

    location_id: str
    sku: str
    on_hand: int
    safety_stock: int | None = None
    counted_at: datetime | None = None


class CountShelf(NamedTuple):
    """A shelf was counted. `owner` is whose location it is at, when several merchants have one of its id."""

    owner: str | None
    seen: Seen


class CountShelves(NamedTuple):
    """Many shelves were counted: all of it is taken, or nothing. Of several counts of one shelf the last one holds."""

    owner: str | None
    seen: tuple[Seen, ...]


class Happened(NamedTuple):
    """What happened to a shelf, in units; without a time it was now."""

    location_id: str
    sku: str
    kind: Correction
    units: int
    reason: str | None = None
    reference: str | None = None
    occurred_at: datetime | None = None


class CorrectShelves(NamedTuple):
    """Goods came, broke, or are held back: all of it happened, or nothing is written."""

    owner: str | None
    happened: tuple[Happened, ...]


class ProtectShelf(NamedTuple):
    """So many units of a shelf are never promised. What is promised already stays so."""

    owner: str | None
    location_id: str
    sku: str
    units: int
