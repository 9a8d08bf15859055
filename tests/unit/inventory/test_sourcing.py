"""Where an order ships from: rules without a database."""

from collections.abc import Mapping
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Line, Money, Place
from lutong_inventory.sourcing.domain import (
    Location,
    Recalled,
    Rejected,
    Sourced,
    distance_m,
    source,
    source_all,
)
from lutong_inventory.stock.domain import Shelf, demand_by_sku

HERE = Place(latitude=31.23, longitude=121.47)
NEAR = Location("near", "store", Place(latitude=31.24, longitude=121.48))
FAR = Location("far", "store", Place(latitude=31.40, longitude=121.60))
FLAGSHIP = Location("flagship", "flagship", HERE)
EVERYWHERE = (NEAR, FAR, FLAGSHIP)


def an_order(*lines: tuple[str, int], order_id: str = "o-1") -> CreditHeld:
    return CreditHeld(
        order_id=order_id, agreement_id="a", member_id="m", merchant_id="shop", post_id="p", program_id="g",
        amount=Money(amount_minor=100, currency="CNY"),
        lines=tuple(Line(sku=sku, units=units, unit_price_minor=1) for sku, units in lines),
        destination=HERE, mode="delivery",
    )  # fmt: skip


def stock(**units: int) -> dict[Shelf, int]:
    """`near_tea=3` is three units of tea at the near store."""
    return {Shelf(*name.split("_")): count for name, count in units.items()}


def where(outcome: object) -> str:
    return outcome.location.location_id if isinstance(outcome, Sourced) else type(outcome).__name__


def test_the_nearest_store_that_has_everything_serves_the_order() -> None:
    assert where(source(an_order(("tea", 1)), EVERYWHERE, stock(near_tea=1, far_tea=9, flagship_tea=9))) == "near"
    assert where(source(an_order(("tea", 2)), EVERYWHERE, stock(near_tea=1, far_tea=9, flagship_tea=9))) == "far"


def test_the_flagship_backs_the_stores_even_when_it_is_nearer() -> None:
    assert where(source(an_order(("tea", 1)), EVERYWHERE, stock(far_tea=1, flagship_tea=9))) == "far"
    assert where(source(an_order(("tea", 1)), EVERYWHERE, stock(flagship_tea=9))) == "flagship"


def test_a_mode_that_only_newer_versions_know_is_refused() -> None:
    order = CreditHeld.model_validate_json(an_order(("tea", 1)).model_dump_json().replace('"delivery"', '"dine_in"'))
    assert source(order, EVERYWHERE, stock(near_tea=1)) == Rejected(order, "unknown_mode")
    assert next_step("rejected", order.mode) is None


def test_an_order_is_never_split_between_locations() -> None:
    outcome = source(an_order(("tea", 1), ("cup", 1)), EVERYWHERE, stock(near_tea=1, far_cup=1))
    assert outcome == Rejected(an_order(("tea", 1), ("cup", 1)), "out_of_stock")


def test_an_order_with_two_lines_of_one_sku_needs_the_sum() -> None:
    order = an_order(("tea", 2), ("tea", 2))
    assert demand_by_sku(order.lines) == (("tea", 4),)
    assert where(source(order, EVERYWHERE, stock(near_tea=3, flagship_tea=4))) == "flagship"


def test_a_merchant_without_locations_cannot_serve() -> None:
    outcome = source(an_order(("tea", 1)), (), {})
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "no_location"


def test_an_earlier_order_takes_the_last_unit() -> None:
    orders = [an_order(("tea", 1), order_id=f"o-{n}") for n in range(3)]
    outcomes = source_all(orders, {o.order_id: (NEAR,) for o in orders}, stock(near_tea=2), frozenset())
    assert [where(outcome) for outcome in outcomes] == ["near", "near", "Rejected"]


def test_an_order_that_was_recalled_takes_nothing() -> None:
    orders = [an_order(("tea", 1), order_id=f"o-{n}") for n in range(2)]
    outcomes = source_all(orders, {o.order_id: (NEAR,) for o in orders}, stock(near_tea=1), frozenset({"o-0"}))
    assert [type(outcome) for outcome in outcomes] == [Recalled, Sourced]


units = st.integers(0, 5)
shelves = st.fixed_dictionaries(
    {Shelf(place.location_id, sku): units for place in EVERYWHERE for sku in ("tea", "cup")}
)
baskets = st.lists(st.tuples(st.sampled_from(["tea", "cup"]), st.integers(1, 3)), min_size=1, max_size=3)


@given(shelves, st.lists(baskets, max_size=8))
def test_nothing_is_promised_that_is_not_there(
    on_shelves: Mapping[Shelf, int], wanted: list[list[tuple[str, int]]]
) -> None:
    orders = [an_order(*basket, order_id=f"o-{n}") for n, basket in enumerate(wanted)]
    outcomes = source_all(orders, {o.order_id: EVERYWHERE for o in orders}, on_shelves, frozenset())
    taken: dict[Shelf, int] = {}
    for outcome in outcomes:
        if isinstance(outcome, Sourced):
            for sku, count in outcome.demand:
                shelf = Shelf(outcome.location.location_id, sku)
                taken[shelf] = taken.get(shelf, 0) + count
    assert all(count <= on_shelves[shelf] for shelf, count in taken.items())


@given(shelves, baskets)
def test_the_answer_does_not_depend_on_the_order_of_candidates(
    on_shelves: Mapping[Shelf, int], basket: list[tuple[str, int]]
) -> None:
    answers = {where(source(an_order(*basket), candidates, on_shelves)) for candidates in permutations(EVERYWHERE)}
    assert len(answers) == 1


def test_distance_is_that_of_the_great_circle() -> None:
    beijing, shanghai = Place(latitude=39.9042, longitude=116.4074), Place(latitude=31.2304, longitude=121.4737)
    assert distance_m(beijing, shanghai) == pytest.approx(1_067_000, rel=0.005)
    assert distance_m(HERE, HERE) == 0
    antipode = Place(latitude=-31.23, longitude=-58.53)
    assert distance_m(HERE, antipode) == pytest.approx(20_015_000, rel=0.001)
