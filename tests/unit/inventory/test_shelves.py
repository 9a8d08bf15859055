"""What a shelf has to say: rules without a database."""

import pytest

from lutong_inventory.stock.domain import ShelfChange, shelf_news


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (1, 0, "StockDepleted"),
        (3, -2, "StockDepleted"),
        (0, 1, "StockRestored"),
        (-2, 4, "StockRestored"),
        (5, 1, None),
        (0, -1, None),
        (-2, 0, None),
    ],
)
def test_a_shelf_speaks_up_when_it_runs_empty_or_has_something_again(before: int, now: int, said: str | None) -> None:
    news = shelf_news([ShelfChange("store", "mask", before, now)])
    assert [type(event).__name__ for event in news] == ([said] if said else [])
