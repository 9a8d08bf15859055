"""Sourcing a batch of orders: looked up together, decided one by one, and again where another transaction was faster."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lutong_chassis import Tx
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Line, Place
from lutong_inventory.settings import InventorySettings
from lutong_inventory.sourcing.domain.decision import decide, decide_all, wish_of
from lutong_inventory.sourcing.domain.values import Decision, Found, Left, Wish
from lutong_inventory.sourcing.store import candidates as store
from lutong_inventory.stock.domain.shelves import Shelf
from lutong_inventory.stock.store.shelves import available

STORES_LOOKED_UP: Final = 16
"""Stores that are looked up at first; where they are not enough, four times as many, until there are no others."""


def wish(order_id: str, merchant_id: str, destination: Place, mode: str, lines: Sequence[Line]) -> Wish:
    """What an order needs, with how far locations serve in its mode that set no radius."""
    settings = settings_of(InventorySettings)
    reach_m = settings.pickup_reach_m if mode == "pickup" else settings.delivery_reach_m
    return wish_of(order_id, merchant_id, destination, mode, lines, reach_m)


async def decide_orders(tx: Tx, wishes: Sequence[Wish], *, lock: bool = True) -> list[Decision]:
    """Decide on as many orders as can be decided before another look at the database: all of them, nearly always.

    What is decided on is locked: shelves, and the days of locations that take so many orders only. A trial locks nothing.
    """
    stores_max = STORES_LOOKED_UP
    while True:
        found = await store.find(tx, wishes, tx.now, stores_max)
        found |= await _in_parts(tx, wishes, found, every=stores_max > STORES_LOOKED_UP)
        decisions = await _decide(tx, wishes, found, lock=lock)
        if decisions or not wishes:
            return await _with_reasons(tx, decisions)
        stores_max *= 4


async def _in_parts(tx: Tx, wishes: Sequence[Wish], found: Mapping[str, Found], *, every: bool) -> dict[str, Found]:
    """Who has something of those orders that none has as a whole; of every one that may be split, at a second look."""
    nobody = Found(())
    wanted = [each for each in wishes if each.may_split and (every or not found.get(each.order_id, nobody).candidates)]
    parts = await store.find_parts(tx, wanted, tx.now) if wanted else {}
    return {order_id: found.get(order_id, nobody)._replace(splitting=each) for order_id, each in parts.items()}


async def decide_each(tx: Tx, wishes: Sequence[Wish]) -> list[Decision]:
    """What would be decided on each order if it came alone and now. Nothing is locked: the search found only those that have
    all of it, and no order takes what another one wants.
    """
    decided: dict[str, Decision] = {}
    asking, stores_max = list(wishes), STORES_LOOKED_UP
    while asking:
        found = await store.find(tx, asking, tx.now, stores_max)
        for each in asking:
            candidates = found.get(each.order_id, Found(()))
            units = {Shelf(one.key, sku): n for one in candidates.candidates for sku, n in each.demand}
            decision = decide(each, candidates, Left(units))
            if decision is not None:
                decided[each.order_id] = decision
        asking = [each for each in asking if each.order_id not in decided]
        stores_max *= 4
    return await _with_reasons(tx, [decided[each.order_id] for each in wishes])


async def _decide(tx: Tx, wishes: Sequence[Wish], found: dict[str, Found], *, lock: bool) -> list[Decision]:
    """Decide on what the shelves have, lock those that were chosen, and decide again if they had changed."""
    units = await available(tx, _shelves(wishes, found))
    orders: dict[str, int] = {}
    shelves_locked: set[Shelf] = set()
    while True:
        decisions = decide_all(wishes, found, Left(dict(units), dict(orders)))
        parts = [part for decision in decisions for part in decision.parts]
        chosen = [part.chosen for part in parts if part.chosen]
        full_some_day = sorted({each.key for each in chosen if each.daily_capacity is not None} - orders.keys())
        shelves = {shelf for part in parts for shelf in part.shelves} - shelves_locked
        if not lock or (not full_some_day and not shelves):
            return decisions
        if full_some_day:
            orders |= await store.orders_today(tx, full_some_day, tx.now)
        units |= await available(tx, shelves, lock=True)
        shelves_locked |= shelves


def _shelves(wishes: Sequence[Wish], found: Mapping[str, Found]) -> Iterator[Shelf]:
    """The shelves that wishes are decided on."""
    for wish in wishes:
        candidates, _, splitting = found.get(wish.order_id, Found(()))
        for sku, _ in wish.demand:
            yield from (Shelf(each.key, sku) for each in candidates)
        for stocked in splitting.stocked if splitting else ():
            yield from (Shelf(stocked.candidate.key, sku) for sku in stocked.skus)


async def _with_reasons(tx: Tx, decisions: list[Decision]) -> list[Decision]:
    """Where nobody can serve an order, add what they all lack."""
    nobody = [decision.wish for decision in decisions if decision.chosen is None]
    reasons = await store.why_nobody(tx, nobody, tx.now) if nobody else {}
    return [
        decision if decision.chosen else replace(decision, reason=reasons.get(decision.wish.order_id, decision.reason))
        for decision in decisions
    ]


async def count_given(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Count what locations were given today. A flagship that takes any number is not counted: all of a day would wait for
    its one row."""
    given = Counter(
        part.chosen.key
        for decision in decisions
        for part in decision.parts
        if part.chosen and (part.chosen.kind == "store" or part.chosen.daily_capacity is not None)
    )
    if given:
        await store.count_orders(tx, given, tx.now)
