"""A shelf is the fold of its movements, and says when it runs empty: rules without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.inventory import StockBandChanged, StockDepleted, StockRestored
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.counts import Correction, Evidence, Promise, broken, corrected, counted, released
from lutong_inventory.stock.domain.shelves import Movement, OversoldError, Shelf, Stock, fold, shelf_news

SHELF: Final = Shelf("near", "tea")
NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
STAFF: Final = Evidence("staff")


def a_stock(on_hand: int = 5, reserved: int = 0, safety_stock: int = 0, unavailable: int = 0) -> Stock:
    return Stock(SHELF, "shop", on_hand, reserved, safety_stock, unavailable).published()


def reserved(units: int) -> Movement:
    return Movement(SHELF, "reserved" if units > 0 else "released", reserved_delta=units)


def a_promise(order_id: str, units: int = 1, step: int = 0, minutes: int = 0) -> Promise:
    return Promise(order_id, SHELF, units, step, NOON + timedelta(minutes=minutes))


def test_what_can_be_promised_is_what_nothing_else_needs() -> None:
    assert a_stock(10, reserved=3, safety_stock=2, unavailable=1).available == 4


def test_more_than_there_is_cannot_be_reserved() -> None:
    with pytest.raises(OversoldError):
        a_stock(3, safety_stock=1).after(reserved(3))
    with pytest.raises(OversoldError):
        a_stock(3, reserved=2).after(Movement(SHELF, "damaged", on_hand_delta=-2))


@pytest.mark.parametrize(
    ("before", "movement", "published"),
    [
        (a_stock(1), reserved(1), StockDepleted),
        (a_stock(1, reserved=1), reserved(-1), StockRestored),
        (a_stock(9, reserved=9), reserved(-1), None),
        (a_stock(9, reserved=9), reserved(-2), StockRestored),
        (a_stock(0), Movement(SHELF, "received", 1), StockRestored),
        (a_stock(5), reserved(4), None),
        (a_stock(9), reserved(4), StockBandChanged),
        (a_stock(9, reserved=4), reserved(-2), None),
        (a_stock(9, reserved=4), reserved(-3), StockBandChanged),
        (a_stock(5), Movement(SHELF, "held_back", unavailable_delta=5), StockDepleted),
    ],
)
def test_a_shelf_is_published_when_its_band_is_another_one(
    before: Stock, movement: Movement, published: type[StockDepleted | StockRestored | StockBandChanged] | None
) -> None:
    after = before.after(movement)
    news = shelf_news({SHELF: before}, {SHELF: after})
    facts = {"merchant_id": "shop", "location_id": "near", "sku": "tea", "band": after.band}
    assert [(type(event), event.model_dump()) for event in news] == ([(published, facts)] if published else [])
    assert all(event.key == "near:tea" for event in news)


def test_one_unit_that_goes_back_and_forth_is_published_once() -> None:
    stock, published = a_stock(9, reserved=8), 0
    for units in (1, -1, 1, -1, 1, -1):
        after = stock.after(reserved(units))
        published += len(shelf_news({SHELF: stock}, {SHELF: after}))
        stock = after
    assert published == 1


def test_what_was_sold_after_a_count_stays_sold() -> None:
    an_hour_ago = Evidence("staff", occurred_at=NOON - timedelta(hours=1))
    (movement,) = counted(a_stock(6), 10, -2, an_hour_ago)
    assert a_stock(6).after(movement).on_hand == 8


def test_a_count_that_confirms_moves_nothing() -> None:
    assert counted(a_stock(6), 6, 0, STAFF) == []


def test_an_older_count_does_not_overrule_a_newer_one() -> None:
    stock = replace(a_stock(6), counted_at=NOON)
    assert counted(stock, 99, 0, Evidence("staff", occurred_at=NOON - timedelta(minutes=1))) == []


@pytest.mark.parametrize(
    ("kind", "units", "on_hand", "available"),
    [("received", 3, 8, 8), ("adjusted", -2, 3, 3), ("damaged", 2, 3, 3), ("held_back", 2, 5, 3)],
)
def test_a_correction_names_what_happened(kind: Correction, units: int, on_hand: int, available: int) -> None:
    movement = corrected(a_stock(5), kind, units, STAFF)
    assert isinstance(movement, Movement)
    after = a_stock(5).after(movement)
    assert (movement.kind, after.on_hand, after.available) == (kind, on_hand, available)


def test_what_is_held_back_is_cleared_and_no_more() -> None:
    held = a_stock(5, unavailable=2)
    cleared = corrected(held, "cleared", 2, STAFF)
    assert isinstance(cleared, Movement)
    assert held.after(cleared).available == 5
    assert isinstance(corrected(held, "cleared", 3, STAFF), Refusal)
    assert isinstance(corrected(held, "damaged", 6, STAFF), Refusal)


def test_the_latest_promises_break_first_and_goods_in_hand_last() -> None:
    promises = [a_promise("first"), a_promise("last", minutes=9), a_promise("picked", step=3, minutes=99)]
    stock, after = a_stock(3, reserved=3), a_stock(1)
    lost = broken(stock, after, promises)
    assert [promise.order_id for promise in lost] == ["last", "first"]
    assert fold({SHELF: stock}, [*released(lost, "short"), Movement(SHELF, "counted", -2)])[SHELF].reserved == 1


def test_a_count_that_keeps_every_promise_breaks_none() -> None:
    assert broken(a_stock(3, reserved=2), a_stock(2), [a_promise("a"), a_promise("b")]) == []


@given(
    st.lists(st.tuples(st.sampled_from(["receive", "reserve", "release", "ship", "hold", "count"]), st.integers(1, 4)))
)
def test_nothing_that_is_asked_for_leaves_a_shelf_below_zero(actions: list[tuple[str, int]]) -> None:
    stock, movements = a_stock(3), []
    for action, units in actions:
        free, promised = max(0, stock.available), stock.reserved
        movement = {
            "receive": Movement(SHELF, "received", units),
            "reserve": reserved(min(units, free)),
            "release": reserved(-min(units, promised)),
            "ship": Movement(SHELF, "shipped", -min(units, promised), -min(units, promised)),
            "hold": Movement(SHELF, "held_back", unavailable_delta=min(units, free)),
            "count": Movement(SHELF, "counted", promised + units - stock.on_hand),
        }[action]
        stock = stock.after(movement)
        movements.append(movement)
        assert 0 <= stock.reserved <= stock.on_hand
    assert fold({SHELF: a_stock(3)}, movements).get(SHELF, stock) == stock
