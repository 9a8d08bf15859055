"""Goods: V6 shelves are the fold of their movements at every step, V7 everything that was begun ends once."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lutong_console.verify.collect import World, moment
from lutong_console.verify.violation import Violation

DEADLINE_GRACE: Final = timedelta(seconds=60)

_ENTRIES_OF_HOLD: Final[dict[str, dict[str, int]]] = {
    "held": {"hold": 1},
    "captured": {"hold": 1, "capture": 1},
    "released": {"hold": 1, "release": 1},
    "expired": {"hold": 1, "expiry": 1},
    "waiting": {},
    "declined": {},
    "cancelled": {},
}
_MOVEMENTS_OF_RESERVATION: Final = {
    "open": {"reserved": 1},
    "shipped": {"reserved": 1, "shipped": 1},
    "released": {"reserved": 1, "released": 1},
}


def stock_is_its_movements(world: World) -> Iterator[Violation]:
    """V6: shelves are the fold of their movements, never below zero or beyond what is there, at any step."""
    on_hand: Counter[tuple[str, str]] = Counter()
    reserved: Counter[tuple[str, str]] = Counter()
    broken: set[tuple[str, str]] = set()
    for movement in world.rows("inventory", "movement"):
        shelf = (movement["location_id"], movement["sku"])
        on_hand[shelf] += movement["on_hand_delta"]
        reserved[shelf] += movement["reserved_delta"]
        if not 0 <= reserved[shelf] <= on_hand[shelf] and shelf not in broken:
            broken.add(shelf)
            where = f"{shelf} after movement {movement['movement_id']} (order {movement['order_id']})"
            yield Violation("V6", f"{reserved[shelf]} reserved of {on_hand[shelf]}", where)
    for row in world.rows("inventory", "shelf"):
        shelf = (row["location_id"], row["sku"])
        said, folded = (row["on_hand"], row["reserved"]), (on_hand[shelf], reserved[shelf])
        if said != folded:
            yield Violation("V6", f"the shelf says {said}, its movements {folded}", f"{shelf}")
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


def everything_ends_once(world: World) -> Iterator[Violation]:
    """V7: a hold is captured or released once, a reservation shipped or released once, no deadline is overdue."""
    yield from _holds(world)
    yield from _reservations(world)
    for service in world.tables:
        for row in world.rows(service, "deadline"):
            if moment(row, "due_at") + DEADLINE_GRACE < moment(row, "read_at"):
                yield Violation("V7", f"{service}: a deadline is overdue", f"event {row['event_id']}, key {row['key']}")


def _holds(world: World) -> Iterator[Violation]:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in world.rows("membership", "entry"):
        if entry["order_id"]:
            kinds[entry["order_id"]][entry["kind"]] += 1
    for hold in world.rows("membership", "hold"):
        found = dict(kinds[hold["order_id"]])
        if found != _ENTRIES_OF_HOLD[hold["state"]]:
            yield Violation("V7", f"a hold that is {hold['state']} with entries {found}", f"order {hold['order_id']}")


def _reservations(world: World) -> Iterator[Violation]:
    kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for movement in world.rows("inventory", "movement"):
        if movement["order_id"] and movement["kind"] != "returned":
            kinds[movement["order_id"], movement["sku"]][movement["kind"]] += 1
    for row in world.rows("inventory", "reservation"):
        found = dict(kinds[row["order_id"], row["sku"]])
        if found != _MOVEMENTS_OF_RESERVATION[row["state"]]:
            what = f"a reservation that is {row['state']} with movements {found}"
            yield Violation("V7", what, f"order {row['order_id']}, {row['sku']}")
