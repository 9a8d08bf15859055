"""Availability: V18 what was published last of a shelf is what is there."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.joining import Row
from lutong_console.verify.tables import listed
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

PUBLISHED: Final = {
    "lutong.inventory.stock-depleted.v1": "out_of_stock",
    "lutong.inventory.stock-restored.v1": None,
    "lutong.inventory.stock-band-changed.v1": None,
}
"""Events that publish a band, and which that is where none is named."""
_LIMITED_UNITS: Final = range(1, 8)
_IN_STOCK_UNITS: Final = 6
"""What a band may have at least and at most: inventory's `bands.py` enters it later than it leaves it."""


def bands_are_published(world: World) -> Iterator[Violation]:
    """V18: the band of a shelf is one that its units allow, and the last event of the shelf is of that band.

    A shelf that the release before moved out of its band has none until it moves again; of one that did not move for as long as
    the outbox keeps events there is nothing left to compare with.
    """
    shelves = world.by(
        "merchant_id, code, sku",
        shelf="""
            SELECT * FROM inventory.shelf WHERE band IS NOT NULL AND merchant_id IS NOT NULL
             ORDER BY merchant_id, code, sku""",
        event=f"""
            SELECT json_extract(payload, '$.merchant_id') AS merchant_id, json_extract(payload, '$.location_id') AS code,
                   json_extract(payload, '$.sku') AS sku, json_extract(payload, '$.band') AS band, type, max(id) AS id
              FROM inventory.outbox
             WHERE type IN ({listed(set(PUBLISHED))}) AND json_valid(payload)
               AND json_extract(payload, '$.merchant_id') IS NOT NULL
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    )
    for (merchant_id, code, sku), of in shelves:
        shelf, event, where = of.one("shelf"), of.one("event"), f"shelf {merchant_id}:{code}:{sku}"
        if shelf is None:
            continue
        if not _allowed(shelf):
            yield Violation("V18", f"{_available(shelf)} units can be promised, and it is {shelf['band']}", where)
        if bool(shelf["depleted"]) != (shelf["band"] == "out_of_stock"):
            yield Violation("V18", f"depleted is {bool(shelf['depleted'])}, and it is {shelf['band']}", where)
        if event is not None and (last := event["band"] or PUBLISHED[event["type"]]) != shelf["band"]:
            yield Violation("V18", f"{last} was published last, and it is {shelf['band']}", where)


def _available(shelf: Row) -> int:
    units: int = shelf["on_hand"] - shelf["reserved"] - shelf["safety_stock"] - shelf["unavailable"]
    return units


def _allowed(shelf: Row) -> bool:
    """Whether a shelf with these units may be in its band."""
    available = _available(shelf)
    if shelf["band"] == "out_of_stock":
        return available <= 0 or (available == 1 and shelf["reserved"] > 0)
    return available in _LIMITED_UNITS if shelf["band"] == "limited_availability" else available >= _IN_STOCK_UNITS
