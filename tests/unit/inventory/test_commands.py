"""What people ask of shelves, slots and transfers, up to the rule that answers: without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from lutong_contracts.values import Place
from lutong_inventory.refusal import Refusal
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.commands import HoldSlot, RebookOrder, ReleaseHold
from lutong_inventory.slots.domain.slots import Booking, Ground, Slot, SlotHold
from lutong_inventory.stock.domain.commands import (
    CorrectShelves,
    CountShelf,
    CountShelves,
    Happened,
    ProtectShelf,
    Seen,
)
from lutong_inventory.stock.domain.counts import Evidence, corrected, counted, why_bad_units, why_not_past
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock, fold
from lutong_inventory.transfers.domain import Line, Moved, Transfer, draft, step

NOW: Final = datetime(2026, 12, 1, 4, tzinfo=UTC)
TEA: Final = Shelf("near", "tea")
STOCK: Final = Stock(TEA, "shop", on_hand=9)
STAFF: Final = Evidence("staff")
HERE: Final = Place(latitude=31.23, longitude=121.47)
SLOT: Final = Slot("s-1", Ground("near", "shop", "Asia/Shanghai", HERE), None, date(2026, 12, 1), 900, 1020, 780, 10)
HELD: Final = SlotHold("h-1", "s-1", "m-1", "held", NOW + timedelta(minutes=10))


def test_a_counted_shelf_has_what_was_seen() -> None:
    wanted = CountShelf(None, Seen("near", "tea", 7))
    (movement,) = counted(STOCK, wanted.seen.on_hand, 0, STAFF)
    assert STOCK.after(movement).on_hand == 7
    assert (wanted.seen.safety_stock, wanted.seen.counted_at) == (None, None)


def test_of_several_counts_of_one_shelf_the_last_holds() -> None:
    wanted = CountShelves("shop", (Seen("near", "tea", 7), Seen("near", "tea", 4)))
    stock = STOCK
    for seen in wanted.seen:
        for movement in counted(stock, seen.on_hand, 0, STAFF):
            stock = stock.after(movement)
    assert stock.on_hand == 4


def test_what_happened_one_after_the_other_adds_up() -> None:
    happened = (Happened("near", "tea", "received", 5), Happened("near", "tea", "damaged", 2, "wet"))
    wanted = CorrectShelves(None, happened)
    movements = []
    for each in wanted.happened:
        assert why_bad_units(each.kind, each.units) is None
        movement = corrected(STOCK, each.kind, each.units, Evidence("staff", each.reason))
        assert isinstance(movement, Movement)
        movements.append(movement)
    assert fold({TEA: STOCK}, movements)[TEA].on_hand == 12


@pytest.mark.parametrize("happened", [Happened("near", "tea", "received", 0), Happened("near", "tea", "damaged", -1)])
def test_only_what_is_adjusted_may_be_below_zero(happened: Happened) -> None:
    refusal = why_bad_units(happened.kind, happened.units)
    assert refusal is not None
    assert refusal.kind == "bad_units"
    assert why_bad_units("adjusted", -1) is None


def test_nothing_happened_that_is_yet_to_come() -> None:
    assert why_not_past(None, NOW) is None
    assert why_not_past(NOW, NOW) is None
    refusal = why_not_past(NOW + timedelta(seconds=1), NOW)
    assert refusal is not None
    assert refusal.kind == "future"


def test_protected_units_are_never_promised() -> None:
    wanted = ProtectShelf(None, "near", "tea", 9)
    after = STOCK.protected(wanted.units)
    assert (after.available, after.band, after.on_hand) == (0, "out_of_stock", 9)


def test_a_place_that_is_asked_for_is_held_where_there_is_one() -> None:
    wanted = HoldSlot("s-1", "m-1", HERE)
    assert SLOT.left == 10
    assert SLOT.location_id == "near"
    assert domain.hold(SLOT, wanted.destination, 0, 3, NOW) is None
    refusal = domain.hold(replace(SLOT, capacity=0), wanted.destination, 0, 3, NOW)
    assert refusal is not None
    assert refusal.kind == "slot_full"


def test_a_released_place_is_not_booked_again() -> None:
    release, rebook = ReleaseHold("h-1", "m-1"), RebookOrder("o-1", "h-1", "m-1")
    assert (release.hold_id, release.member_id) == (HELD.hold_id, HELD.member_id)
    order = Booking(rebook.order_id, rebook.member_id, "shop", "delivery", HERE)
    assert domain.assign(HELD, SLOT, order, NOW) is None
    refusal = domain.assign(HELD._replace(state="released", released_for="by_member"), SLOT, order, NOW)
    assert refusal is not None
    assert refusal.kind == "slot_taken"


def test_an_area_is_kept_without_its_first_corner_twice() -> None:
    square = [Place(latitude=y, longitude=x) for y, x in ((0, 0), (0, 1), (1, 1), (1, 0))]
    assert domain.area([*square, square[0]]) == domain.area(square) == tuple(square)


def test_a_transfer_between_two_locations_is_drafted_as_it_is() -> None:
    transfer = Transfer("t-1", "shop", "flagship", "near", (Line("tea", 5), Line("cup", 1)))
    assert draft(transfer) == transfer


def test_what_is_not_set_apart_any_more_is_not_put_back() -> None:
    ready = Transfer("t-1", "shop", "near", "far", (Line("tea", 5),), "ready")
    outcome = step(ready, "cancelled", {}, {TEA: STOCK})
    assert not isinstance(outcome, Refusal)
    assert outcome == Moved(replace(ready, state="cancelled"))
