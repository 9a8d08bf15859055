"""Goods: V6 shelves are the fold of their movements at every step."""

from collections.abc import Iterator

from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World


def stock_is_its_movements(world: World) -> Iterator[Violation]:
    """V6: shelves are the fold of their movements, never below zero or beyond what is there, at any step.

    What a shelf has reserved is the sum of open reservations on it.
    """
    shelves = world.by(
        "location_id, sku",
        shelf="SELECT * FROM inventory.shelf ORDER BY location_id, sku",
        movement="SELECT * FROM inventory.movement ORDER BY location_id, sku, rowid",
        promised="""
            SELECT location_id, sku, sum(units) AS units FROM inventory.reservation
             WHERE state = 'open' AND location_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""",
    )
    for place, of in shelves:
        shelf, folded, witness = of.one("shelf"), [0, 0, 0], ""
        for movement in of.each("movement"):
            if (wrong := _moved(folded, movement)) and not witness:
                witness = f"{place} after movement {movement['movement_id']} (order {movement['order_id']})"
                yield Violation("V6", wrong, witness)
        has = [shelf[name] for name in ("on_hand", "reserved", "unavailable")] if shelf else None
        if has is not None and has != folded:
            yield Violation("V6", f"the shelf has {tuple(has)}, its movements {tuple(folded)}", f"{place}")
        promised = row["units"] if (row := of.one("promised")) else 0
        if promised != (has[1] if has else 0):
            yield Violation("V6", f"{has and has[1]} reserved, {promised} promised", f"{place}")


def _moved(folded: list[int], movement: Row) -> str | None:
    """Add a movement to what is on hand, reserved and unavailable; reports when that cannot be."""
    for index, name in enumerate(("on_hand_delta", "reserved_delta", "unavailable_delta")):
        folded[index] += movement[name]
    on_hand, reserved, _ = folded
    return None if 0 <= reserved <= on_hand else f"{reserved} reserved of {on_hand}"
