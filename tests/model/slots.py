"""Slots as their rules have them: members hold places, order, cancel and move, and a location closes early."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final

from lutong_contracts.values import Place
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.slots import Booking, Ground, Slot, SlotHold
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without

GROUND: Final = Ground("near", "shop", "America/New_York", Place(latitude=31.23, longitude=121.47), 5_000)
HERE: Final = Place(latitude=31.23, longitude=121.47)
DAY: Final = date(2026, 11, 1)
"""The clock is put back in this night, and each slot has one place less than members who want it."""
START: Final = datetime(2026, 11, 1, 2, tzinfo=UTC)
HELD_MAX: Final = 2
LIFE: Final = timedelta(minutes=10)


@dataclass(slots=True)
class Slots:
    """Slots with their places, and the rules that are left out."""

    rng: Random
    without: Without = frozenset()
    now: datetime = START
    slots: dict[str, Slot] = field(default_factory=dict)
    holds: dict[str, SlotHold] = field(default_factory=dict)
    released: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for n in range(6):
            slot = Slot(f"s-{n}", GROUND, None, DAY, n * 120, n * 120 + 120, n * 120 - 60, 3)
            self.slots[slot.slot_id] = slot

    def step(self) -> None:
        """Something happens, at some time."""
        self.now += timedelta(minutes=self.rng.choice((0, 0, 0, 1, 3)))
        self.rng.choice(
            (self.hold, self.hold, self.order, self.order, self.lapse, self.cancel, self.rebook, self.withdraw)
        )()

    def take(self, slot_id: str, held: int, booked: int) -> None:
        """Count places on their slot."""
        slot = self.slots[slot_id]
        self.slots[slot_id] = replace(slot, held=slot.held + held, booked=slot.booked + booked)

    def hold(self) -> None:
        """A member wants a place."""
        slot_id, member = self.rng.choice(list(self.slots)), f"m-{self.rng.randint(0, 9)}"
        mine = sum(h.member_id == member and h.state == "held" and h.expires_at > self.now for h in self.holds.values())
        slot = self.slots[slot_id]
        asked = replace(slot, held=0, booked=0) if "capacity" in self.without else slot
        asked = replace(asked, cut_off=asked.starts + 600) if "cut_off" in self.without else asked
        if domain.hold(asked, HERE, 0 if "hoarding" in self.without else mine, HELD_MAX, self.now) is None:
            hold = SlotHold(f"h-{len(self.holds)}", slot_id, member, "held", domain.expires_at(slot, self.now, LIFE))
            self.holds[hold.hold_id] = hold
            self.take(slot_id, 1, 0)
            if hold.expires_at <= self.now:
                raise BrokenPromiseError(f"I6 a place of {slot_id} was given at {self.now}, after the cut-off")

    def pick(self, *states: str) -> SlotHold | None:
        """Some place in one of these states."""
        found = [hold for hold in list(self.holds.values())[-12:] if hold.state in states]
        return self.rng.choice(found) if found else None

    def order(self) -> None:
        """An order comes with a hold: its member's, or another one's; perhaps too late, perhaps twice."""
        hold = self.pick("held", "booked", "released")
        if hold is None:
            return
        order = Booking(
            f"o-{len(self.holds)}-{self.now:%d%H%M}-{self.rng.random()}",
            f"m-{self.rng.randint(0, 9)}",
            "shop",
            "delivery",
            HERE,
        )
        if self.rng.random() < 0.8:
            order = order._replace(member_id=hold.member_id)
        asked = hold if "owner" not in self.without else hold._replace(member_id=order.member_id)
        asked = asked if "one_winner" not in self.without else asked._replace(state="held")
        asked = asked if "expiry" not in self.without else asked._replace(expires_at=self.now + LIFE)
        if domain.assign(asked, self.slots[hold.slot_id], order, self.now) is None:
            if hold.expires_at <= self.now or hold.member_id != order.member_id:
                raise BrokenPromiseError(f"I5 {hold} was booked with {order} at {self.now}")
            self.holds[hold.hold_id] = hold._replace(state="booked", order_id=order.order_id)
            self.take(hold.slot_id, -1, 1)

    def release(self, hold: SlotHold) -> None:
        """A place is free again."""
        self.released[hold.hold_id] = self.released.get(hold.hold_id, 0) + 1
        self.holds[hold.hold_id] = hold._replace(state="released")
        self.take(hold.slot_id, -(hold.state == "held"), -(hold.state == "booked"))

    def lapse(self) -> None:
        """The deadline of a hold, which comes once more than it should."""
        hold = self.pick("held", "released") if "once" in self.without else self.pick("held")
        if hold is not None and hold.expires_at <= self.now:
            self.release(hold)

    def cancel(self) -> None:
        """An order ends."""
        hold = self.pick("booked")
        if hold is not None:
            self.release(hold)

    def rebook(self) -> None:
        """A member moves an order to another place that they hold."""
        before, hold = self.pick("booked"), self.pick("held")
        if before is None or hold is None or before.member_id != hold.member_id:
            return
        order = Booking(before.order_id or "", before.member_id, "shop", "delivery", HERE)
        if domain.assign(hold, self.slots[hold.slot_id], order, self.now) is None:
            if "moves" not in self.without:
                self.release(before)
            self.holds[hold.hold_id] = hold._replace(state="booked", order_id=order.order_id)
            self.take(hold.slot_id, -1, 1)

    def withdraw(self) -> None:
        """The location closes early."""
        if self.rng.random() > 0.02:
            return
        for slot_id, slot in self.slots.items():
            if domain.is_within(slot, self.now + timedelta(hours=10), None):
                self.slots[slot_id] = replace(slot, withdrawn_for="closes_early")


def check(world: Slots) -> None:
    """I6 and what belongs to it. Raises `BrokenPromiseError` with the first that does not hold."""
    for slot_id, slot in world.slots.items():
        mine = [hold for hold in world.holds.values() if hold.slot_id == slot_id]
        held, booked = (sum(hold.state == state for hold in mine) for state in ("held", "booked"))
        if (slot.held, slot.booked) != (held, booked) or held + booked > slot.capacity:
            raise BrokenPromiseError(f"I6 {slot_id} counts {slot.held}+{slot.booked}, {held}+{booked} are taken")
        if any(hold.state == "held" and hold.expires_at > slot.cut_off_at for hold in mine):
            raise BrokenPromiseError(f"I6 a place of {slot_id} is held past the cut-off")
    if any(number > 1 for number in world.released.values()):
        raise BrokenPromiseError("I7 a place was released twice")
    orders = [hold.order_id for hold in world.holds.values() if hold.state == "booked"]
    if len(set(orders)) < len(orders):
        raise BrokenPromiseError("I8 an order has two places")
    for member in {hold.member_id for hold in world.holds.values()}:
        live = [
            h for h in world.holds.values() if h.member_id == member and h.state == "held" and h.expires_at > world.now
        ]
        if len(live) > HELD_MAX:
            raise BrokenPromiseError(f"{member} holds {len(live)} places")


def run(seed: int, steps: int, without: Without = frozenset()) -> int:
    """Let things happen; gives how many places are booked at the end. Raises what does not hold."""
    world = Slots(Random(seed), without)
    for _ in range(steps):
        world.step()
        check(world)
    return sum(hold.state == "booked" for hold in world.holds.values())
