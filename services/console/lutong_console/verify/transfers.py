"""Transfers: V17 what left one shelf arrived at the other, is lost, or is on its way."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.collect import World
from lutong_console.verify.violation import Violation

_LEFT: Final = frozenset({"in_transit", "partially_received", "received", "lost"})
_ENDED: Final = frozenset({"received", "lost"})


def transfers_conserve(world: World) -> Iterator[Violation]:
    """V17: units leave a shelf once, when they are sent; what a transfer reports as arrived did so at its other end; one
    that ended has nothing on its way.
    """
    for row in world.rows("inventory", "transfer"):
        where = f"transfer {row['transfer_id']}:{row['sku']}"
        gone = row["units"] if row["state"] in _LEFT else 0
        if row["left_shelf"] != gone:
            yield Violation("V17", f"{row['left_shelf']} units left their shelf, and {gone} were sent", where)
        if row["came_to_shelf"] != row["received"]:
            yield Violation(
                "V17", f"{row['came_to_shelf']} units came to a shelf, and {row['received']} arrived", where
            )
        on_its_way = gone - row["received"] - row["lost"]
        if on_its_way < 0 or (on_its_way and row["state"] in _ENDED):
            yield Violation("V17", f"{on_its_way} units are on their way, and it is {row['state']}", where)
        if row["from_location"] == row["to_location"]:
            yield Violation("V17", "it goes to where it is from", where)
