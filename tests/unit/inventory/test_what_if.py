"""Orders decided again by other rules: as they are nothing changes, and what was not kept is not guessed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final

import pytest

from lutong_contracts.values import Place
from lutong_inventory.sourcing.domain.decision import decide, decide_in_parts
from lutong_inventory.sourcing.domain.values import (
    Candidate,
    Considered,
    Found,
    Left,
    Splitting,
    Stocked,
    Wish,
)
from lutong_inventory.sourcing.domain.what_if import Decided, Known, Replayed, Rules, replay
from lutong_inventory.stock.domain.shelves import Demand, Shelf

HERE: Final = Place(latitude=31.23, longitude=121.47)
NOON: Final = datetime(2026, 11, 28, 4, tzinfo=UTC)
PLACES: Final = {f"s-{n}": Place(latitude=31.23 + (n + 1) / 100, longitude=121.47) for n in range(6)}
KNOWN: Final = {key: Known(key, "store", place, "Asia/Shanghai") for key, place in PLACES.items()} | {
    "flagship": Known("flagship", "flagship", HERE, "Asia/Shanghai")
}


def decided(order_id: str, *considered: Considered, reason: str | None = None) -> Decided:
    return Decided(order_id, "shop", "delivery", HERE, reason, considered, NOON)


def store(n: int, verdict: str = "farther", orders: int = 0) -> Considered:
    return Considered(f"s-{n}", "store", 1_109 * (n + 1), orders, verdict)  # type: ignore[arg-type]  # a verdict


FLAGSHIP: Final = Considered("flagship", "flagship", 0, 0, "farther")


def by_rules(rules: Rules, *orders: Decided) -> list[Replayed]:
    return replay(orders, KNOWN, rules, {})[0]


def serving(order: Replayed) -> list[str]:
    assert order.after is not None
    return order.after.location_ids


@pytest.mark.parametrize("seed", range(50))
def test_the_rules_as_they_are_lead_to_what_was_decided(seed: int) -> None:
    rng = Random(seed)
    candidates = [
        Candidate(
            key, each.kind, each.place, 0.0, rng.choice([None, 2_000, 9_000]), rng.randint(0, 5), rng.choice([None, 3])
        )
        for key, each in KNOWN.items()
    ]
    candidates = [
        each if each.kind == "store" else each._replace(radius_m=None, daily_capacity=None) for each in candidates
    ]
    units = {Shelf(key, sku): rng.randint(0, 1) for key in KNOWN for sku in ("tea", "cup")}
    orders = []
    for n in range(20):
        place = Place(latitude=31.2 + rng.random() / 10, longitude=121.47)
        wish = Wish(f"o-{n}", "shop", place, "delivery", (Demand("tea", 1), Demand("cup", 1)), 50_000, may_split=True)
        some = [Stocked(each, frozenset({"tea", "cup"})) for each in candidates]
        made = decide_in_parts(wish, Found(candidates, splitting=Splitting(3, some)), Left(dict(units)))
        assert made is not None
        orders.append(Decided(wish.order_id, "shop", "delivery", place, made.reason, made.considered, NOON))
    found, shifted = replay(orders, KNOWN, Rules(), {})
    assert [order.after is not None and not order.changed for order in found] == [True] * 20
    assert shifted == {}


def test_a_smaller_radius_hands_orders_to_the_flagship() -> None:
    order = decided("o-1", store(2, "chosen"), store(3), FLAGSHIP)
    (same,) = by_rules(Rules(radius_m=4_000), order)
    (other,) = by_rules(Rules(radius_m=3_000), order)
    assert (same.changed, serving(other)) == (False, ["flagship"])
    assert other.after is not None
    assert "no store can serve the whole order" in other.after.why.en
    (nobody,) = by_rules(Rules(radius_m=3_000), decided("o-1", store(2, "chosen"), store(3)))
    assert nobody.after is not None
    assert (nobody.after.by, nobody.after.reason, nobody.after.why.zh) == ((), "out_of_reach", "没有门店能服务到该地点")


def test_a_store_takes_no_more_orders_a_day_than_the_rule_has() -> None:
    orders = [decided(f"o-{n}", store(0, "chosen", n), store(1)) for n in range(4)]
    found, shifted = replay(orders, KNOWN, Rules(daily_capacity=2), {})
    assert [serving(each) for each in found] == [["s-0"], ["s-0"], ["s-1"], ["s-1"]]
    assert shifted == {"s-0|2026-11-28": -2, "s-1|2026-11-28": 2}
    assert [each.unsure for each in found] == [False, False, False, True]


def test_pages_go_on_where_the_last_one_ended() -> None:
    orders = [decided(f"o-{n}", store(0, "chosen", n), store(1)) for n in range(4)]
    whole = replay(orders, KNOWN, Rules(daily_capacity=3), {})
    first, shifted = replay(orders[:3], KNOWN, Rules(daily_capacity=3), {})
    second, last = replay(orders[3:], KNOWN, Rules(daily_capacity=3), shifted)
    assert ([*first, *second], last) == whole


def test_orders_of_the_day_weigh_as_metres() -> None:
    order = decided("o-1", store(0, "chosen", 9), store(1, orders=0))
    assert [serving(each) for each in by_rules(Rules(load_m=200), order)] == [["s-1"]]
    assert not by_rules(Rules(load_m=100), order)[0].changed


def test_a_flagship_may_count_as_a_store_that_is_farther() -> None:
    order = decided("o-1", store(2, "chosen"), FLAGSHIP)
    assert serving(by_rules(Rules(flagship_m=3_000), order)[0]) == ["flagship"]
    assert not by_rules(Rules(flagship_m=4_000), order)[0].changed


@pytest.mark.parametrize("verdict", ["out_of_stock", "at_capacity", "out_of_reach"])
def test_what_was_shut_is_never_opened(verdict: str) -> None:
    order = decided("o-1", store(0, verdict), store(2, "chosen"))
    for rules in (Rules(), Rules(load_m=9_000), Rules(daily_capacity=9), Rules(radius_m=90_000)):
        assert not by_rules(rules, order)[0].changed


def test_an_order_decided_by_what_was_not_kept_is_not_known() -> None:
    lowered = decided("o-1", store(2, "chosen"), store(0))  # the nearer one had declined lately
    assert by_rules(Rules(radius_m=1_500), lowered)[0].after is None
    gone = decided("o-2", Considered("closed-since", "store", 5, 0, "chosen"), store(1))
    assert by_rules(Rules(), gone)[0].after is None


def test_orders_in_parts_stay_or_end_and_are_never_guessed() -> None:
    order = decided("o-1", store(0, "part"), store(2, "part"), store(4))
    assert not by_rules(Rules(parts_max=2), order)[0].changed
    assert serving(by_rules(Rules(parts_max=1), order)[0]) == []
    assert by_rules(Rules(radius_m=2_000), order)[0].after is None
    full = decided("o-1", store(0, "part", 4), store(2, "part"))
    assert by_rules(Rules(daily_capacity=4), full)[0].after is None


def test_an_order_in_a_slot_stays_with_it() -> None:
    assert not by_rules(Rules(radius_m=1, daily_capacity=1), decided("o-1", store(3, "booked", 9)))[0].changed


def test_an_order_that_nobody_could_serve_stays_so() -> None:
    (order,) = by_rules(Rules(load_m=1), decided("o-1", reason="closed"))
    assert (order.changed, order.before.reason, order.after and order.after.reason) == (False, "closed", "closed")


def chosen_of(found: Sequence[Candidate]) -> str:
    wish = Wish("o", "shop", HERE, "delivery", (Demand("tea", 1),), 50_000)
    decision = decide(wish, Found(found), Left({Shelf(each.key, "tea"): 1 for each in found}))
    assert decision is not None
    assert decision.chosen is not None
    return decision.chosen.key


def test_orders_themselves_are_decided_by_the_weights_as_they_are() -> None:
    near = Candidate("s-0", "store", PLACES["s-0"], orders_today=99)
    far = Candidate("s-1", "store", PLACES["s-1"])
    assert chosen_of([near, far]) == "s-0"
    assert chosen_of([near._replace(lowered=True), far]) == "s-1"
