"""Where an order ships from: rules without a database."""

import os
from collections.abc import Sequence
from math import cos, degrees, hypot, inf, log, radians, tan
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.values import Line, LocationKind, Place
from lutong_inventory.sourcing.domain.decision import decide, decide_all, wish_of
from lutong_inventory.sourcing.domain.geometry import EARTH_RADIUS_MIN_M, distance_m, lower_bound_m
from lutong_inventory.sourcing.domain.sentences import why
from lutong_inventory.sourcing.domain.values import Candidate, Decision, Found, Left, Wish
from lutong_inventory.stock.domain.shelves import Demand, Shelf

HERE: Final = Place(latitude=31.23, longitude=121.47)


def planar(one: Place, other: Place) -> float:
    """Distance on the plane of the search, for places that are near each other."""

    def y(place: Place) -> float:
        return degrees(log(tan(radians(45 + place.latitude / 2))))

    return hypot(one.longitude - other.longitude, y(one) - y(other))


def planar_degrees(latitude: float, metres: float) -> float:
    """What the statement of the search cuts off at."""
    angle = metres / EARTH_RADIUS_MIN_M
    return degrees(angle / cos(min(radians(abs(latitude)) + angle, radians(89))))


def at(key: str, latitude: float, longitude: float, kind: LocationKind = "store", **more: Any) -> Candidate:
    place = Place(latitude=latitude, longitude=longitude)
    return Candidate(key, kind, place, planar(HERE, place), **more)


NEAR, FAR = at("near", 31.24, 121.48), at("far", 31.40, 121.60)
FLAGSHIP = at("flagship", 31.23, 121.47, "flagship")
EVERYWHERE: Final = (NEAR, FAR, FLAGSHIP)


def a_wish(*lines: tuple[str, int], order_id: str = "o-1") -> Wish:
    wanted = [Line(sku=sku, units=units, unit_price_minor=1) for sku, units in lines or (("tea", 1),)]
    return wish_of(order_id, "shop", HERE, "delivery", wanted, 50_000)


def stock(**units: int) -> Left:
    """`near_tea=3` is three units of tea at the near store."""
    return Left({Shelf(*name.split("_")): count for name, count in units.items()})


def chosen(wish: Wish, candidates: Sequence[Candidate], left: Left) -> str:
    decision = decide(wish, Found(candidates), left)
    assert decision is not None
    return decision.chosen.location_id if decision.chosen else "nobody"


def test_the_nearest_store_that_has_everything_serves_the_order() -> None:
    assert chosen(a_wish(("tea", 1)), EVERYWHERE, stock(near_tea=1, far_tea=9, flagship_tea=9)) == "near"
    assert chosen(a_wish(("tea", 2)), EVERYWHERE, stock(near_tea=1, far_tea=9, flagship_tea=9)) == "far"


def test_the_flagship_backs_the_stores_even_when_it_is_nearer() -> None:
    assert chosen(a_wish(), EVERYWHERE, stock(far_tea=1, flagship_tea=9)) == "far"
    assert chosen(a_wish(), EVERYWHERE, stock(flagship_tea=9)) == "flagship"


def test_an_order_is_never_split_between_locations() -> None:
    assert chosen(a_wish(("tea", 1), ("cup", 1)), EVERYWHERE, stock(near_tea=1, far_cup=1)) == "nobody"


def test_an_order_with_two_lines_of_one_sku_needs_the_sum() -> None:
    wish = a_wish(("tea", 2), ("tea", 2))
    assert wish.demand == (("tea", 4),)
    assert chosen(wish, EVERYWHERE, stock(near_tea=3, flagship_tea=4)) == "flagship"


def test_an_earlier_order_takes_the_last_unit() -> None:
    wishes = [a_wish(order_id=f"o-{n}") for n in range(3)]
    decisions = decide_all(wishes, {wish.order_id: Found((NEAR,)) for wish in wishes}, stock(near_tea=2))
    assert [bool(decision.chosen) for decision in decisions] == [True, True, False]


def test_a_location_serves_within_its_radius() -> None:
    small = at("near", 31.24, 121.48, radius_m=1_000)
    assert chosen(a_wish(), (small, FAR), stock(near_tea=1, far_tea=1)) == "far"


def test_a_location_takes_so_many_orders_a_day() -> None:
    one_more = at("near", 31.24, 121.48, daily_capacity=10, orders_today=9)
    wishes = [a_wish(order_id=f"o-{n}") for n in range(2)]
    found = {wish.order_id: Found((one_more, FAR)) for wish in wishes}
    decisions = decide_all(wishes, found, stock(near_tea=9, far_tea=9))
    assert [decision.chosen.key for decision in decisions if decision.chosen] == ["near", "far"]
    assert decisions[1].considered[0].verdict == "at_capacity"


def test_stores_at_one_place_share_the_orders() -> None:
    mall = [at(f"s-{n}", 31.24, 121.48) for n in range(4)]
    wishes = [a_wish(order_id=f"o-{n}") for n in range(8)]
    left = stock(**{f"s-{n}_tea": 9 for n in range(4)})
    decisions = decide_all(wishes, {wish.order_id: Found(mall) for wish in wishes}, left)
    assert sorted(decision.chosen.key for decision in decisions if decision.chosen) == sorted(
        [f"s-{n}" for n in range(4)] * 2
    )


def test_metres_decide_and_not_degrees() -> None:
    """Harbin: 11.1 km to the north are fewer degrees than 9.3 km to the east."""
    harbin = Place(latitude=45.75, longitude=126.65)
    north = Candidate("north", "store", Place(latitude=45.85, longitude=126.65))
    east = Candidate("east", "store", Place(latitude=45.75, longitude=126.77))
    wish = Wish("o-1", "shop", harbin, "delivery", (Demand("tea", 1),), 50_000)
    assert chosen(wish, (north, east), stock(north_tea=1, east_tea=1)) == "east"


def test_a_store_that_was_not_looked_up_may_be_better() -> None:
    assert decide(a_wish(), Found((FAR,), FAR.planar), stock()) is None
    assert decide(a_wish(), Found((NEAR, FAR), FAR.planar), stock(near_tea=1, far_tea=1)) is not None
    wishes = [a_wish(order_id="o-1"), a_wish(order_id="o-2")]
    found = {"o-1": Found((NEAR,)), "o-2": Found((NEAR,), NEAR.planar)}
    assert len(decide_all(wishes, found, stock(near_tea=1))) == 1


def brute_force(wish: Wish, candidates: Sequence[Candidate], left: Left) -> str:
    """Measure every location."""
    able = [
        (each.kind == "flagship", round(distance_m(wish.destination, each.place)), each.orders_today, each.key)
        for each in candidates
        if (each.radius_m is None or distance_m(wish.destination, each.place) <= each.radius_m)
        and (each.daily_capacity is None or each.orders_today < each.daily_capacity)
        and all(left.units.get(Shelf(each.key, sku), 0) >= units for sku, units in wish.demand)
    ]
    return min(able)[3] if able else "nobody"


ORDERS: Final = int(os.environ.get("SOURCING_ORDERS", "500"))
"""`SOURCING_ORDERS=10000` looks longer."""


@pytest.mark.parametrize("seed", range(20))
def test_the_decision_is_that_of_measuring_every_location(seed: int) -> None:
    rng = Random(seed)
    for _ in range(ORDERS // 20):
        candidates = sorted(
            (
                at(
                    f"s-{n}",
                    HERE.latitude + rng.choice((0, rng.uniform(-0.3, 0.3))),
                    HERE.longitude + rng.choice((0, rng.uniform(-0.3, 0.3))),
                    rng.choice(("store", "store", "store", "flagship")),
                    radius_m=rng.choice((3_000, 20_000, 50_000)),
                    orders_today=rng.randrange(4),
                    daily_capacity=rng.choice((2, 100)),
                )
                for n in range(30)
            ),
            key=lambda each: each.planar,
        )
        wish = a_wish(("tea", rng.randint(1, 2)), ("cup", 1))
        left = Left({Shelf(each.key, sku): rng.randrange(4) for each in candidates for sku in ("tea", "cup")})
        assert chosen(wish, candidates, left) == brute_force(wish, candidates, left)


@given(st.floats(-60, 60), st.floats(-1, 1), st.floats(-1, 1))
def test_the_plane_never_hides_a_place_that_is_near_enough(latitude: float, north: float, east: float) -> None:
    one, other = Place(latitude=latitude, longitude=10), Place(latitude=latitude + north, longitude=10 + east)
    metres, on_plane = distance_m(one, other), planar(one, other)
    assert lower_bound_m(latitude, on_plane) <= metres + 0.001
    assert on_plane <= planar_degrees(latitude, metres) + 1e-9


def test_what_is_nowhere_is_infinitely_far() -> None:
    assert lower_bound_m(31, inf) == inf


def test_distance_is_that_of_the_ellipsoid() -> None:
    beijing, shanghai = Place(latitude=39.9042, longitude=116.4074), Place(latitude=31.2304, longitude=121.4737)
    assert distance_m(beijing, shanghai) == pytest.approx(1_065_898, abs=2_000)
    degree = distance_m(Place(latitude=0, longitude=0), Place(latitude=0, longitude=1))
    assert degree == pytest.approx(radians(1) * 6_378_137, abs=0.01)
    assert distance_m(HERE, HERE) == 0


def reasons(decision: Decision | None) -> str:
    assert decision is not None
    return why(decision.considered, decision.reason).en


def test_a_decision_has_its_reason() -> None:
    near = decide(a_wish(), Found(EVERYWHERE), stock(near_tea=1))
    assert reasons(near) == "near was chosen: the nearest store that has the whole order, 1462 m away"
    flagship = decide(a_wish(), Found(EVERYWHERE), stock(flagship_tea=1))
    assert reasons(flagship) == (
        "flagship was chosen: no store can serve the whole order, and the flagship can; of those before it "
        "2 had not the whole order"
    )
    assert reasons(decide(a_wish(), Found(EVERYWHERE), stock())) == "no open location has the whole order"
    assert near is not None
    assert "最近且整单有货的门店" in why(near.considered, None).zh
