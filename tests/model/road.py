"""The road as pure state machines: the services' own decisions, and what a transaction does around them.

Each service takes one event and gives what it says; its state changes with it or not at all. What
the shells do in SQL (inbox, conditional updates, tombstones) is a line of Python here, and each
such line can be left out: then the model must find what breaks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lutong_contracts import Event
from lutong_contracts.feed import RequestCancelled, ServiceRequested
from lutong_contracts.inventory import AcceptanceLapsed, OrderCancelled, OrderFulfilled, OrderRejected, OrderSourced
from lutong_contracts.membership import CreditDeclined, CreditHeld, HoldCaptured, HoldLapsed, HoldReleased
from lutong_contracts.values import Money, Place
from lutong_feed.domain import CANCELLABLE as MAY_REGRET
from lutong_feed.domain import MAY_BECOME
from lutong_inventory.orders.domain.outcome import sourced
from lutong_inventory.orders.domain.steps import CANCELLABLE, next_step
from lutong_inventory.sourcing.domain import decision as sourcing
from lutong_inventory.sourcing.domain.decision import wish_of
from lutong_inventory.sourcing.domain.values import Candidate, Decision, Found, Left
from lutong_inventory.stock.domain.shelves import Shelf
from lutong_membership.agreements.domain.agreement import Pinned
from lutong_membership.holds.domain.holds import Hold, HoldState, capture, released
from lutong_membership.holds.domain.joining import RequestContext, ValidAssessment
from lutong_membership.holds.domain.requests import decide
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, after, reduced, settled
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.newcomers import MemberPlan
from lutong_membership.plans.domain.terms import Plan
from tests.support.builders import SHANGHAI, a_request

MEMBERS: Final = ("m-1", "m-2", "m-3")
WINDOW: Final = timedelta(minutes=30)
_LOCATIONS: Final = (
    Candidate("near", "store", Place(latitude=31.24, longitude=121.48)),
    Candidate("flagship", "flagship", Place(latitude=31.10, longitude=121.40)),
)
_PLAN: Final = Plan("light", "shop", "CNY", 12_000)
Emitted = list[tuple[Event, datetime | None]]
Without = frozenset[str]
"""Safeguards that are left out, by name: each is looked at below or in the broker."""


@dataclass(slots=True)
class Feed:
    """Requests and what their viewers are shown."""

    status: dict[str, Any] = field(default_factory=dict)

    def on(self, event: Event, _now: datetime, _without: Without) -> Emitted:
        shown: dict[type[Event], Any] = {
            CreditDeclined: "declined", OrderSourced: "sourced", OrderRejected: "rejected",
            OrderFulfilled: "fulfilled", OrderCancelled: "cancelled",
        }  # fmt: skip
        status, order_id = shown.get(type(event)), getattr(event, "order_id", "")
        if status and self.status.get(order_id) in MAY_BECOME[status]:
            self.status[order_id] = status
        return []

    def request(self, request: ServiceRequested) -> Emitted:
        self.status[request.order_id] = "requested"
        return [(request, None)]

    def regret(self, order_id: str, viewer_id: str) -> Emitted:
        may = self.status.get(order_id) in MAY_REGRET
        return [(RequestCancelled(order_id=order_id, viewer_id=viewer_id), None)] if may else []


@dataclass(slots=True)
class Registry:
    """How often each program was used."""

    fulfilled: Counter[str] = field(default_factory=Counter)

    def on(self, event: Event, _now: datetime, _without: Without) -> Emitted:
        if isinstance(event, OrderFulfilled):
            self.fulfilled[event.program_id] += 1
        return []


@dataclass(slots=True)
class Membership:
    """Lines, holds and the ledger. A known member is assessed already; how they are is another model's story."""

    lines: dict[LineKey, Line] = field(default_factory=dict)
    agreements: dict[MemberPlan, Pinned] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)

    def on(self, event: Event, now: datetime, without: Without) -> Emitted:
        if isinstance(event, ServiceRequested):
            return self._hold(event, now, without)
        if isinstance(event, OrderFulfilled):
            return self._end(event.order_id, "captured", without)
        if isinstance(event, OrderRejected):
            return self._end(event.order_id, "released", without)
        if isinstance(event, OrderCancelled):
            emitted = self._end(event.order_id, "released", without)
            self.holds.setdefault(event.order_id, Hold(event.order_id, event.member_id, "shop", "XXX", "cancelled"))
            return emitted
        return []

    def _hold(self, request: ServiceRequested, now: datetime, without: Without) -> Emitted:
        known = MEMBERS[:-1]
        context = RequestContext(
            {"shop": _PLAN},
            frozenset(known),
            dict(self.agreements),
            self._roomy() if "limit" in without else dict(self.lines),
            {},
            {order for order, hold in self.holds.items() if hold.state != "cancelled"},
            frozenset(order for order, hold in self.holds.items() if hold.state == "cancelled"),
            standing={name: ValidAssessment(2_000_000, name) for name in known},
        )
        decision = decide(request, context, Clock(now, hold_life=timedelta(days=365)), lambda: f"a-{request.order_id}")
        if decision is None:
            return []
        if decision.agreement:
            self.agreements[MemberPlan(request.viewer_id, "light")] = Pinned(decision.agreement, _PLAN)
        if decision.opened:
            self.lines[decision.opened.key] = decision.opened
        self._write(list(decision.entries))
        self.holds[request.order_id] = decision.hold
        return [(each.event, each.due_at) for each in decision.emitted if not isinstance(each.event, HoldLapsed)]

    def _roomy(self) -> dict[LineKey, Line]:
        return {key: replace(line, held_minor=0, owed_minor=0) for key, line in self.lines.items()}

    def _end(self, order_id: str, state: HoldState, without: Without) -> Emitted:
        hold = self.holds.get(order_id)
        if hold is None or (
            hold.state != "held" and not ("first_ending" in without and hold.state in {"captured", "released"})
        ):
            return []
        line, amount = self.lines[LineKey(hold.member_id, "CNY")], Money(amount_minor=hold.amount_minor, currency="CNY")
        still_held = replace(hold, state="held")
        if state == "captured":
            self._write(capture(still_held, line, amount).entries)
        else:
            self._write(settled(line, released(still_held, line, hold.amount_minor)))
        self.holds[order_id] = replace(hold, state=state)
        facts: dict[str, Any] = {
            "order_id": order_id, "member_id": hold.member_id, "merchant_id": "shop", "amount": amount
        }  # fmt: skip
        return [(HoldCaptured(**facts) if state == "captured" else HoldReleased(**facts, reason="ended"), None)]

    def _write(self, entries: list[Entry]) -> None:
        for entry in entries:
            key = entry.line_key
            self.lines[key] = after(self.lines[key], entry)
            self.ledger.append(entry)

    def repay(self, member: str, amount_minor: int) -> Emitted:
        line = self.lines.get(LineKey(member, "CNY"))
        if line and line.owed_minor:
            legs = reduced("order", member, min(amount_minor, line.owed_minor), "cash")
            self._write(settled(line, Entry("repayment", member, "CNY", legs)))
        return []


@dataclass(slots=True)
class Inventory:
    """Shelves, orders and what is promised to them."""

    on_hand: dict[tuple[str, str], int]
    reserved: Counter[tuple[str, str]] = field(default_factory=Counter)
    orders: dict[str, tuple[Any, CreditHeld, Decision | None]] = field(default_factory=dict)
    recalls: set[str] = field(default_factory=set)
    regretted_early: set[str] = field(default_factory=set)  # for the test: what must not be fulfilled

    def on(self, event: Event, now: datetime, without: Without) -> Emitted:
        if isinstance(event, CreditHeld) and event.order_id not in self.orders:
            return self._source(event, now, without)
        if isinstance(event, AcceptanceLapsed):
            return self.cancel(event.order_id, ("sourced",))
        if isinstance(event, RequestCancelled):
            if event.order_id not in self.orders:
                self.regretted_early.add(event.order_id)
                self.recalls |= set() if "recall" in without else {event.order_id}
            return self.cancel(event.order_id, CANCELLABLE)
        return []

    def _source(self, order: CreditHeld, now: datetime, without: Without) -> Emitted:
        if order.order_id in self.recalls:
            self.orders[order.order_id] = ("cancelled", order, None)
            return [(_cancelled(order), None)]
        promised: Counter[tuple[str, str]] = Counter() if "availability" in without else self.reserved
        wish = wish_of(order.order_id, "shop", order.destination, order.mode, order.lines, 50_000)
        left = Left({Shelf(*shelf): n - promised[shelf] for shelf, n in self.on_hand.items()})
        decision = sourcing.decide(wish, Found(_LOCATIONS), left)
        if decision is None or decision.chosen is None:
            self.orders[order.order_id] = ("rejected", order, None)
            return [(OrderRejected(order_id=order.order_id, merchant_id="shop", reason="out_of_stock"), None)]
        self.orders[order.order_id] = ("sourced", order, decision)
        self.reserved.update(
            {
                (shelf.location_key, sku): units
                for shelf, (sku, units) in zip(decision.shelves, wish.demand, strict=True)
            }
        )
        event = sourced(decision, order.lines, order.mode, now + WINDOW)
        return [(event, None), (AcceptanceLapsed(order_id=order.order_id), now + WINDOW)]

    def cancel(self, order_id: str, states: Sequence[str]) -> Emitted:
        state, order, decision = self.orders.get(order_id, ("", None, None))
        if state not in states or order is None or decision is None:
            return []
        self.orders[order_id] = ("cancelled", order, decision)
        self._close(decision, shipped=False)
        return [(_cancelled(order), None)]

    def advance(self, order_id: str) -> Emitted:
        state, order, decision = self.orders[order_id]
        step = next_step(state, order.mode)
        if step is None or decision is None:
            return []
        self.orders[order_id] = (step, order, decision)
        if step != "fulfilled":
            return []
        self._close(decision, shipped=True)
        shared = order.model_dump(include={"order_id", "member_id", "merchant_id", "post_id", "program_id"})
        location = decision.chosen
        if location is None:
            return []
        fulfilled_ = OrderFulfilled(
            **shared, location_id=location.location_id, location_kind=location.kind, amount=order.amount
        )
        return [(fulfilled_, None)]

    def _close(self, decision: Decision, *, shipped: bool) -> None:
        for shelf, (_, units) in zip(decision.shelves, decision.wish.demand, strict=True):
            self.reserved[shelf] -= units
            if shipped:
                self.on_hand[shelf] -= units


def _cancelled(order: CreditHeld) -> OrderCancelled:
    return OrderCancelled(order_id=order.order_id, member_id=order.member_id, merchant_id="shop", reason="ended")


def a_wish(number: int, member: str, amount_minor: int) -> ServiceRequested:
    """What a viewer asks for."""
    return a_request(f"o-{number}", amount_minor, member).model_copy(update={"destination": SHANGHAI})


START: Final = datetime(2026, 1, 1, tzinfo=UTC)
