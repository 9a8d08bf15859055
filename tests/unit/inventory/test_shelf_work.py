"""Commands on the shelves of a batch: each is decided on what those before it left. Rules without a database."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lutong_contracts.inventory import StockAdjusted, StockDepleted
from lutong_inventory.stock.domain.counts import Evidence, Promise, why_bad_units, why_not_past
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock
from lutong_inventory.stock.domain.work import ShelfWork, found_after, short

SHELF: Final = Shelf("near", "tea")
NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)


def a_work(on_hand: int = 5, reserved: int = 0, promises: int = 0) -> ShelfWork:
    made = [Promise(f"o-{n}", SHELF, 1, 0, NOON + timedelta(minutes=n)) for n in range(promises)]
    return ShelfWork({SHELF: Stock(SHELF, "shop", on_hand, reserved).published()}, {SHELF: made})


def counted(delta: int) -> Movement:
    return Movement(SHELF, "counted", delta, actor="staff")


def test_a_second_command_goes_on_from_the_first() -> None:
    work = a_work()
    first, second = work.take([counted(-2)]), work.take([counted(4)])
    assert (first.after[SHELF].on_hand, second.before[SHELF].on_hand, second.after[SHELF].on_hand) == (3, 3, 7)
    assert work.before[SHELF].on_hand == 5
    assert len(work.movements) == 2


def test_a_promise_breaks_once_the_latest_first() -> None:
    work = a_work(on_hand=2, reserved=2, promises=2)
    broken = [[promise.order_id for promise in work.take([counted(-1)]).broken] for _ in range(2)]
    assert broken == [["o-1"], ["o-0"]]
    assert work.stocks[SHELF].reserved == 0
    assert [movement.kind for movement in work.movements] == ["released", "counted"] * 2


def test_a_change_has_events_of_shelves_that_have_more_or_fewer() -> None:
    (event,) = a_work().take([counted(-2)]).events()
    assert isinstance(event, StockAdjusted)
    assert (event.delta, event.on_hand, event.reason) == (-2, 3, "counted")
    assert list(a_work().take(safety={SHELF: 1}).events()) == []


def test_a_safety_stock_that_empties_a_shelf_is_published() -> None:
    work = a_work()
    work.take(safety={SHELF: 5})
    assert [type(event) for event in work.news()] == [StockDepleted]
    assert work.protected == {SHELF}


def test_what_one_command_did_and_another_undid_is_no_event() -> None:
    work = ShelfWork({SHELF: Stock(SHELF, "shop", band="out_of_stock")})
    work.take([counted(5)], safety={SHELF: 5})
    assert work.news() == []


def test_the_latest_count_is_remembered() -> None:
    work = a_work()
    for minutes in (5, 1):
        work.take(counted={SHELF: NOON + timedelta(minutes=minutes)})
    assert work.counted[SHELF] == work.stocks[SHELF].counted_at == NOON + timedelta(minutes=5)


def test_a_shelf_is_short_when_it_cannot_keep_what_was_promised() -> None:
    stocks = a_work(on_hand=2, reserved=2).stocks
    assert short(stocks, found_after(stocks, [counted(-1)])) == [SHELF]
    assert short(stocks, found_after(stocks, [counted(1), counted(-1)])) == []


@pytest.mark.parametrize(
    ("kind", "units", "refused"), [("received", 0, True), ("damaged", -1, True), ("adjusted", -1, False)]
)
def test_only_what_is_adjusted_can_be_below_zero(kind: str, units: int, refused: bool) -> None:  # a parameter
    assert (why_bad_units(kind, units) is not None) is refused  # type: ignore[arg-type]  # literals by value


def test_nothing_was_counted_in_the_future() -> None:
    assert why_not_past(NOON + timedelta(seconds=1), NOON) is not None
    assert why_not_past(NOON, NOON) is why_not_past(None, NOON) is None
    assert Evidence("staff").occurred_at is None
