"""Inventory as its rules have it, without database and broker: locations, orders, and what is done to them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Final

from lutong_contracts.values import Line, Place
from lutong_inventory.orders.domain.outcome import numbered
from lutong_inventory.orders.domain.steps import CANCELLABLE, LEAVES_WITH, State, next_step
from lutong_inventory.pickup.domain import FreshCode, PickupCode, made, shown
from lutong_inventory.sourcing.domain.decision import decide_in_parts, wish_of
from lutong_inventory.sourcing.domain.values import Candidate, Decision, Found, Left, Splitting, Stocked, Wish
from lutong_inventory.stock.domain.counts import Evidence, Promise, broken, counted, released
from lutong_inventory.stock.domain.shelves import Demand, Movement, Shelf, Stock

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
SKUS: Final = ("tea", "cup")
PLACES: Final = {f"s-{n}": Place(latitude=31.2 + n / 50, longitude=121.47) for n in range(4)}
HOPS_MAX: Final = 3
CAPACITY: Final = 12

Without = frozenset[str]


@dataclass(slots=True)
class Order:
    """An order: where it is, where it was, and what it has set aside there."""

    wish: Wish
    state: State = "rejected"
    places: list[str] = field(default_factory=list)
    reserved: dict[Shelf, int] = field(default_factory=dict)
    promised_at: datetime = START
    code: PickupCode | None = None
    text: str = ""
    shipped: int = 0
    handed: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    """Reservations as they are stored, by SKU: they stay when they are given back."""
    decided: list[int] = field(default_factory=list)
    """The numbers of the decisions on it."""
    asked: tuple[Demand, ...] = ()
    """What was ordered, over all parts."""


@dataclass(slots=True)
class World:
    """Everything, and the rules that are left out of it."""

    rng: Random
    without: Without = frozenset()
    now: datetime = START
    stocks: dict[Shelf, Stock] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    today: Counter[str] = field(default_factory=Counter)
    aside: dict[str, Order] = field(default_factory=dict)
    """Orders that have, or had until lately, something set aside."""

    def __post_init__(self) -> None:
        for key in PLACES:
            for sku in SKUS:
                shelf = Shelf(key, sku)
                self.stocks[shelf] = Stock(shelf, "shop")
                self.move(Movement(shelf, "received", self.rng.randint(0, 6)))

    def move(self, *movements: Movement) -> None:
        """Move shelves as the statement does: what is reserved must be there."""
        for movement in movements:
            stock = self.stocks[movement.shelf]
            unchecked = "availability" in self.without or "destination" in self.without
            self.stocks[movement.shelf] = stock.found(movement) if unchecked else stock.after(movement)
            if "fold" not in self.without or movement.kind != "counted":
                self.movements.append(movement)

    def step(self) -> None:
        """One random action."""
        self.now += timedelta(seconds=1)
        actions: list[Callable[[], None]] = [
            self.arrive, self.arrive, self.advance, self.advance, self.decline, self.cancel, self.lapse, self.count,
            self.receive, self.hold_back, self.collect,
        ]  # fmt: skip
        self.rng.choice(actions)()
        if self.rng.random() < 0.01:
            self.today.clear()  # midnight

    def arrive(self) -> None:
        """An order comes; two of its lines may be for one SKU."""
        lines = [Line(sku=self.rng.choice(SKUS), units=self.rng.randint(1, 2), unit_price_minor=1) for _ in range(2)]
        mode = self.rng.choice(("delivery", "pickup"))
        key = f"o-{len(self.orders)}"
        wish = wish_of(key, "shop", self.rng.choice(list(PLACES.values())), mode, lines, 50_000)
        if "demand" in self.without:
            wish = replace(
                wish, demand=tuple(Demand(*item) for item in {line.sku: line.units for line in lines}.items())
            )
        order = self.orders[key] = Order(replace(wish, demand=wish.demand), asked=wish.demand)
        self.source(order, lines)

    def source(self, order: Order, lines: Sequence[Line] = ()) -> None:
        """Send an order to the best location that did not have it, or end it."""
        ignores = "availability" in self.without or ("destination" in self.without and order.places)
        units = {shelf: 99 if ignores else stock.available for shelf, stock in self.stocks.items()}
        candidates = [
            Candidate(
                key, "store", place, 0.0, 50_000, self.today[key], None if "capacity" in self.without else CAPACITY
            )
            for key, place in PLACES.items()
            if key not in order.places or "never_back" in self.without
        ]
        some = [Stocked(each, frozenset(SKUS)) for each in candidates]
        decision = decide_in_parts(order.wish, Found(candidates, splitting=Splitting(2, some)), Left(units))
        if (
            decision is None
            or decision.chosen is None
            or (len(order.places) >= HOPS_MAX and "hops" not in self.without)
        ):
            order.state = "cancelled" if order.places else "rejected"
            return
        needed = Counter[str]()
        for line in lines:
            needed[line.sku] += line.units
        had = list(order.places)
        before = len(order.decided) if "own_numbers" not in self.without else len(had)
        numbers = numbered(decision.parts, before)
        if "own_numbers" in self.without:
            numbers = dict.fromkeys(numbers, before + 1)
        for part in decision.parts[:1] if "all_parts" in self.without else decision.parts:
            of_part = self.orders.setdefault(part.wish.order_id, Order(part.wish, places=list(had)))
            whole = part.wish.part_of is None or "one_part" in self.without
            of_part.wish = replace(part.wish, demand=order.wish.demand if whole else part.wish.demand)
            of_part.decided.append(numbers[part.wish.order_id])
            if "left_behind" not in self.without:
                of_part.rows = {
                    sku: n for sku, n in of_part.rows.items() if sku in {d.sku for d in of_part.wish.demand}
                }
            self.give(of_part, part, {sku: needed[sku] or units for sku, units in of_part.wish.demand})

    def give(self, order: Order, decision: Decision, needed: dict[str, int]) -> None:
        """A location has an order, or a part of one, and sets aside what it needs."""
        if decision.chosen is None:
            return
        order.state, order.promised_at = "sourced", self.now
        self.aside[order.wish.order_id] = order
        order.places.append(decision.chosen.key)
        self.today[decision.chosen.key] += 1
        for sku, wanted in needed.items():
            shelf = Shelf(decision.chosen.key, sku)
            order.reserved[shelf] = order.rows[sku] = wanted
            self.move(Movement(shelf, "reserved", reserved_delta=wanted, order_id=order.wish.order_id))

    def release(self, order: Order) -> None:
        """What is set aside for an order goes back."""
        for shelf, units in order.reserved.items():
            self.move(Movement(shelf, "released", reserved_delta=-units, order_id=order.wish.order_id))
        if "once" not in self.without:
            order.reserved = {}

    def pick(self, states: Sequence[State]) -> Order | None:
        """Some order in one of these states."""
        latest = [*islice(reversed(self.orders.values()), 40)][::-1]
        found = [order for order in latest if order.state in states]
        return self.rng.choice(found) if found else None

    def advance(self) -> None:
        """Staff takes the next step with an order; goods that are picked up take their code."""
        order = self.pick(("sourced", "accepted", "picked", "ready_for_pickup", "handed_over"))
        if order is None:
            return
        step = next_step(order.state, order.wish.mode)
        if step is None or (order.state == "ready_for_pickup" and "code" not in self.without):
            return
        self.take(order, step)

    def take(self, order: Order, step: State) -> None:
        """Go a step on; goods leave the shelf with one of them."""
        order.state = step
        if step == LEAVES_WITH[order.wish.mode]:
            order.shipped += 1
            for shelf, units in order.reserved.items():
                self.move(Movement(shelf, "shipped", -units, -units, order_id=order.wish.order_id))
            order.reserved = {}
        if step == "ready_for_pickup":
            fresh = made(None, order.wish.order_id, self.rng.randbytes(48), self.now + timedelta(hours=1))
            if isinstance(fresh, FreshCode):
                order.code, order.text = fresh.kept, fresh.text
        if step == "fulfilled":
            order.handed += 1

    def collect(self) -> None:
        """A code is shown, which may be a wrong one, or one that was shown before."""
        order = self.pick(("ready_for_pickup", "fulfilled"))
        if order is None or order.code is None:
            return
        given = order.text if self.rng.random() < 0.7 else "WRONGONE"
        used = order.code if "single_use" not in self.without else replace(order.code, used_at=None)
        checked = shown(used, given, self.now)
        order.code = checked.kept or order.code
        if checked.refusal is None and (order.state == "ready_for_pickup" or "single_use" in self.without):
            self.take(order, "fulfilled")

    def decline(self) -> None:
        """A location cannot serve an order after all."""
        order = self.pick(CANCELLABLE)
        if order is not None:
            self.release(order)
            self.source(order)

    def cancel(self) -> None:
        """The member does not want it any more; the word may come twice."""
        order = self.pick(("cancelled", *CANCELLABLE))
        if order is not None and (order.state in CANCELLABLE or "once" in self.without):
            order.state = "cancelled"
            self.release(order)

    def lapse(self) -> None:
        """A deadline comes; the order may have been accepted meanwhile, or handed over."""
        order = self.pick(("sourced", "accepted", "handed_over", "fulfilled"))
        if order is not None and (order.state == "sourced" or "one_winner" in self.without):
            self.release(order)
            self.source(order)

    def count(self) -> None:
        """Staff counts a shelf, and may find less than is promised."""
        shelf = self.rng.choice(list(self.stocks))
        stock = self.stocks[shelf]
        movements = counted(stock, self.rng.randint(0, 6), 0, Evidence("staff"))
        after = stock
        for movement in movements:
            after = after.found(movement)
        self.aside = {key: order for key, order in self.aside.items() if order.reserved}
        promises = [
            Promise(
                order.wish.order_id, shelf, order.reserved[shelf], CANCELLABLE.index(order.state), order.promised_at
            )
            for order in self.aside.values()
            if shelf in order.reserved and order.state in CANCELLABLE
        ]
        lost = [] if "breaks" in self.without else broken(stock, after, promises)
        self.move(*released(lost, "short"), *movements)
        for promise in lost:
            order = self.orders[promise.order_id]
            del order.reserved[shelf]
            self.release(order)
            self.source(order)

    def receive(self) -> None:
        """Goods come."""
        shelf = self.rng.choice(list(self.stocks))
        if self.stocks[shelf].on_hand < 12:
            self.move(Movement(shelf, "received", self.rng.randint(1, 3)))

    def hold_back(self) -> None:
        """Quality is in doubt, or it is not any more."""
        shelf = self.rng.choice(list(self.stocks))
        stock = self.stocks[shelf]
        units = 1 if stock.available > 0 and stock.unavailable == 0 else -stock.unavailable
        if units:
            self.move(Movement(shelf, "held_back" if units > 0 else "cleared", unavailable_delta=units))
