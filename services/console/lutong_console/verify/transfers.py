"""Transfers: V17 what left one shelf arrived at the other, is lost, or is on its way."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_LEFT: Final = frozenset({"in_transit", "partially_received", "received", "lost"})
_ENDED: Final = frozenset({"received", "lost"})


def transfers_conserve(world: World) -> Iterator[Violation]:
    """V17: units leave a shelf once, when they are sent; what a transfer reports as arrived did so at its other end; one
    that ended has nothing on its way.
    """
    lines = world.by(
        "transfer_id, sku",
        line="""
            SELECT * FROM inventory.transfer_line JOIN inventory.transfer USING (transfer_id)
             ORDER BY transfer_id, sku""",
        moved="""
            SELECT reference AS transfer_id, sku, kind, location_id, sum(on_hand_delta) AS units
              FROM inventory.movement WHERE kind IN ('sent', 'arrived') AND reference IS NOT NULL
             GROUP BY 1, 2, 3, 4 ORDER BY 1, 2""",
    )
    for (transfer_id, sku), of in lines:
        row, where = of.one("line"), f"transfer {transfer_id}:{sku}"
        moved = {(each["kind"], each["location_id"]): each["units"] for each in of.all("moved")}
        if row is None:
            yield Violation("V17", f"moved {sorted(moved.values())} units for no transfer", where)
            continue
        gone = row["units"] if row["state"] in _LEFT else 0
        expected = {("sent", row["from_location"]): -gone, ("arrived", row["to_location"]): row["received"]}
        if moved != {end: units for end, units in expected.items() if units}:
            yield Violation("V17", f"{gone} sent and {row['received']} arrived, its shelves moved by {moved}", where)
        on_its_way = gone - row["received"] - row["lost"]
        if on_its_way < 0 or (on_its_way and row["state"] in _ENDED):
            yield Violation("V17", f"{on_its_way} units are on their way, and it is {row['state']}", where)
        if row["from_location"] == row["to_location"]:
            yield Violation("V17", "it goes to where it is from", where)
