"""The band of a shelf: what was published last and the units decide on it, and it does not flap."""

from itertools import pairwise
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.values import StockBand
from lutong_inventory.stock.domain.bands import IN_STOCK_UNITS, LIMITED_UNITS, band_after
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock, fold, shelf_news

SHELF: Final = Shelf("near", "tea")
BANDS: Final = (None, *get_args(StockBand))
units = st.integers(-3, 20)
deltas = st.lists(st.integers(-6, 6), max_size=40)


def walked(*available: int, reserved: int = 1) -> list[StockBand]:
    """The bands of a shelf that has had so many units, one after the other."""
    bands: list[StockBand] = []
    for each in available:
        bands.append(band_after(bands[-1] if bands else None, each, reserved))
    return bands


def changes(bands: list[StockBand]) -> int:
    """How often the band is another one than before."""
    return sum(one != other for one, other in pairwise(bands))


def moved(deltas: list[int]) -> list[Movement]:
    """Counts of a shelf with ten units that never take more than is there."""
    on_hand, movements = 10, []
    for delta in deltas:
        found = max(0, on_hand + delta)
        movements.append(Movement(SHELF, "counted", found - on_hand))
        on_hand = found
    return movements


@pytest.mark.parametrize(
    ("available", "bands"),
    [
        ((6, 5, 6, 7, 8, 7, 6), "in few few few in in in"),
        ((5, 4, 5, 4, 5, 4), "few few few few few few"),
        ((2, 0, 1, 0, 1, 2, 1, 0), "few out out out out few few out"),
        ((0, 7, 8), "out few in"),
        ((0, 99, 0), "out in out"),
    ],
)
def test_a_band_is_left_at_other_units_than_it_is_entered(available: tuple[int, ...], bands: str) -> None:
    words = {"in": "in_stock", "few": "limited_availability", "out": "out_of_stock"}
    assert walked(*available) == [words[each] for each in bands.split()]


def test_all_that_is_there_and_free_can_be_promised() -> None:
    assert band_after("out_of_stock", 1, 0) == "limited_availability"


@given(st.sampled_from(BANDS), units, st.integers(0, 3))
def test_a_band_that_was_published_stays_until_units_change(band: StockBand | None, available: int, held: int) -> None:
    once = band_after(band, available, held)
    assert band_after(once, available, held) == once
    assert (once == "out_of_stock") >= (available <= 0)
    if available >= IN_STOCK_UNITS:
        assert once == "in_stock"
    if 2 <= available <= LIMITED_UNITS:
        assert once == "limited_availability"


@given(st.sampled_from(BANDS), units, st.lists(st.sampled_from([0, 1]), max_size=30))
def test_one_unit_back_and_forth_is_published_once_at_most(
    band: StockBand | None, available: int, path: list[int]
) -> None:
    bands = [band_after(band, available, 1)]
    for step in path:
        bands.append(band_after(bands[-1], available + step, 1))
    assert changes(bands) <= 1


@given(deltas, st.lists(st.integers(0, 40), max_size=5))
def test_however_movements_are_cut_into_batches_the_band_is_the_same(deltas: list[int], cuts: list[int]) -> None:
    movements = moved(deltas)
    whole = fold({SHELF: Stock(SHELF, "shop", 10).published()}, movements)
    stock, published, last = Stock(SHELF, "shop", 10).published(), [], "in_stock"
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(movements)], strict=True):
        after = fold({SHELF: stock}, movements[begin:end])
        published += shelf_news({SHELF: stock}, after)
        stock = after.get(SHELF, stock)
    assert stock == whole.get(SHELF, stock)
    for event in published:
        assert event.band != last, "an event is a change"  # type: ignore[attr-defined]  # each of the three has it
        last = event.band  # type: ignore[attr-defined]
    assert last == stock.band


def test_negative_control_without_what_was_published_it_flaps() -> None:
    """What the memory is for: the same units, and a band that forgets changes with each of them."""
    available = [7, 5, 6, 5, 6, 5, 6, 5, 6]
    forgetful = [band_after(None, each, 1) for each in available]
    assert changes(forgetful) == 8
    assert changes(walked(*available)) == 1
