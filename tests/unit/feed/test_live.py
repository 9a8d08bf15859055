"""What a card shows live: the nearest store that has something, or less, with a reason; and laws over random shops, with mutants."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from lutong_contracts.values import Place
from lutong_feed.live import domain
from lutong_feed.live.domain import Live, Offer, Shelf, Spot
from lutong_feed.live.sentences import stated

NOW: Final = datetime(2026, 1, 8, 12, tzinfo=UTC)
TEA, MILK = Offer("tea", "Tea", 300, "CNY"), Offer("milk", "Milk", 900, "CNY")
NEAR: Final = Spot("near", "store", "open", ("delivery",), None, None, 1_000)
NEXT: Final = NEAR._replace(location_id="next", distance_m=2_000)
FLAGSHIP: Final = Spot("flagship", "flagship", "open", ("delivery",), None, None, 900_000)
SEEDS: Final = range(300)


def found(*spots: Spot, **bands: str) -> Live:
    by_shelf = {Shelf(*name.split("__")): band for name, band in bands.items()}
    offers = [TEA, MILK] if any(shelf.sku == "milk" for shelf in by_shelf) else [TEA]
    shown = domain.live(offers, spots, by_shelf, NOW)
    assert shown
    return shown


def test_the_nearest_store_that_has_something_is_shown() -> None:
    assert found(NEXT, NEAR, near__tea="in_stock") == Live(
        "live", "tea", "in_stock", "near", "store", 1_000, ("delivery",)
    )
    other = found(NEXT, NEAR, FLAGSHIP, near__tea="out_of_stock", next__tea="limited_availability")
    assert (other.state, other.location_id, other.band) == ("live", "next", "limited_availability")


def test_who_may_not_use_the_place_states_it() -> None:
    sent = domain.unlocated(found(FLAGSHIP, flagship__tea="in_stock"))
    assert (sent.reason, sent.fallback, sent.distance_m) == ("location_not_granted", "flagship", None)
    nothing = domain.unlocated(found())
    assert (nothing.state, nothing.reason, nothing.fallback) == ("degraded", "location_not_granted", "none")
    sold_out = found(FLAGSHIP, flagship__tea="out_of_stock")
    assert domain.unlocated(sold_out) == sold_out  # a place would not help


def test_another_offer_stands_in_for_one_that_is_sold_out() -> None:
    shown = found(NEAR, near__tea="out_of_stock", near__milk="in_stock")
    assert (shown.state, shown.sku) == ("live", "milk")


@pytest.mark.parametrize(
    ("spot", "bands", "reason"),
    [
        (NEAR, {"near__tea": "out_of_stock"}, "out_of_stock"),
        (NEAR._replace(state="paused", paused_until=NOW + timedelta(hours=1)), {}, "paused"),
        (NEAR._replace(state="paused"), {}, "paused"),
        (NEAR._replace(state="closed"), {}, "closed"),
        (NEAR._replace(distance_m=domain.REACH_M + 1), {}, "out_of_reach"),
        (NEAR._replace(radius_m=999), {}, "out_of_reach"),
    ],
)
def test_a_card_is_degraded_with_a_reason_and_a_fallback(spot: Spot, bands: dict[str, str], reason: str) -> None:
    with_flagship = found(spot, FLAGSHIP, **bands)
    assert with_flagship[:1] + with_flagship[7:9] == ("degraded", reason, "flagship")
    alone = found(spot, **bands)
    assert alone[:1] + alone[7:9] == ("degraded", reason, "none")
    assert found(spot, FLAGSHIP, flagship__tea="out_of_stock", **bands).fallback == "none"
    for shown in (with_flagship, alone):
        assert all(stated(shown))


def test_a_pause_that_is_over_is_none() -> None:
    assert found(NEAR._replace(state="paused", paused_until=NOW)).state == "live"
    until = NOW + timedelta(minutes=5)
    assert found(NEAR._replace(state="paused", paused_until=until)).until == until


def test_a_merchant_without_stores_is_not_degraded_by_them() -> None:
    assert found(FLAGSHIP).state == "live"
    sold_out = found(FLAGSHIP, flagship__tea="out_of_stock")
    assert (sold_out.state, sold_out.reason, sold_out.band) == ("degraded", "out_of_stock", "out_of_stock")
    paused = found(FLAGSHIP._replace(state="paused"))
    assert (paused.reason, paused.fallback) == ("paused", "none")


def test_what_sells_nothing_shows_nothing() -> None:
    assert domain.live([], [NEAR], {}, NOW) is None
    assert found().state == "unknown"


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (found(), "not known"),
        (found(NEAR, near__tea="in_stock"), "In stock, at a store 1.0 km away"),
        (found(NEAR._replace(distance_m=None), near__tea="limited_availability"), "Only a few left, at a store"),
        (found(NEAR), "To be had, at a store 1.0 km away"),
        (found(FLAGSHIP), "To be had, sent by the flagship"),
        (found(NEAR, FLAGSHIP, near__tea="out_of_stock"), "Sold out in the stores near you: sent by the flagship"),
        (found(NEAR, near__tea="out_of_stock"), "Sold out in the stores near you"),
    ],
)
def test_a_card_states_it_in_both_languages(shown: Live, words: str) -> None:
    assert words in stated(shown).en
    assert stated(shown).zh


def test_distances_are_right_within_a_per_cent() -> None:
    people_square, bund = Place(latitude=31.23, longitude=121.47), Place(latitude=31.24, longitude=121.49)
    assert 2_190 < domain.distance_m(people_square, bund) < 2_215
    assert domain.cell(Place(latitude=-0.01, longitude=121.47)) == (-1, 1214)


@dataclass(frozen=True)
class Shop:
    """Places, and what they have."""

    spots: tuple[Spot, ...]
    bands: dict[Shelf, str]


def a_shop(seed: int) -> Shop:
    rng = random.Random(seed)
    spots = tuple(
        Spot(
            f"l-{n}", rng.choice(["store", "store", "flagship"]), rng.choice(["open", "open", "paused", "closed"]), (),
            rng.choice([None, 800, 9_000]), rng.choice([None, NOW + timedelta(hours=1), NOW - timedelta(hours=1)]),
            rng.choice([100, 3_000, 7_000]),
        )
        for n in range(rng.randrange(6))
    )  # fmt: skip
    words = ("in_stock", "limited_availability", "out_of_stock")
    bands = {Shelf(s.location_id, o): rng.choice(words) for s in spots for o in ("tea", "milk") if rng.random() < 0.8}
    return Shop(spots, bands)


def shown_in(shop: Shop) -> Live:
    shown = domain.live([TEA, MILK], shop.spots, shop.bands, NOW)
    assert shown
    return shown


def serves(spot: Spot) -> bool:
    open_now = spot.state == "open" or (spot.state == "paused" and spot.paused_until == NOW - timedelta(hours=1))
    return open_now and (spot.kind != "store" or (spot.distance_m or 0) <= (spot.radius_m or 5_000))


def has(shop: Shop, spot: Spot) -> bool:
    return any(shop.bands.get(Shelf(spot.location_id, sku)) != "out_of_stock" for sku in ("tea", "milk"))


def names_only_who_serves_and_has(shop: Shop) -> None:
    shown = shown_in(shop)
    if shown.location_id:
        spot = next(each for each in shop.spots if each.location_id == shown.location_id)
        assert serves(spot)
        assert shop.bands.get(Shelf(spot.location_id, shown.sku)) == shown.band != "out_of_stock"


def is_live_where_a_store_serves(shop: Shop) -> None:
    able = [spot for spot in shop.spots if spot.kind == "store" and serves(spot) and has(shop, spot)]
    if able:
        shown = shown_in(shop)
        assert (shown.state, shown.distance_m) == ("live", min(spot.distance_m or 0 for spot in able))


def states_why_it_is_less(shop: Shop) -> None:
    shown = shown_in(shop)
    assert (shown.state == "degraded") == (shown.reason is not None) == (shown.fallback is not None)
    able = [spot for spot in shop.spots if spot.kind != "store" and serves(spot) and has(shop, spot)]
    stores = [spot for spot in shop.spots if spot.kind == "store"]
    if stores and shown.location_kind != "store":
        assert shown.state == "degraded"
    if shown.state == "degraded":
        assert (shown.fallback == "flagship") == bool(able)


def is_not_changed_by_the_order_of_places(shop: Shop) -> None:
    assert shown_in(replace(shop, spots=shop.spots[::-1])) == shown_in(shop)


LAWS: Final[tuple[Callable[[Shop], None], ...]] = (
    names_only_who_serves_and_has, is_live_where_a_store_serves, states_why_it_is_less,
    is_not_changed_by_the_order_of_places,
)  # fmt: skip

MUTANTS: Final[dict[str, tuple[str, Any]]] = {
    "everybody serves": ("_why_not", lambda *_: None),
    "nobody serves": ("_why_not", lambda *_: "paused"),
    "nothing is wanting": ("_wanting", lambda *_: None),
    "the first offer is shown": ("_best", lambda spot, offers, bands: Live(
        "live", offers[0].sku, bands.get(Shelf(spot.location_id, offers[0].sku)), spot.location_id, spot.kind, spot.distance_m, ())),
    "the worst offer is shown": ("_RANK", {"in_stock": 0, "limited_availability": 1, None: 2, "out_of_stock": 3}),
    "a store serves everywhere": ("REACH_M", 10**9),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_live_card_keeps_its_law(law: Callable[[Shop], None]) -> None:
    for seed in SEEDS:
        law(a_shop(seed))


def broken() -> Iterator[str]:
    for law in LAWS:
        try:
            for seed in SEEDS:
                law(a_shop(seed))
        except AssertionError:
            yield law.__name__


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_live_cards_breaks_a_law(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = MUTANTS[mutant]
    monkeypatch.setattr(domain, name, value)
    assert list(broken())
