"""What must hold of inventory after each step, and a run of steps."""

from collections import Counter, defaultdict
from random import Random
from typing import Final

from lutong_inventory.stock.domain.shelves import OversoldError, Shelf, Stock
from tests.model.shelves import CAPACITY, HOPS_MAX, Order, Without, World


class BrokenPromiseError(AssertionError):
    """An invariant does not hold."""


def check(world: World) -> None:
    """I1 to I9, as far as they are built. Raises `BrokenPromiseError` with the first that does not hold."""
    folded = {shelf: Stock(shelf, "shop") for shelf in world.stocks}
    promised: Counter[Shelf] = Counter()
    for movement in world.movements:
        folded[movement.shelf] = folded[movement.shelf].found(movement)
    parts_of: defaultdict[str | None, list[Order]] = defaultdict(list)
    for order in world.orders.values():
        promised.update(order.reserved)
        parts_of[order.wish.part_of].append(order)
    for shelf, stock in world.stocks.items():
        _holds(0 <= stock.reserved <= stock.on_hand, f"I1 {stock.reserved} of {stock.on_hand} are promised at {shelf}")
        mine = (stock.on_hand, stock.reserved, stock.unavailable)
        theirs = (folded[shelf].on_hand, folded[shelf].reserved, folded[shelf].unavailable)
        _holds(mine == theirs, f"I2 {shelf} is {mine}, its movements say {theirs}")
        _holds(
            stock.reserved == promised[shelf],
            f"I7 {stock.reserved} are reserved at {shelf}, {promised[shelf]} promised",
        )
    for key, n in world.today.items():
        _holds(n <= CAPACITY, f"I6 {key} has {n} orders today")
    for order_id, order in world.orders.items():
        _holds(len(order.places) == len(set(order.places)) <= HOPS_MAX, f"I4 {order_id} was at {order.places}")
        _holds(order.shipped <= 1 and order.handed <= 1, f"I8 {order_id} was shipped {order.shipped} times")
        kept = order.state in {"sourced", "accepted", "picked", "ready_for_pickup"}
        _holds(kept == bool(order.reserved), f"I5 {order_id} is {order.state} and has {order.reserved}")
        if order.asked and order.state != "rejected":
            parts = [order, *(each for each in parts_of[order_id] if each is not order)]
            consists = sorted(needed for part in parts for needed in part.wish.demand)
            _holds(consists == sorted(order.asked), f"I8 {order_id} is {order.asked}, and its parts {consists}")
        if order.places:
            aside = sorted(order.rows.items())
            _holds(
                aside == sorted(order.wish.demand), f"I8 {order_id} is {order.wish.demand}, and has {aside} set aside"
            )
        _holds(
            order.decided == list(range(1, len(order.decided) + 1)), f"I4 {order_id} has the decisions {order.decided}"
        )
        by_code = order.state == "fulfilled" and order.wish.mode == "pickup"
        _holds(not by_code or bool(order.code and order.code.used_at), f"I9 {order_id} was handed over without a code")


def _holds(condition: bool, what: str) -> None:
    if not condition:
        raise BrokenPromiseError(what)


def run(seed: int, steps: int, without: Without = frozenset(), every: int = 1) -> int:
    """Let things happen; gives how many orders were handed over. Raises what does not hold."""
    world = World(Random(seed), without)
    for number in range(steps):
        world.step()
        if number % every == 0:
            check(world)
    check(world)
    return sum(order.handed for order in world.orders.values())


CAUGHT: Final = (BrokenPromiseError, OversoldError)
