"""What a member is promised of goods at a place, by the decision that sourcing would make now. Pure: no clock, no database.

A store that can serve now is promised first. Otherwise a slot of delivery, where one comes before what the flagship sends;
then the flagship. What is promised is what an order gets: a slot when a place in it is held first, the others as they are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from lutong_contracts.values import Place, Window
from lutong_inventory.orders.domain.offers import eta
from lutong_inventory.slots.domain.sentences import offered
from lutong_inventory.slots.domain.slots import Slot, hold, too_early
from lutong_inventory.sourcing.domain.geometry import distance_m
from lutong_inventory.sourcing.domain.sentences import Why, why
from lutong_inventory.sourcing.domain.values import Decision

Kind = Literal["delivery", "pickup", "slot", "flagship"]
"""How goods come: a store delivers now or has them ready, it delivers in a slot, or the flagship sends them."""


class Terms(NamedTuple):
    """How long a store takes, how long the flagship does, and how many days ahead a place in a slot can be held."""

    store_eta: timedelta
    flagship_eta: timedelta
    days_ahead: int


class Promise(NamedTuple):
    """From where goods come, and when: `within` so long, or in the window of a slot that takes orders until `order_by`."""

    kind: Kind
    location_id: str
    distance_m: int
    text: Why
    within: timedelta | None = None
    window: Window | None = None
    order_by: datetime | None = None
    slot_id: str | None = None


class Availability(NamedTuple):
    """What is promised, and why; without a promise nobody can serve, for this reason."""

    promise: Promise | None
    reason: str | None
    why: Why


def needs_slots(decision: Decision) -> bool:
    """Whether slots have to be looked at: no store delivers now."""
    return decision.wish.mode == "delivery" and (decision.chosen is None or decision.chosen.kind == "flagship")


def availability(decision: Decision, slots: Sequence[Slot], terms: Terms, now: datetime) -> Availability:
    """What a member is promised. `slots` are those of locations that have the goods."""
    by_decision = _by_decision(decision, terms)
    slot = _earliest(slots, decision.wish.destination, terms, now) if needs_slots(decision) else None
    if slot and (by_decision is None or slot.window.ends_at <= now + terms.flagship_eta):
        _, reason = offered(slot, decision.wish.destination, now)
        return Availability(_in_slot(slot, decision.wish.destination, now), None, reason)
    return Availability(by_decision, decision.reason, why(decision.considered, decision.reason))


def _by_decision(decision: Decision, terms: Terms) -> Promise | None:
    chosen, metres = decision.chosen, decision.distance_m or 0
    if chosen is None:
        return None
    if decision.wish.mode == "pickup":
        text = Why(
            f"ready in about {_minutes(terms.store_eta)} min at {chosen.called}, {_km(metres)} km away",
            f"约 {_minutes(terms.store_eta)} 分钟后可到 {chosen.called} 自提，距离 {_km(metres)} 公里",
        )
        return Promise("pickup", chosen.location_id, metres, text, terms.store_eta)
    within = eta(chosen.kind, metres, terms.store_eta, terms.flagship_eta)
    if chosen.kind == "flagship":
        days = -(-within // timedelta(days=1))
        text = Why(f"sent by the flagship, there in about {days} d", f"由旗舰店发货，约 {days} 天送达")
        return Promise("flagship", chosen.location_id, metres, text, within)
    text = Why(
        f"delivered in about {_minutes(within)} min from {chosen.called}, {_km(metres)} km away",
        f"约 {_minutes(within)} 分钟从 {chosen.called} 送达，距离 {_km(metres)} 公里",
    )
    return Promise("delivery", chosen.location_id, metres, text, within)


def _earliest(slots: Sequence[Slot], destination: Place, terms: Terms, now: datetime) -> Slot | None:
    """The slot that begins first, of those in which a place can be held; of equally early ones the nearest."""
    free = [
        each
        for each in slots
        if hold(each, destination, 0, 1, now) is None and too_early(each, now, terms.days_ahead) is None
    ]
    return min(
        free,
        key=lambda each: (each.window.starts_at, distance_m(each.ground.place, destination), each.slot_id),
        default=None,
    )


def _in_slot(slot: Slot, destination: Place, now: datetime) -> Promise:
    metres = round(distance_m(slot.ground.place, destination))
    zone, window = ZoneInfo(slot.ground.zone), slot.window
    start, end, until = (each.astimezone(zone) for each in (window.starts_at, window.ends_at, slot.cut_off_at))
    days = (start.date() - now.astimezone(zone).date()).days
    date = f"{start:%m-%d}"
    en, zh = {0: ("today", "今天"), 1: ("tomorrow", "明天")}.get(days, (f"on {date}", date))
    text = Why(
        f"delivered {en} {start:%H:%M}-{end:%H:%M}; order by {until:%m-%d %H:%M}",
        f"{zh} {start:%H:%M}-{end:%H:%M} 送达；请在 {until:%m-%d %H:%M} 前下单",
    )
    return Promise("slot", slot.location_id, metres, text, None, window, slot.cut_off_at, slot.slot_id)


def _minutes(span: timedelta) -> int:
    """Whole minutes, rounded up: nothing is promised earlier than it may come."""
    return -(-span // timedelta(minutes=1))


def _km(metres: int) -> str:
    return f"{metres / 1000:.1f}"
