"""Orders that several locations serve: who serves what, what it costs, and how the whole ends."""

from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.inventory import OrderCancelled, OrderFulfilled
from lutong_contracts.values import Line, LocationKind, Place
from lutong_inventory.orders.domain.outcome import end_of, shares, state_of
from lutong_inventory.orders.domain.steps import State
from lutong_inventory.parts import listed_minor, names, part_id
from lutong_inventory.sourcing.domain.decision import decide_in_parts, fewest
from lutong_inventory.sourcing.domain.sentences import why
from lutong_inventory.sourcing.domain.values import Candidate, Decision, Found, Left, Splitting, Stocked, Wish
from lutong_inventory.stock.domain.shelves import Demand, Shelf

HERE: Final = Place(latitude=31.23, longitude=121.47)
SKUS: Final = ("tea", "cup", "pot", "mat")


def at(key: str, km: float, kind: LocationKind = "store", **more: int) -> Candidate:
    """A location so far to the north."""
    return Candidate(key, kind, Place(latitude=31.23 + km / 111, longitude=121.47), daily_capacity=more.get("capacity"))


def decided(wish: Wish, parts_max: int, *some: tuple[Candidate, str]) -> Decision:
    """What is decided where each candidate has one unit of some SKUs."""
    stocked = [Stocked(candidate, frozenset(skus.split())) for candidate, skus in some]
    units = {Shelf(each.candidate.key, sku): 1 for each in stocked for sku in each.skus}
    decision = decide_in_parts(wish, Found((), splitting=Splitting(parts_max, stocked)), Left(units))
    assert decision is not None
    return decision


def a_wish(*skus: str) -> Wish:
    return Wish("o-1", "shop", HERE, "delivery", tuple(Demand(sku, 1) for sku in sorted(skus)), 50_000, may_split=True)


def served(decision: Decision) -> dict[str, list[str]]:
    return {part.chosen.key: [sku for sku, _ in part.wish.demand] for part in decision.parts if part.chosen}


def test_nobody_has_looked_for_parts_yet_so_look_further() -> None:
    assert decide_in_parts(a_wish("tea"), Found(()), Left({})) is None


def test_the_fewest_come_before_the_nearest() -> None:
    near = [(at("a", 1), "tea"), (at("b", 1), "cup"), (at("c", 1), "pot")]
    far = (at("d", 40), "cup pot")
    assert served(decided(a_wish("tea", "cup", "pot"), 3, *near, far)) == {"a": ["tea"], "d": ["cup", "pot"]}


def test_of_equally_few_the_nearest_serve_and_the_flagship_last() -> None:
    some = [(at("a", 5), "tea"), (at("b", 9), "cup"), (at("c", 7), "cup"), (at("f", 0, "flagship"), "cup")]
    assert served(decided(a_wish("tea", "cup"), 2, *some)) == {"a": ["tea"], "c": ["cup"]}
    assert served(decided(a_wish("tea", "cup"), 2, some[0], some[3])) == {"a": ["tea"], "f": ["cup"]}


def test_no_more_serve_than_the_merchant_lets() -> None:
    three = [(at("a", 1), "tea"), (at("b", 1), "cup"), (at("c", 1), "pot")]
    assert decided(a_wish("tea", "cup", "pot"), 2, *three).chosen is None
    assert len(decided(a_wish("tea", "cup", "pot"), 3, *three).parts) == 3


def test_a_location_that_is_full_serves_no_part() -> None:
    some = [(at("a", 1), "tea"), (at("full", 1, capacity=0), "cup"), (at("b", 9), "cup")]
    assert served(decided(a_wish("tea", "cup"), 2, *some)) == {"a": ["tea"], "b": ["cup"]}


def test_one_that_has_it_all_by_now_serves_it_whole() -> None:
    whole = decided(a_wish("tea", "cup"), 2, (at("a", 1), "tea"), (at("b", 9), "tea cup"))
    assert (served(whole), whole.wish.part_of, whole.considered[1].verdict) == ({"b": ["cup", "tea"]}, None, "chosen")


def test_a_split_is_explained_in_both_languages() -> None:
    text = why(decided(a_wish("tea", "cup"), 2, (at("a", 1), "tea"), (at("b", 9), "cup")).considered, None)
    assert "its merchant lets it be split: a (" in text.en
    assert "商家允许拆单" in text.zh


def test_parts_have_ids_that_follow_from_their_order() -> None:
    assert [part_id("o-1", number) for number in (1, 2, 3)] == ["o-1", "o-1.2", "o-1.3"]
    long = "o" * 63
    assert (len(part_id(long, 2)), part_id(long, 2)) == (36, part_id(long, 2))
    assert names("o-1", None) == {"order_id": "o-1", "fulfilment_id": None}


@pytest.mark.parametrize("seed", range(200))
def test_a_cover_is_the_one_that_brute_force_finds(seed: int) -> None:
    rng = Random(seed)
    has = {f"l-{n}": {sku for sku in SKUS if rng.random() < 0.4} for n in range(7)}
    cost = {key: rng.randint(1, 9) for key in has}
    needed = set(rng.sample(SKUS, rng.randint(1, 4)))

    def total(keys: tuple[str, ...]) -> int:
        return sum(cost[key] for key in keys)

    found = fewest(needed, has, 3, total)
    every = [c for n in (1, 2, 3) for c in combinations(has, n) if needed <= set().union(*(has[key] for key in c))]
    best = min(every, key=lambda keys: (len(keys), total(keys)), default=None)
    assert (found and (len(found), total(found))) == (best and (len(best), total(best)))


LINES = st.lists(
    st.builds(Line, sku=st.sampled_from(SKUS), units=st.integers(1, 9), unit_price_minor=st.integers(0, 500)),
    min_size=1,
)


@given(lines=LINES, amount_minor=st.integers(1, 10_000), first=st.sets(st.sampled_from(SKUS)))
def test_shares_add_up_to_the_order(lines: list[Line], amount_minor: int, first: set[str]) -> None:
    both = shares(lines, amount_minor, [first, set(SKUS) - first])
    assert sum(share.amount_minor for share in both) == amount_minor
    assert min(share.amount_minor for share in both) >= 0
    assert sorted(map(repr, lines)) == sorted(repr(line) for share in both for line in share.lines)
    assert sum(listed_minor(share.lines) for share in both) == listed_minor(lines)


@dataclass(frozen=True)
class Part:
    """A part of an order."""

    order_id: str
    state: State
    amount_minor: int = 50
    reason: str | None = "sold_out"
    part_of: str | None = "o-1"
    merchant_id: str = "shop"
    member_id: str = "m-1"
    post_id: str = "p-1"
    program_id: str = "g-1"
    location_id: str | None = "near"
    location_kind: LocationKind | None = "store"
    currency: str = "CNY"
    touch: str | None = None
    order_lines: list[Line] = field(default_factory=lambda: [Line(sku="tea", units=1, unit_price_minor=60)])


def test_an_order_ends_with_its_last_part_only() -> None:
    assert end_of([Part("o-1", "fulfilled"), Part("o-1.2", "handed_over")]) is None


def test_an_order_of_which_something_came_is_fulfilled_for_that() -> None:
    short = end_of([Part("o-1", "cancelled"), Part("o-1.2", "fulfilled", 30)])
    assert isinstance(short, OrderFulfilled)
    assert short.listed is not None
    assert (short.order_id, short.amount.amount_minor, short.listed.amount_minor) == ("o-1", 30, 60)
    full = end_of([Part("o-1", "fulfilled"), Part("o-1.2", "fulfilled")])
    assert isinstance(full, OrderFulfilled)
    assert (full.amount.amount_minor, full.listed) == (100, None)


def test_an_order_of_which_nothing_came_is_cancelled() -> None:
    event = end_of([Part("o-1", "cancelled"), Part("o-1.2", "cancelled")])
    assert isinstance(event, OrderCancelled)
    assert event.reason == "sold_out"


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["fulfilled", "picked", "handed_over"], "picked"),
        (["offered", "accepted"], "offered"),
        (["cancelled", "fulfilled"], "fulfilled"),
        (["cancelled", "cancelled"], "cancelled"),
    ],
)
def test_a_whole_order_is_as_far_as_the_least_of_it(states: list[State], whole: State) -> None:
    assert state_of(states) == whole
