"""Goods: V6 shelves are the fold of their movements at every step."""

from collections import Counter
from collections.abc import Iterator

from lutong_console.verify.collect import World
from lutong_console.verify.violation import Violation


def stock_is_its_movements(world: World) -> Iterator[Violation]:
    """V6: shelves are the fold of their movements, never below zero or beyond what is there, at any step."""
    on_hand: Counter[tuple[str, str]] = Counter()
    reserved: Counter[tuple[str, str]] = Counter()
    unavailable: Counter[tuple[str, str]] = Counter()
    broken: set[tuple[str, str]] = set()
    for movement in world.rows("inventory", "movement"):
        shelf = (movement["location_id"], movement["sku"])
        on_hand[shelf] += movement["on_hand_delta"]
        reserved[shelf] += movement["reserved_delta"]
        unavailable[shelf] += movement["unavailable_delta"]
        if not 0 <= reserved[shelf] <= on_hand[shelf] and shelf not in broken:
            broken.add(shelf)
            where = f"{shelf} after movement {movement['movement_id']} (order {movement['order_id']})"
            yield Violation("V6", f"{reserved[shelf]} reserved of {on_hand[shelf]}", where)
    for row in world.rows("inventory", "shelf"):
        shelf = (row["location_id"], row["sku"])
        expected = (row["on_hand"], row["reserved"], row["unavailable"])
        folded = (on_hand[shelf], reserved[shelf], unavailable[shelf])
        if expected != folded:
            yield Violation("V6", f"the shelf has {expected}, its movements {folded}", f"{shelf}")
    yield from _promises(world)


def _promises(world: World) -> Iterator[Violation]:
    """What a shelf has reserved is the sum of open reservations on it."""
    promised: Counter[tuple[str, str]] = Counter()
    for reservation in world.rows("inventory", "reservation"):
        if reservation["state"] == "open":
            promised[reservation["location_id"], reservation["sku"]] += reservation["units"]
    shelves = {(row["location_id"], row["sku"]): row["reserved"] for row in world.rows("inventory", "shelf")}
    for shelf in sorted(promised.keys() | shelves.keys()):
        if promised[shelf] != shelves.get(shelf, 0):
            yield Violation("V6", f"{shelves.get(shelf)} reserved, {promised[shelf]} promised", f"{shelf}")
