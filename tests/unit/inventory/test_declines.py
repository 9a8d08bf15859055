"""What a decline says of shelves and of the location: rules without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lutong_contracts.values import Place
from lutong_inventory.locations.domain.location import Location, eased
from lutong_inventory.sourcing.domain.decision import decide, wish_of
from lutong_inventory.sourcing.domain.values import Candidate, Found, Left
from lutong_inventory.stock.domain.declines import Declined, after_decline
from lutong_inventory.stock.domain.shelves import Shelf, Stock

NOW: Final = datetime(2026, 1, 5, 4, tzinfo=UTC)
"""Noon in Shanghai."""
TEA: Final = Shelf("near", "tea")
STOCK: Final = Stock(TEA, "shop", on_hand=9, reserved=2, unavailable=1, safety_stock=2)
STORE: Final = Location("near", "near", "shop", "store", "near", Place(latitude=31.24, longitude=121.48))


@pytest.mark.parametrize(
    ("reason", "named", "on_hand", "unavailable"),
    [
        ("sold_out", True, -6, 0),
        ("sold_out", False, 0, 3),
        ("damaged", True, 0, 3),
        ("rush_hour", True, 0, 0),
        ("closed", True, 0, 0),
        ("short", True, 0, 0),
    ],
)
def test_a_decline_moves_the_shelf_by_its_reason(reason: str, named: bool, on_hand: int, unavailable: int) -> None:
    movement = after_decline(STOCK, Declined(TEA, 3, reason, "o-1", named))
    assert (movement is None) == (not on_hand and not unavailable)
    if movement:
        assert (movement.on_hand_delta, movement.unavailable_delta) == (on_hand, unavailable)
        assert (movement.order_id, movement.reason) == ("o-1", reason)


def test_what_is_promised_to_others_stays_on_a_shelf_that_sold_out() -> None:
    movement = after_decline(STOCK, Declined(TEA, 3, "sold_out", "o-1"))
    assert movement is not None
    after = STOCK.after(movement)
    assert (after.on_hand - after.unavailable, after.reserved, after.band) == (2, 2, "out_of_stock")
    assert after_decline(after, Declined(TEA, 3, "damaged", "o-2")) is None


def test_a_store_in_rush_hour_pauses_for_a_while_and_never_shorter() -> None:
    half = timedelta(minutes=30)
    assert eased(STORE, "rush_hour", NOW, half).paused_until == NOW + half
    assert eased(STORE, "closed", NOW, half).paused_until == datetime(2026, 1, 5, 16, tzinfo=UTC)
    longer = replace(STORE, paused_until=NOW + timedelta(days=2))
    assert eased(longer, "rush_hour", NOW, half) == longer
    assert eased(STORE, "sold_out", NOW, half) == STORE
    assert eased(replace(STORE, open=False), "closed", NOW, half).paused_until is None


@pytest.mark.parametrize(("lowered", "chosen"), [(False, "near"), (True, "far")])
def test_a_lowered_store_comes_after_one_that_is_little_farther(lowered: bool, chosen: str) -> None:
    here = Place(latitude=31.23, longitude=121.47)
    near = Candidate("near", "store", Place(latitude=31.24, longitude=121.47), 0.01, 50_000, lowered=lowered)
    far = Candidate("far", "store", Place(latitude=31.25, longitude=121.47), 0.02, 50_000)
    farthest = Candidate("farthest", "store", Place(latitude=31.29, longitude=121.47), 0.07, 50_000)
    left = Left({Shelf(each.key, "tea"): 1 for each in (near, far, farthest)})
    wish = replace(wish_of("o-1", "shop", here, "delivery", [], 50_000), demand=())
    decision = decide(wish, Found([near, far, farthest]), left)
    assert decision is not None
    assert decision.chosen is not None
    assert decision.chosen.key == chosen
    assert decision.distance_m in {1109, 2217}
    only = decide(wish, Found([near, farthest]), left)
    assert only is not None
    assert only.chosen == near
